"""Training recipes as data, and the options of one training: a recipe's values, each of which can be set.

Sources: App. E.1 (`paper`, `transfer`), and the published code where it differs (`reference`). `laptop` is for a few
thousand digits on two cores. The module imports nothing heavy.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ..checks import a_number, a_text, above_zero, names_in, one_of, true_or_false
from .base import CommandOptions
from .choices import CUTOFF_RULES, DEFAULT_DATASET, DEFAULT_MODEL, refuse_no_mode
from .data_names import dataset_named
from .model_names import base_name
from .named import TRUST
from .setting import Role, Whole, first, setting, settings_of

OPTIMIZERS = ("sgd", "adam")
SCHEDULES = ("cosine", "exponential", "constant")
STARTS = ("init", "imagenet")
LOSSES = ("cross-entropy", "soft-hinge")
SELECTIONS = ("validation", "last", "test")
DIGITS = ("mnist", "mnist5k", "svhn")  # not mirrored: the mirror image of a digit is no digit
SOFT_HINGE_BETA = 20.0


def below_one(option: str, value: Any) -> float:
    """Returns `value` as a number from 0 to below 1. Raises TypeError or ValueError for any other value."""
    number = a_number(option, value)
    if number >= 1:
        raise ValueError(f"{option} is {number:g}; it must be below 1")
    return number


@dataclass(frozen=True, kw_only=True)
class Recipe(CommandOptions):
    """A training recipe: optimiser, augmentation, loss, and which epoch's weights are kept (App. E.1)."""

    # fmt: off
    epochs: int = first(250,
        "Epochs over the full training set. A smaller --train-size gets more epochs, so that the number of steps stays "
        "the same.",
        Whole())
    batch_size: int = first(128, "Number of images per step.", Whole())
    optimizer: str = first("sgd", "Optimiser: SGD with --momentum, or Adam.", allowed=OPTIMIZERS)
    lr: float = first(0.1, "Learning rate at the start.", above_zero)
    head_lr: float | None = first(None, "Learning rate of the last layer at the start, if it differs from --lr.",
        above_zero)
    momentum: float = first(0.9, "Momentum of SGD.", a_number)
    weight_decay: float = first(5e-4, "Weight decay of the optimiser, for example 5e-4.", a_number)
    decay_vectors: bool = first(True, "Apply weight decay to biases and batch-norm parameters too.",
        true_or_false, flags="--decay-vectors/--no-decay-vectors")
    schedule: str = first("cosine",
        "Schedule of the learning rate: cosine down to 0, exponential (times --gamma after each epoch), or constant.",
        allowed=SCHEDULES)
    cosine_span: float = first(1.0,
        "Share of the epochs after which the cosine schedule reaches 0. Below 1, the rate rises again.",
        above_zero)
    gamma: float = first(0.975, "Factor on the learning rate after each epoch of the exponential schedule.", above_zero)
    start: str = first("init",
        "Initial weights: random (init), or published ImageNet weights in all layers but the last (imagenet).",
        allowed=STARTS)
    translate: int = first(4, "Largest random shift of a training image, in pixels.", Whole(0))
    flip: bool | None = first(None, "Mirror half of the training images left to right.  [default: not for digits]",
        true_or_false, flags="--flip/--no-flip")
    diffeo_temperature: float = first(0.0,
        "Temperature T of random deformations that augment the training images; 0 makes none.",
        a_number)
    diffeo_cutoff: float = first(3.0, "Cutoff c of the random deformations that augment the training images.", a_number)
    diffeo_cutoff_rule: str = setting("disk",
        "Modes (i, j) that --diffeo-cutoff keeps: i^2 + j^2 <= c^2 (disk), sqrt(i^2 + j^2) < c + 1/2 (half-integer), "
        "or only c <= sqrt(i^2 + j^2) < c + 1 (shell).",
        allowed=CUTOFF_RULES)
    penalty: float = setting(0.0,
        "Weight of D_f of each batch in the loss, which trains for stability: the change of the output by random "
        "deformations of one pixel and --diffeo-cutoff, relative to other images; 0 adds none.",
        a_number)
    loss: str = first("cross-entropy",
        "Loss to minimise: cross-entropy, or the soft hinge of one class against the others.",
        allowed=LOSSES)
    alpha: float | None = first(None,
        "Scale of the output alpha (f - f_0), the change of the network f since its initialisation f_0: small values "
        "learn features, large ones train lazily.  [default: train f itself]",
        above_zero)
    select: str = first("validation",
        "Epoch whose weights are kept: the best on held-out training images (validation), the last one, or the best on "
        "test images (test).",
        allowed=SELECTIONS)
    holdout: float = first(0.1, "Share of the training images held out for --select validation.", below_one)
    ema: float = first(0.0,
        "Decay per step of a moving average of the weights, which is kept instead of them; 0 keeps the weights.",
        below_one)
    bfloat16: bool = first(False, "Train in mixed precision (bfloat16 autocast), or in float32.",
        true_or_false, flags="--bfloat16/--float32")
    channels_last: bool = first(False, "Use PyTorch's memory layout channels_last.",
        true_or_false, flags="--channels-last/--no-channels-last")
    # fmt: on


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
class TrainOptions(Recipe):
    """One training, as `diffstab train` takes it; the named recipe gives each value of `Recipe` that is left out.

    >>> TrainOptions.from_mapping({"model": "fc_l4", "lr": "1e-3", "weight-decay": 0}).lr
    0.001
    """

    # fmt: off
    model: str = first(DEFAULT_MODEL,
        "Network to train: NAME, paper:NAME, timm:NAME or torchvision:NAME. NAME-w0.25 gives one of the paper's "
        "networks a quarter of its width.",
        before="epochs", roles=Role.RULES)
    dataset: str = first(DEFAULT_DATASET,
        "Data set with labels that fits into memory, such as mnist5k, fashionmnist or cifar10.",
        lambda name, value: dataset_named(a_text(name, value)), before="epochs", roles=Role.RULES)
    data_dir: str | None = first(None, "Folder of the data set, unless it comes with the package.",
        path=True, before="epochs")
    download: bool = setting(False, "Download the data set into --data-dir if it is missing there.",
        true_or_false, before="epochs", roles=Role.EXECUTION)
    recipe: str = first(DEFAULT_RECIPE,
        "Recipe, which sets every option that shows no default here: the paper's (paper), its transfer from ImageNet "
        "(transfer), its published code (reference), or a short one for two cores (laptop).",
        allowed=tuple(RECIPES), before="epochs", roles=Role.RULES)
    train_size: int | None = first(None,
        "Number of training images, the same number of each class, chosen by the seed.  [default: all]",
        Whole(), before="batch_size")
    label_noise: float = first(0.0, "Share of the training labels that are replaced by another class.",
        below_one, before="batch_size")
    seed: int = first(0, "Seed of the initial weights, the choice and order of images, and augmentation.",
        Whole(0, 2**63 - 1), before="batch_size")
    compile: bool = first(False, "Compile the network with torch.compile.",
        true_or_false, flags="--compile/--no-compile")
    stability_images: int = first(0,
        "Number of test images on which R_f is measured after 0, 1, 2, 4, ... epochs; 0 measures none.",
        Whole(0))
    trust: str | None = setting(None, TRUST, names_in, metavar="NAME", several=True, roles=Role.EXECUTION)
    device: str = setting("auto", "Device to train on: auto, cpu, cuda, cuda:1 or mps.", roles=Role.EXECUTION)
    # fmt: on

    def __post_init__(self) -> None:
        self._check_each("model", "recipe")
        set_here = self.to_dict()
        named = recipe_for(self.recipe, self.model).to_dict()
        self._set(**{name: value for name, value in named.items() if set_here[name] is None})
        self._check_each()
        if self.flip is None:
            self._set(flip=self.dataset not in DIGITS)
        if self.diffeo_temperature or self.penalty:
            refuse_no_mode("diffeo_cutoff", self.diffeo_cutoff, self.diffeo_cutoff_rule)
        if self.stability_images == 1:
            raise ValueError("stability_images is 1; it must be 0 or at least 2")


# Values of the recipe that are left out are None until it gives them.
(TrainOptions.__init__.__kwdefaults__ or {}).update(dict.fromkeys(settings_of(Recipe)))
