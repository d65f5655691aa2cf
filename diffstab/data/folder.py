"""A folder of image files as a data set: one folder per class, or a flat folder without labels."""

from pathlib import Path

import numpy as np

from .files import IMG_EXTENSIONS, LeftOut, folders_of, image_files, read_image
from .images import IMAGENET_STATISTICS
from .preprocessing import Preprocessing
from .raw import UNLABELLED, FileImages
from .splits import place_of

SMALL = 64  # pixels; images with no longer side are not resized


def photograph_preprocessing(source: str) -> Preprocessing:
    """ImageNet's usual preprocessing: the shorter side is resized to 256 pixels, the central 224 x 224 are kept."""
    mean, std = IMAGENET_STATISTICS
    return Preprocessing(size=(224, 224), resize=(256, 256), mean=mean, std=std, source=source)


def folder(split: str, data_dir: Path, download: bool) -> FileImages:
    """Reads the images under a folder, or under its sub-folder named like the split.

    Each sub-folder with images is a class, numbered in sorted order. The first image decides the usual preprocessing.
    If no side is over 64 pixels, images keep their size and must all have the same; larger ones get ImageNet's.

    Raises:
        ValueError: If the folder is missing, has no image, has both images and folders of images, or has other splits
            than this one (`place_of`); or if `download` is given.
    """
    if download:
        raise ValueError("download is asked for, but the images are in your folder; leave it out")
    if not data_dir.is_dir():
        raise ValueError(f"data_dir is {str(data_dir)!r}, which is not a folder; name a folder of images")
    left = LeftOut()
    place = place_of(data_dir, split, left)
    return images_under("folder", place.split, place.folder, left, place.notes)


def images_under(name: str, split: str | None, root: Path, left: LeftOut, notes: tuple[str, ...] = ()) -> FileImages:
    """Reads a folder with one sub-folder per class, or a flat folder without labels."""
    classes = {one: image_files(one, left=left) for one in folders_of(root, left)}
    left.empty += [one.name for one, images in classes.items() if not images]
    classes = {one: images for one, images in classes.items() if images}
    flat = image_files(root, recursive=False, left=None if classes else left)
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
    return FileImages(
        name,
        split,
        np.array(labels),
        len(classes),
        usual_of(name, read_image(paths[0]).size),
        [one.name for one in classes],
        notes=(*notes, *left.notes(classes=len(classes))),
        files=paths,
        place=root,
    )


def usual_of(name: str, size: tuple[int, int]) -> Preprocessing:
    """Preprocessing for images of a size (width, height): their own size if small, otherwise that of photographs."""
    if max(size) > SMALL:
        return photograph_preprocessing(name)
    mean, std = IMAGENET_STATISTICS
    return Preprocessing(size=(size[1], size[0]), mean=mean, std=std, source=name)
