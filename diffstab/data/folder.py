"""A folder of image files as a data set: one folder per class, or a flat folder without labels."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .files import read_image
from .images import IMAGENET_STATISTICS, UNLABELLED, ImageSet, normalise

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
SMALL = 64  # pixels; images up to this side keep their size
RESIZE, CROP = 256, 224  # pixels; larger ones: shorter side to 256, then the central 224 x 224


class FolderImageSet(ImageSet):
    """The images under a folder, RGB, normalised by ImageNet's mean and standard deviation.

    With sub-folders, each is a class, numbered in sorted order. The first image decides the size: if no side is
    over 64 pixels the images are left as they are and must all have that size; otherwise each is resized so that its
    shorter side is 256 pixels (bilinear, antialiased) and cropped to the central 224 x 224.

    Args:
        name: Of the data set.
        split: Recorded only.
        root: The folder.

    Raises:
        ValueError: If the folder is missing or holds no image, or (on access) if a file can't be read or its size
            differs.
    """

    def __init__(self, name: str, split: str, root: Path) -> None:
        self.name, self.split, self.root = name, split, root
        if not root.is_dir():
            raise ValueError(f"data_dir is {str(root)!r}, which is not a folder; name a folder of images")
        classes = sorted(folder for folder in root.iterdir() if folder.is_dir() and _images_under(folder))
        flat = [path for path in _images_under(root) if path.parent == root]
        if classes and flat:
            raise ValueError(
                f"{str(root)!r} holds both images ({flat[0].name}, ...) and folders of images "
                f"({classes[0].name}, ...); keep either one folder per class or a flat folder"
            )
        self.files = [(path, label) for label, folder in enumerate(classes) for path in _images_under(folder)]
        self.files = self.files or [(path, UNLABELLED) for path in flat]
        if not self.files:
            raise ValueError(f"no image under {str(root)!r}; looked for {' '.join(IMG_EXTENSIONS)}")
        self.classes = len(classes)
        self._native: tuple[int, int] | None = None
        width, height = self._open(self.files[0][0]).size
        if max(width, height) <= SMALL:
            self._native = (width, height)
        self.shape = (3, height, width) if self._native else (3, CROP, CROP)

    def _open(self, path: Path) -> Image.Image:
        return read_image(path).convert("RGB")

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, label = self.files[index]
        image = self._open(path)
        if self._native is None:
            image = resize_and_crop(image)
        elif image.size != self._native:
            raise ValueError(
                f"{str(path)!r} has {image.width} x {image.height} pixels and the first image "
                f"{self._native[0]} x {self._native[1]}; images must have one size"
            )
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).to(torch.float32) / 255
        return normalise(pixels, IMAGENET_STATISTICS), label


def resize_and_crop(image: Image.Image) -> Image.Image:
    """ImageNet's usual evaluation: the shorter side to 256 pixels (bilinear, antialiased), the central 224 x 224."""
    scale = RESIZE / min(image.size)
    width, height = (max(RESIZE, int(side * scale)) for side in image.size)
    left, top = round((width - CROP) / 2), round((height - CROP) / 2)
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    return resized.crop((left, top, left + CROP, top + CROP))


def _images_under(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMG_EXTENSIONS)
