"""What data sets and their splits are called: one name for each, whatever another library calls it."""

import re
from collections.abc import Sequence

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
PHOTOS = {  # images of `photos` by name: of whom, and the licence, as diffstab/data/embedded/README.md has them
    "astronaut": "NASA, public domain",
    "brick": "CC0Textures, CC0",
    "camera": "Lav Varshney, CC0",
    "cell": "scikit-image, CC0",
    "chelsea": "Stefan van der Walt, CC0",
    "clock_motion": "Stefan van der Walt, public domain",
    "coffee": "Rachel Michetti, CC0",
    "grass": "linolafett, CC0",
    "gravel": "CC0Textures, CC0",
    "hubble_deep_field": "NASA, public domain",
    "retina": "Mikael Häggström, CC0",
    "rocket": "SpaceX, public domain",
    "text": "Wikipedia, public domain",
}
SPLITS = ("train", "val", "test", "extra")
SPLIT_WORDS = {  # what people call the folders of splits, without case
    "train": ("train", "training", "trn"),
    "val": ("val", "vali", "valid", "validation", "validate", "eval", "evaluation", "dev", "development"),
    "test": ("test", "tests", "testing", "tst"),
    "extra": ("extra",),
}
# words beside these that change nothing: TrainSet, test_images, val2017, training-data
FILLERS = "set data dataset image images img imgs photo photos picture pictures sample samples split folder dir".split()
SYNONYMS = {"folder": ("imagefolder",), "tinyimagenet": ("tinyimagenet200",)}


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
    plain = "".join(letter for letter in name.lower() if letter not in "-_ ")
    plain = next((known for known, others in SYNONYMS.items() if plain in others), plain)
    return plain if plain in DATASETS else one_of("dataset", spec, DATASETS)


def split_named(spec: str) -> str:
    """The name of a split: `validation` is val, `training` is train. Raises ValueError if there is no such one."""
    return split_word(spec) or one_of("split", spec, SPLITS)


def split_word(name: str) -> str | None:
    """The split that a folder's name stands for, in any case and usual spelling; None for any other name.

    >>> [split_word(name) for name in ("TrainingSet", "val2017", "test_images", "train_station")]
    ['train', 'val', 'test', None]
    """
    return split_words([name])[0]


def split_words(names: Sequence[str]) -> list[str | None]:
    """The splits that names of folders beside each other stand for; words that all of them share don't count.

    >>> split_words(["seg_train", "seg_test", "seg_pred"])
    ['train', 'test', None]
    """
    parts = [_split_and_rest(name) for name in names]
    shared = set.intersection(*(set(rest) for _, rest in parts)) if len(parts) > 1 else set()
    return [split if set(rest) <= shared else None for split, rest in parts]


def class_in_split(name: str) -> tuple[str, tuple[str, ...]] | None:
    """The split and the class of a folder that is named by both; None for any other name.

    >>> class_in_split("train_cats"), class_in_split("cats")
    (('train', ('cats',)), None)
    """
    split, rest = _split_and_rest(name)
    return None if split is None or not rest else (split, rest)


def _split_and_rest(name: str) -> tuple[str | None, tuple[str, ...]]:
    """The one word of a split in a name, and the words beside it; numbers and fillers left out."""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_]+", name)]
    splits = [split for word in words if (split := _split_of_word(word))]
    rest = tuple(word for word in words if word not in FILLERS and not _split_of_word(word))
    return (splits[0] if len(splits) == 1 else None), rest


def _split_of_word(word: str) -> str | None:
    """`train`, or `trainset` in one word."""
    stems = {word, *(word.removesuffix(filler) for filler in FILLERS)}
    return next((split for split, known in SPLIT_WORDS.items() if not stems.isdisjoint(known)), None)


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
