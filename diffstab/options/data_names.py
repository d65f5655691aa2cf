"""Names of data sets and of their splits: one name for each, and the spellings of other libraries."""

import re
from collections.abc import Sequence
from typing import NamedTuple

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
PHOTOS = {  # images of `photos` by name: author and licence, as in diffstab/data/embedded/README.md
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
SPLIT_WORDS = {  # usual names of the folders of splits, in lower case
    "train": ("train", "training", "trn"),
    "val": ("val", "vali", "valid", "validation", "validate", "eval", "evaluation", "dev", "development"),
    "test": ("test", "tests", "testing", "tst"),
    "extra": ("extra",),
}
# words that may stand beside a split's name: TrainSet, test_images, val2017, training-data
FILLERS = "set data dataset image images img imgs photo photos picture pictures sample samples split folder dir".split()
TABLE = "hfds"  # prefix of data sets of the library `datasets`
TABLE_PARTS = ("config", "split", "image", "label")
SYNONYMS = {"folder": ("imagefolder",), "tinyimagenet": ("tinyimagenet200",)}


class TableName(NamedTuple):
    """Name of a data set of the library `datasets`: a folder or `USER/NAME[@REVISION]`, and choices within it."""

    place: str
    config: str | None = None
    split: str | None = None
    image: str | None = None
    label: str | None = None

    def __str__(self) -> str:
        parts = (f",{part}={value}" for part, value in zip(TABLE_PARTS, self[1:], strict=True) if value is not None)
        return f"{TABLE}:{self.place}{''.join(parts)}"


def is_table(spec: str) -> bool:
    """Returns True if a data set is one of the library `datasets`."""
    return spec.startswith(f"{TABLE}:")


def table_named(spec: str) -> TableName:
    """Parses `hfds:PLACE`, with choices after commas. Raises ValueError for another form.

    >>> table_named("hfds:uoft-cs/cifar100,label=fine_label").label
    'fine_label'
    """
    place, *rest = spec.removeprefix(f"{TABLE}:").split(",")
    pairs = [part.partition("=") for part in rest]
    named = {name.strip(): value.strip() for name, _, value in pairs}
    if not place.strip() or len(named) < len(pairs) or not all(named.values()) or not named.keys() <= set(TABLE_PARTS):
        raise ValueError(
            f"dataset is {spec!r}; {TABLE}:USER/NAME or {TABLE}:FOLDER is needed, and after commas "
            f"{', '.join(f'{part}=...' for part in TABLE_PARTS)}, each at most once"
        )
    return TableName(place.strip(), **named)


def dataset_named(spec: str) -> str:
    """Returns a data set's name: `Fashion-MNIST`, `fashion_mnist` and timm's `torch/fashion_mnist` are fashionmnist.

    Names of data sets of the library `datasets`, `hfds:...`, get their parts in one order.

    Raises:
        ValueError: If no data set has this name.

    >>> dataset_named("torch/tiny-imagenet")
    'tinyimagenet'
    """
    if is_table(spec):
        return str(table_named(spec))
    library, slash, name = spec.rpartition("/")
    if slash and library != "torch":
        raise ValueError(
            f"dataset is {spec!r}; of timm's prefixes only torch/ is known, so give one of {', '.join(DATASETS)}"
        )
    plain = "".join(letter for letter in name.lower() if letter not in "-_ ")
    plain = next((known for known, others in SYNONYMS.items() if plain in others), plain)
    return plain if plain in DATASETS else one_of("dataset", spec, DATASETS)


def split_named(spec: str) -> str:
    """Returns a split's name: `validation` is val, `training` is train. Raises ValueError for an unknown name."""
    return split_word(spec) or one_of("split", spec, SPLITS)


def split_word(name: str) -> str | None:
    """Returns the split that a folder's name means, in any usual spelling; None for any other name.

    >>> [split_word(name) for name in ("TrainingSet", "val2017", "test_images", "train_station")]
    ['train', 'val', 'test', None]
    """
    return split_words([name])[0]


def split_words(names: Sequence[str]) -> list[str | None]:
    """Returns the splits that the names of neighbouring folders mean; words that all of them share don't count.

    >>> split_words(["seg_train", "seg_test", "seg_pred"])
    ['train', 'test', None]
    """
    parts = [_split_and_rest(name) for name in names]
    shared = set.intersection(*(set(rest) for _, rest in parts)) if len(parts) > 1 else set()
    return [split if set(rest) <= shared else None for split, rest in parts]


def class_in_split(name: str) -> tuple[str, tuple[str, ...]] | None:
    """Returns the split and the class of a folder that is named after both; None for any other name.

    >>> class_in_split("train_cats"), class_in_split("cats")
    (('train', ('cats',)), None)
    """
    split, rest = _split_and_rest(name)
    return None if split is None or not rest else (split, rest)


def _split_and_rest(name: str) -> tuple[str | None, tuple[str, ...]]:
    """Returns the only split in a name, or None, and the other words, without numbers and fillers."""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_]+", name)]
    splits = [split for word in words if (split := _split_of_word(word))]
    rest = tuple(word for word in words if word not in FILLERS and not _split_of_word(word))
    return (splits[0] if len(splits) == 1 else None), rest


def _split_of_word(word: str) -> str | None:
    """Returns the split that one word means, such as `train` or `trainset`, or None."""
    stems = {word, *(word.removesuffix(filler) for filler in FILLERS)}
    return next((split for split, known in SPLIT_WORDS.items() if not stems.isdisjoint(known)), None)


def split_of(name: str, split: str, has: tuple[str, ...]) -> str:
    """Returns the split to read: `val` and `test` replace each other if the data set has only one of them.

    Args:
        name: Name of the data set, for the message.
        split: Split that was asked for.
        has: Splits that the data set has.

    Raises:
        ValueError: If the data set has neither.

    >>> split_of("imagenet", "test", ("train", "val"))
    'val'
    """
    other = {"val": "test", "test": "val"}.get(split)
    if split not in has and other in has:
        return str(other)
    if split not in has:
        raise ValueError(f"split is {split!r}; the data set {name} has {', '.join(has)}")
    return split
