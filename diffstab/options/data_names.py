"""What data sets and their splits are called: one name for each, whatever another library calls it."""

from ..checks import one_of

EMBEDDED = ("mnist5k", "photos")
DATASETS = (
    *EMBEDDED,
    "mnist",
    "fashionmnist",
    "cifar10",
    "cifar100",
    "svhn",
    "tinyimagenet",
    "imagenet",
    "imagenette",
    "folder",
)
SPLITS = ("train", "val", "test", "extra")
SYNONYMS = {
    "train": ("training",),
    "val": ("valid", "validation", "eval", "evaluation"),
    "folder": ("imagefolder",),
    "tinyimagenet": ("tinyimagenet200",),
}


def _known_as(name: str) -> str:
    return next((known for known, others in SYNONYMS.items() if name in others), name)


def dataset_named(spec: str) -> str:
    """The name of a data set: `Fashion-MNIST`, `fashion_mnist` and timm's `torch/fashion_mnist` are fashionmnist.

    Raises:
        ValueError: If there is no such data set.

    >>> dataset_named("torch/tiny-imagenet")
    'tinyimagenet'
    """
    library, slash, name = spec.rpartition("/")
    if slash and library != "torch":
        raise ValueError(
            f"dataset is {spec!r}; of timm's prefixes only torch/ is known here, so name one of {', '.join(DATASETS)}"
        )
    plain = _known_as("".join(letter for letter in name.lower() if letter not in "-_ "))
    return plain if plain in DATASETS else one_of("dataset", spec, DATASETS)


def split_named(spec: str) -> str:
    """The name of a split: `validation` is val, `training` is train. Raises ValueError if there is no such one."""
    plain = _known_as(spec.lower())
    return plain if plain in SPLITS else one_of("split", spec, SPLITS)


def split_of(name: str, split: str, has: tuple[str, ...]) -> str:
    """The split of a data set that is meant: `val` and `test` stand for each other where there is only one of them.

    Raises:
        ValueError: If the data set has no such split.

    >>> split_of("imagenet", "test", ("train", "val"))
    'val'
    """
    other = {"val": "test", "test": "val"}.get(split)
    if split not in has and other in has:
        return str(other)
    if split not in has:
        raise ValueError(f"split is {split!r}; the data set {name} has {', '.join(has)}")
    return split
