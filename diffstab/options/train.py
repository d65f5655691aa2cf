"""Training recipes as data, and the options of one training: a recipe's values, each of which can be set.

Sources: App. E.1 (`paper`, `transfer`), and the published code where it differs (`reference`). `laptop` is for a few
thousand digits on two cores. The module imports nothing heavy.
"""

from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any

from ..checks import a_number, a_text, above_zero, names_in, one_of, positive_integer, true_or_false
from .base import CommandOptions
from .choices import CUTOFF_RULES, DEFAULT_DATASET, DEFAULT_MODEL, refuse_no_mode
from .data_names import dataset_named
from .model_names import base_name

OPTIMIZERS = ("sgd", "adam")
SCHEDULES = ("cosine", "exponential", "constant")
STARTS = ("init", "imagenet")
LOSSES = ("cross-entropy", "soft-hinge")
SELECTIONS = ("validation", "last", "test")
DIGITS = ("mnist", "mnist5k", "svhn")  # not mirrored: the mirror image of a digit is no digit
SOFT_HINGE_BETA = 20.0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training recipe: optimiser, augmentation, loss, and which epoch's weights are kept.

    Attributes:
        epochs: Epochs over the full training set. A smaller `train_size` gets more epochs, so that the number of steps
            stays the same.
        batch_size: Number of images per step.
        optimizer: Optimiser, `sgd` (with `momentum`) or `adam`.
        lr: Learning rate at the start.
        head_lr: Learning rate of the last layer at the start; None takes `lr`.
        momentum: Momentum of SGD.
        weight_decay: Factor of the squared weights in the optimiser.
        decay_vectors: True applies weight decay to biases and batch-norm parameters too.
        schedule: Schedule of the learning rate: `cosine` (to 0), `exponential` (times `gamma` after each epoch) or
            `constant`.
        cosine_span: Share of the epochs after which the cosine is at 0; below 1 the rate rises again.
        gamma: Factor on the learning rate after each epoch of the exponential schedule.
        start: Initial weights: `init` (random), or `imagenet` (published ones in all layers but the last).
        translate: Largest random shift of a training image, pixels.
        flip: True mirrors half of the images left to right; None does so unless they are digits.
        diffeo_temperature: Temperature T of random diffeomorphisms of the training images; 0 draws none.
        diffeo_cutoff: Cutoff c of these diffeomorphisms.
        diffeo_cutoff_rule: Rule for their modes: `disk`, or `half-integer`, under which c = 1 keeps a mode, as in the
            paper's Fig. 12.
        loss: Loss: `cross-entropy`, or `soft-hinge` (beta = 20, one class against the others).
        alpha: Scale: alpha (f - f_0) is trained, with the loss over alpha^2; None trains f itself.
        select: Epoch whose weights are kept: the best on `validation` images, the `last`, or the best on `test` images.
        holdout: Share of the training images held out for validation.
        ema: Decay per step of a moving average of the weights, which is kept instead of them; 0 keeps the weights.
        bfloat16: True trains in bfloat16 autocast.
        channels_last: True uses the memory layout channels_last for images and filters.
    """

    epochs: int = 250
    batch_size: int = 128
    optimizer: str = "sgd"
    lr: float = 0.1
    head_lr: float | None = None
    momentum: float = 0.9
    weight_decay: float = 5e-4
    decay_vectors: bool = True
    schedule: str = "cosine"
    cosine_span: float = 1.0
    gamma: float = 0.975
    start: str = "init"
    translate: int = 4
    flip: bool | None = None
    diffeo_temperature: float = 0.0
    diffeo_cutoff: float = 3.0
    diffeo_cutoff_rule: str = "disk"
    loss: str = "cross-entropy"
    alpha: float | None = None
    select: str = "validation"
    holdout: float = 0.1
    ema: float = 0.0
    bfloat16: bool = False
    channels_last: bool = False


FULLY_CONNECTED: dict[str, Any] = {"optimizer": "adam", "schedule": "constant", "weight_decay": 0.0}

# Recipes by name: for patterns of networks, the values that differ from `Recipe`'s defaults; the last match wins.
RECIPES: dict[str, dict[str, dict[str, Any]]] = {
    "paper": {"fc_*": FULLY_CONNECTED},
    "transfer": {
        "*": {"start": "imagenet", "lr": 1e-3, "head_lr": 1e-2, "weight_decay": 1e-3, "schedule": "exponential"}
    },
    "reference": {"*": {"cosine_span": 0.8, "decay_vectors": False}, "fc_*": FULLY_CONNECTED},
    "laptop": {
        "*": {"epochs": 20, "bfloat16": True, "channels_last": True},
        "fc_*": {"epochs": 50, "optimizer": "adam", "lr": 1e-3, "weight_decay": 0.0, "translate": 0, "bfloat16": False},
        # convolutions of single channels are slower in bfloat16
        **{name: {"bfloat16": False} for name in ("efficientnet_*", "mobilenet_v2", "convnext_*")},
        # with few channels, a rate of 0.1 is too large for some networks; without batch normalisation, outputs hardly
        # depend on the image at first: bfloat16 rounds the differences away, and deep networks need more epochs
        **{name: {"lr": 0.03} for name in ("lenet", "alexnet", "resnet50")},
        "vgg11": {"lr": 0.01, "bfloat16": False},
        **{name: {"lr": 0.01, "bfloat16": False, "epochs": 40} for name in ("vgg16", "vgg19")},
    },
}
DEFAULT_RECIPE = "paper"


def recipe_for(name: str, model: str) -> Recipe:
    """Returns the values of a named recipe for a network, whatever its width.

    Raises:
        ValueError: If no recipe has this name.

    >>> recipe_for("paper", "resnet18").optimizer, recipe_for("paper", "fc_l4").optimizer
    ('sgd', 'adam')
    """
    values: dict[str, Any] = {}
    network = base_name(model.rpartition(":")[2])
    for pattern, own in RECIPES[one_of("recipe", name, RECIPES)].items():
        if fnmatchcase(network, pattern):
            values |= own
    return Recipe(**values)


@dataclass(frozen=True, kw_only=True)
class TrainOptions(CommandOptions):
    """One training, as `diffstab train` takes it; the recipe sets values that are None.

    Attributes:
        model, dataset, data_dir, download: Network and data set, as in `MeasureOptions`.
        recipe: Name of the recipe, which gives every value of `Recipe` that is not set here.
        train_size: Number P of training images, the same number of each class, chosen by the seed; None takes all.
        label_noise: Share of the training labels that are replaced by another class, chosen by the seed.
        seed: Seed of the initialisation, the order of the images, and all other random numbers.
        compile: True compiles the network with torch.compile.
        stability_images: Number of test images on which R_f is measured after 0, 1, 2, 4, ... epochs; 0 measures none.
        trust: Names that a folder's config.json may load, as in `MeasureOptions`. They do not identify the training.
        device: Device to train on. It does not identify the training.

    The other attributes are those of `Recipe`.

    >>> TrainOptions.of({"model": "fc_l4", "lr": "1e-3", "weight-decay": 0}).lr
    0.001
    """

    model: str = DEFAULT_MODEL
    dataset: str = DEFAULT_DATASET
    data_dir: str | None = None
    download: bool = False
    recipe: str = DEFAULT_RECIPE
    epochs: int | None = None
    train_size: int | None = None
    label_noise: float = 0.0
    seed: int = 0
    batch_size: int | None = None
    optimizer: str | None = None
    lr: float | None = None
    head_lr: float | None = None
    momentum: float | None = None
    weight_decay: float | None = None
    decay_vectors: bool | None = None
    schedule: str | None = None
    cosine_span: float | None = None
    gamma: float | None = None
    start: str | None = None
    translate: int | None = None
    flip: bool | None = None
    diffeo_temperature: float | None = None
    diffeo_cutoff: float | None = None
    diffeo_cutoff_rule: str | None = None
    loss: str | None = None
    alpha: float | None = None
    select: str | None = None
    holdout: float | None = None
    ema: float | None = None
    bfloat16: bool | None = None
    channels_last: bool | None = None
    compile: bool = False
    stability_images: int = 0
    trust: str | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        self._refuse_none()
        self._check("model dataset data_dir device", a_text)
        self._check("trust", names_in)
        self._check("dataset", lambda _, value: dataset_named(value))
        recipe = recipe_for(self.recipe, self.model)
        for name in (f.name for f in fields(recipe)):
            if getattr(self, name) is None:
                object.__setattr__(self, name, getattr(recipe, name))
        if self.flip is None:
            object.__setattr__(self, "flip", self.dataset not in DIGITS)
        self._check("epochs batch_size train_size", positive_integer)
        self._check("translate stability_images", positive_integer, least=0)
        self._check("seed", positive_integer, least=0, most=2**63 - 1)
        self._check("lr head_lr alpha gamma cosine_span", above_zero)
        self._check("momentum weight_decay diffeo_temperature diffeo_cutoff", a_number)
        self._check("label_noise holdout ema", _share)
        self._check("decay_vectors flip bfloat16 channels_last compile download", true_or_false)
        choices = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "start": STARTS}
        choices |= {"loss": LOSSES, "select": SELECTIONS, "diffeo_cutoff_rule": CUTOFF_RULES}
        for name, allowed in choices.items():
            self._check(name, one_of, allowed)
        if self.filled.diffeo_temperature:
            refuse_no_mode("diffeo_cutoff", self.filled.diffeo_cutoff, self.filled.diffeo_cutoff_rule)
        if self.stability_images == 1:
            raise ValueError("stability_images is 1; it must be 0 or at least 2")

    @property
    def filled(self) -> Recipe:
        """The recipe in use: the named one with the values that were set here."""
        return Recipe(**{f.name: getattr(self, f.name) for f in fields(Recipe)})


# Options newer than the first stores: a job's name leaves them out at these values, so that old rows are still found.
ADDED_TO_TRAINING = {"diffeo_cutoff_rule": "disk"}


def _share(option: str, value: Any) -> float:
    """Returns `value` as a number from 0 to below 1. Raises TypeError or ValueError for any other value."""
    number = a_number(option, value)
    if number >= 1:
        raise ValueError(f"{option} is {number:g}; it must be below 1")
    return number
