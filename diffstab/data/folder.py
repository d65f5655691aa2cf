"""A folder of image files as a data set: one folder per class, or a flat folder without labels."""

import os
from pathlib import Path

from ..options import SYNONYMS
from .files import read_image
from .images import IMAGENET_STATISTICS
from .preprocessing import Preprocessing
from .raw import UNLABELLED, FileImages

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
SMALL = 64  # pixels; images up to this side keep their size


def photograph_preprocessing(source: str) -> Preprocessing:
    """ImageNet's usual evaluation: the shorter side to 256 pixels, the central 224 x 224."""
    mean, std = IMAGENET_STATISTICS
    return Preprocessing(size=(224, 224), resize=(256, 256), mean=mean, std=std, source=source)


def folder(split: str, data_dir: Path, download: bool) -> FileImages:
    """The images under a folder, or under its sub-folder named like the split.

    With sub-folders, each is a class, numbered in sorted order. The first image decides how networks trained on them
    see them: if no side is over 64 pixels, as they are, all of one size; otherwise as ImageNet's usual evaluation.

    Raises:
        ValueError: If the folder is missing, holds no image, or both images and folders of images; or on `download`.
    """
    if download:
        raise ValueError("download is asked for, and a folder is your own; leave it out")
    return images_under("folder", split, split_folder(data_dir, split))


def split_folder(root: Path, split: str) -> Path:
    """`root/test` or the like where there is one; for `val` and `test` either, whatever it is called."""
    names = {"val": ("val", *SYNONYMS["val"], "test"), "test": ("test", "val", *SYNONYMS["val"])}
    for name in names.get(split, (split, *SYNONYMS.get(split, ()))):
        if (root / name).is_dir():
            return root / name
    return root


def images_under(name: str, split: str, root: Path) -> FileImages:
    """A folder per class, or a flat folder."""
    if not root.is_dir():
        raise ValueError(f"data_dir is {str(root)!r}, which is not a folder; name a folder of images")
    classes = {entry: image_files(entry) for entry in sorted(root.iterdir()) if entry.is_dir()}
    classes = {entry: images for entry, images in classes.items() if images}
    flat = image_files(root, recursive=False)
    if classes and flat:
        raise ValueError(
            f"{str(root)!r} holds both images ({flat[0].name}, ...) and folders of images "
            f"({next(iter(classes)).name}, ...); keep either one folder per class or a flat folder"
        )
    files = [(path, label) for label, images in enumerate(classes.values()) for path in images]
    files = files or [(path, UNLABELLED) for path in flat]
    if not files:
        raise ValueError(f"no image under {str(root)!r}; looked for {' '.join(IMG_EXTENSIONS)}")
    paths, labels = zip(*files, strict=True)
    usual = _usual(name, read_image(paths[0]).size)
    return FileImages(name, split, paths, labels, len(classes), usual, [entry.name for entry in classes])


def _usual(name: str, size: tuple[int, int]) -> Preprocessing:
    if max(size) > SMALL:
        return photograph_preprocessing(name)
    mean, std = IMAGENET_STATISTICS
    return Preprocessing(size=(size[1], size[0]), mean=mean, std=std, source=name)


def image_files(folder: Path, *, recursive: bool = True) -> list[Path]:
    """Every image file under a folder, sorted; what lies behind links to folders only where `folder` is one."""
    found: list[Path] = []
    with os.scandir(folder) as entries:  # tells files from folders without a look at each
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            found += image_files(Path(entry.path)) if recursive else []
        elif os.path.splitext(entry.name)[1].lower() in IMG_EXTENSIONS:
            found.append(Path(entry.path))
    return found
