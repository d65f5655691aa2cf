"""Data sets by name: items are `(image, label)`, the image float32 `[C, H, W]` in the network's input space."""

from pathlib import Path

from ..settings import SPLITS, one_of
from .embedded import mnist5k, photos
from .folder import FolderImageSet
from .images import UNLABELLED, ImageSet, TensorImageSet, normalise

__all__ = ["DATASETS", "UNLABELLED", "ImageSet", "TensorImageSet", "load_dataset", "normalise"]

EMBEDDED_SETS = {"mnist5k": mnist5k, "photos": photos}
DATASETS = (*EMBEDDED_SETS, "folder")


def load_dataset(spec: str, *, split: str = "test", data_dir: str | Path | None = None) -> ImageSet:
    """The data set named `spec`.

    `mnist5k` (5,000 MNIST digits, `[1, 28, 28]`) and `photos` (13 photographs, `[3, 224, 224]`) come with the
    package. `folder` reads the images under `data_dir`: one folder per class, or a flat folder without labels.

    Args:
        spec: `mnist5k`, `photos` or `folder`.
        split: `train` or `test`.
        data_dir: The folder, for `folder`; where it holds a folder named like the split, that one is read.

    Raises:
        ValueError: If the name or split is unknown, or `data_dir` is missing, superfluous or holds no image.

    >>> digits = load_dataset("mnist5k")
    >>> image, label = digits[0]
    >>> len(digits), image.shape, label
    (1000, torch.Size([1, 28, 28]), 0)
    """
    one_of("dataset", spec, DATASETS)
    one_of("split", split, SPLITS)
    if spec in EMBEDDED_SETS:
        if data_dir is not None:
            raise ValueError(f"data_dir is {str(data_dir)!r}, but {spec} comes with the package; leave it out")
        return EMBEDDED_SETS[spec](split)
    if data_dir is None:
        raise ValueError("the data set 'folder' needs data_dir, the folder with the images")
    root = Path(data_dir)
    return FolderImageSet("folder", split, root / split if (root / split).is_dir() else root)
