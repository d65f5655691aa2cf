"""Data sets by name: items are `(image, label)`, the image float32 `[C, H, W]` in the network's input space."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from ..options import EMBEDDED, dataset_named, is_table, split_named, table_named
from .arrays import cifar, idx, svhn
from .embedded import mnist5k, photos
from .folder import folder
from .images import ImageSet, image_set
from .photographs import imagenet, imagenette, tinyimagenet
from .preprocessing import Preprocessing
from .raw import RawImages
from .tables import table_images

EMBEDDED_SETS = {"mnist5k": mnist5k, "photos": photos}
STORED_SETS: dict[str, Callable[[str, Path, bool], RawImages]] = {
    **{name: partial(idx, name) for name in ("mnist", "fashionmnist")},
    **{name: partial(cifar, name) for name in ("cifar10", "cifar100")},
    "svhn": partial(svhn, "svhn"),
    "tinyimagenet": tinyimagenet,
    "imagenet": imagenet,
    "imagenette": imagenette,
    "folder": folder,
}
LAYOUTS = {  # contents of data_dir
    "mnist": "its IDX files or MNIST/raw",
    "fashionmnist": "its IDX files or FashionMNIST/raw",
    "cifar10": "cifar-10-batches-py",
    "cifar100": "cifar-100-python",
    "svhn": "train_32x32.mat, test_32x32.mat or extra_32x32.mat",
    "tinyimagenet": "tiny-imagenet-200",
    "imagenet": "train and val, a thousand class folders in each, or Kaggle's ILSVRC",
    "imagenette": "imagenette2, imagenette2-320 or imagenette2-160",
    "folder": "the images, one folder per class or none",
}


def load_dataset(
    spec: str,
    *,
    split: str = "test",
    data_dir: str | Path | None = None,
    download: bool = False,
    preprocessing: Preprocessing | None = None,
) -> ImageSet:
    """Loads a data set by name.

    `mnist5k` (5,000 MNIST digits, `[1, 28, 28]`) and `photos` (13 photographs, `[3, 224, 224]`) come with the package.
    The others are read from `data_dir`: `mnist`, `fashionmnist`, `cifar10`, `cifar100`, `svhn`, `tinyimagenet`,
    `imagenet` and `imagenette` from their published files, and `folder` from your images: one folder per class, or a
    flat folder without labels, with or without folders for splits. `hfds:NAME` is a data set of the library `datasets`,
    on the hub or in a folder. `contents` and `notes` of the result say which files
    were read and which were left out.

    Args:
        spec: Name of the data set; timm's names (`torch/cifar10`) work too.
        split: `train`, `val` (`validation`), `test`, or `extra` of SVHN. If a data set has only one of `val` and
            `test`, both names mean it. A `folder` without splits is read whole with the default.
        data_dir: Folder with the data set's files.
        download: True to download missing files into `data_dir`. Nothing is downloaded otherwise.
        preprocessing: Conversion to the network's input space; None for that of networks trained on this data set.

    Raises:
        ValueError: If the name or split is unknown; if `data_dir` is missing, not needed, of another layout or damaged;
            or if a label is outside the classes.

    >>> digits = load_dataset("mnist5k")
    >>> image, label = digits[0]
    >>> len(digits), image.shape, label
    (1000, torch.Size([1, 28, 28]), 0)
    """
    name, split = dataset_named(spec), split_named(split)
    if name in EMBEDDED:
        if data_dir is not None or download:
            given = "download is asked for" if data_dir is None else f"data_dir is {str(data_dir)!r}"
            raise ValueError(f"{given}, but {name} comes with the package; leave it out")
        return image_set(EMBEDDED_SETS[name](split), preprocessing)
    if is_table(name):
        if data_dir is not None:
            raise ValueError(f"data_dir is {str(data_dir)!r}, but the name {name!r} says where it is; leave it out")
        return image_set(table_images(table_named(name), split, download), preprocessing)
    if data_dir is None:
        raise ValueError(f"the data set {name!r} needs data_dir, the folder with {LAYOUTS[name]}")
    return image_set(STORED_SETS[name](split, Path(data_dir), download), preprocessing)
