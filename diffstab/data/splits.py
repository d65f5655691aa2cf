"""Finding the folder of a split, under any of its names: in the given folder or up to two levels below."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..checks import some
from ..options import DEFAULT_SPLIT, class_in_split, split_word, split_words
from .files import LeftOut, folders_of, holds_image

LEVELS = 2  # folders around the splits: data_dir/archive/images/train
INSTEAD = {"val": "test", "test": "val"}  # used if a data set has only one of the two


class Place(NamedTuple):
    """The folder whose images are read, its split (None if there are no splits), and notes for the user."""

    folder: Path
    split: str | None
    notes: tuple[str, ...] = ()


class _Inside(NamedTuple):
    """Folders of images in a folder: those of splits, the others, and one that may be a split or a class."""

    splits: dict[str, list[Path]]
    others: list[Path]
    doubtful: Path | None = None


def place_of(root: Path, split: str, left: LeftOut) -> Place:
    """Finds the folder with the images of a split.

    Folders with a split's name are splits if there are several, or if there is no other folder of images, or if they
    contain folders of images. A single folder `train` with images, beside other folders with images, is a class.
    Without splits, the whole folder is read; its split is the one in its own name, if any.

    Args:
        root: Folder that the user gave.
        split: Name of the split that the user asked for.
        left: Record to which folders that are left out are added.

    Raises:
        ValueError: If there are splits but not this one, or the folder that is meant is ambiguous.
    """
    found = _entered(root, split, left, LEVELS)
    if found is not None:
        return found
    own = split_word(root.absolute().name)
    if split not in (own, DEFAULT_SPLIT, INSTEAD.get(own or "")):
        named = f"is named like the split {own}" if own else "has no folders of splits"
        raise ValueError(f"no split {split} in {str(root)!r}, which {named}; leave --split out to read it as it is")
    doubtful = _inside(root).doubtful
    notes = [f"{doubtful.name!r} is taken for a class, like the folders beside it"] if doubtful else []
    return Place(root, own, tuple(notes))


def split_folder(folder: Path, split: str) -> Path | None:
    """Folder of a split in a published data set, where all folders belong to its layout; None if there is none."""
    folders = folders_of(folder)
    words = split_words([one.name for one in folders])
    named = [one for one, word in zip(folders, words, strict=True) if word == split]
    return next((one for one in named if one.name == split), named[0] if named else None)


def _entered(folder: Path, split: str, left: LeftOut, levels: int) -> Place | None:
    """Finds the split's folder; None if there are no splits here nor in a single folder inside."""
    inside = _inside(folder, left)
    if inside.splits:
        return _chosen(folder, split, inside, left)
    if inside.doubtful is not None and split_word(inside.doubtful.name) in (split, INSTEAD.get(split)):
        beside = some(_names(one for one in inside.others if one != inside.doubtful))
        raise ValueError(
            f"{str(inside.doubtful)!r} may be the split {split}, or a class like {beside} beside it; "
            "name it as data_dir if it is the split, rename it if it is a class"
        )
    if len(inside.others) == 1:
        return _entered(inside.others[0], split, left, levels - 1) if levels else None
    for one in inside.others:
        within = _splits_within(one, LEVELS - 1)
        if within:
            raise ValueError(
                f"{str(one)!r} holds splits ({some(within)}), beside other folders of images in {str(folder)!r}, which "
                "would be mixed as classes; name the folder that is meant as data_dir, or bring the splits to the top"
            )
    return None


def _splits_within(folder: Path, levels: int) -> list[str]:
    """Names of the first folders of splits in a folder, or up to `levels` further down."""
    inside = _inside(folder)
    if inside.splits or not levels:
        return _names(one for own in inside.splits.values() for one in own)
    return next((found for one in inside.others if (found := _splits_within(one, levels - 1))), [])


def _inside(folder: Path, left: LeftOut | None = None) -> _Inside:
    folders = [one for one in folders_of(folder, left) if holds_image(one)]
    words = split_words([one.name for one in folders])
    splits: dict[str, list[Path]] = defaultdict(list)
    others: list[Path] = []
    for one, word in zip(folders, words, strict=True):
        (splits[word] if word else others).append(one)
    if not splits:
        _refuse_split_classes(folder, others)
    named = [one for own in splits.values() for one in own]
    if len(named) == 1 and others and all(_is_flat(one) for one in folders):
        return _Inside({}, folders, named[0])
    return _Inside(dict(splits), others)


def _refuse_split_classes(folder: Path, folders: list[Path]) -> None:
    """Raises ValueError for folders like train_cat and test_cat, where splits and classes share a name."""
    first: dict[tuple[str, ...], tuple[str, str]] = {}
    for name in _names(folders):
        split, rest = class_in_split(name) or (None, ())
        if split is None:
            continue
        before, other = first.setdefault(rest, (split, name))
        if before != split:
            raise ValueError(
                f"the folders {other} and {name} in {str(folder)!r} are named like two splits, which would be mixed as "
                "classes; make a folder for each split, with its classes in it"
            )


def _is_flat(folder: Path) -> bool:
    return holds_image(folder, recursive=False) and not any(holds_image(one) for one in folders_of(folder))


def _chosen(folder: Path, split: str, inside: _Inside, left: LeftOut) -> Place:
    """Chooses a split in a folder, or the folder of the same split nested inside it (seg_test/seg_test)."""
    found = split if split in inside.splits else INSTEAD.get(split, "")
    if found not in inside.splits:
        there = ", ".join(f"{name} ({some(_names(own))})" for name, own in inside.splits.items())
        way_out = " or ".join(f"--split {name}" for name in inside.splits)
        raise ValueError(f"no split {split} in {str(folder)!r}; there are {there}; name {way_out}")
    if len(inside.splits[found]) > 1:
        names = some(_names(inside.splits[found]))
        raise ValueError(f"{str(folder)!r} has several folders of the split {found} ({names}); name one as data_dir")
    notes = () if found == split else (f"there is no split {split}; {found} is used instead",)
    chosen = inside.splits[found][0]
    left.beside += _names(inside.others) + (["images"] if holds_image(folder, recursive=False) else [])
    within = _inside(chosen, left)
    again = [one for own in within.splits.values() for one in own] + within.others
    if len(again) == 1 and (list(within.splits) == [found] or again[0].name.lower() == chosen.name.lower()):
        return Place(again[0], found, notes)
    if within.splits:
        names = some(_names(one for own in within.splits.values() for one in own))
        raise ValueError(f"{str(chosen)!r} holds folders of splits itself ({names}); name the one meant as data_dir")
    return Place(chosen, found, notes)


def _names(folders: Iterable[Path]) -> list[str]:
    return [one.name for one in folders]
