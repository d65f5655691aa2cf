"""A folder of image files as a data set: one folder per class, or a flat folder without labels."""

from pathlib import Path

from .files import IMG_EXTENSIONS, LeftOut, folders_of, image_files, read_image
from .images import IMAGENET_STATISTICS
from .preprocessing import Preprocessing
from .raw import UNLABELLED, FileImages
from .splits import place_of

SMALL = 64  # pixels; images up to this side keep their size


def photograph_preprocessing(source: str) -> Preprocessing:
    """ImageNet's usual evaluation: the shorter side to 256 pixels, the central 224 x 224."""
    mean, std = IMAGENET_STATISTICS
    return Preprocessing(size=(224, 224), resize=(256, 256), mean=mean, std=std, source=source)


def folder(split: str, data_dir: Path, download: bool) -> FileImages:
    """The images under a folder, or under its sub-folder named like the split.

    With sub-folders, each is a class, numbered in sorted order; folders without images are none. The first image
    decides how networks trained on them see them: if no side is over 64 pixels, as they are, all of one size; otherwise
    as ImageNet's usual evaluation.

    Raises:
        ValueError: If the folder is missing, holds no image, or both images and folders of images, or splits and not
            this one (`place_of`); or on `download`.
    """
    if download:
        raise ValueError("download is asked for, and a folder is your own; leave it out")
    if not data_dir.is_dir():
        raise ValueError(f"data_dir is {str(data_dir)!r}, which is not a folder; name a folder of images")
    left = LeftOut()
    place = place_of(data_dir, split, left)
    return images_under("folder", place.split, place.folder, left, place.notes)


def images_under(name: str, split: str | None, root: Path, left: LeftOut, notes: tuple[str, ...] = ()) -> FileImages:
    """A folder per class, or a flat folder."""
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
        paths,
        labels,
        len(classes),
        _usual(name, read_image(paths[0]).size),
        [one.name for one in classes],
        place=root,
        notes=[*notes, *left.notes(classes=len(classes))],
    )


def _usual(name: str, size: tuple[int, int]) -> Preprocessing:
    if max(size) > SMALL:
        return photograph_preprocessing(name)
    mean, std = IMAGENET_STATISTICS
    return Preprocessing(size=(size[1], size[0]), mean=mean, std=std, source=name)
