"""A diffeomorphism in timm's training pipeline: right after the crops and flips, on PIL images.

`timm.data.create_transform` and `create_loader` build a torchvision `Compose`; transforms are known here by the names
of their classes, timm's and torchvision's own, so that timm is not needed.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.transforms import v2

# what decides which part of the image is seen where
CROPS = frozenset(
    """
    CenterCrop CenterCropOrPad Pad RandomAffine RandomCrop RandomCropOrPad RandomHorizontalFlip RandomPad
    RandomPerspective RandomResize RandomResizedCrop RandomResizedCropAndInterpolation RandomResizedCropToSequence
    RandomRotation RandomShortestSize RandomVerticalFlip RandomZoomOut Resize ResizeKeepRatio ResizeToSequence
    ScaleJitter TrimBorder
    """.split()
)
# what makes a tensor or an array of an image, or comes after that
ENDS = frozenset("ConvertImageDtype Normalize PILToTensor MaybePILToTensor ToDtype ToImage ToNumpy ToTensor".split())
Pipeline = TypeVar("Pipeline")


def insert(pipeline: Pipeline, augmentation: v2.Transform) -> Pipeline:
    """A training pipeline of timm's with an augmentation right after its crops and flips.

    Where `separate=True` or `num_aug_splits` keep a clean split, as for AugMix, the augmentation is the first of the
    other splits' transforms, and the clean split stays as it was.

    Args:
        pipeline: What `timm.data.create_transform(..., is_training=True)` gave: a `Compose`, or three of them; or
            what `timm.data.create_loader(..., is_training=True)` gave.
        augmentation: A torchvision v2 transform of PIL images: a `RandomDiffeomorphism`, or a v2 transform of some.

    Returns:
        Another `Compose`, or three; a loader is changed and returned.

    Raises:
        ValueError: If there is no crop, no flip and nothing that makes a tensor of the image; if the loader's dataset
            has no transform; if its workers have started, and have the old one.
        TypeError: If the augmentation is no v2 transform.

    >>> from diffstab.transforms import RandomDiffeomorphism
    >>> plain = transforms.Compose([transforms.RandomCrop(8), transforms.ToTensor()])
    >>> [type(one).__name__ for one in insert(plain, RandomDiffeomorphism(delta=1.0)).transforms]
    ['RandomCrop', 'RandomDiffeomorphism', 'ToTensor']
    """
    if not isinstance(augmentation, v2.Transform):
        kind = f"{type(augmentation).__module__}.{type(augmentation).__name__}"
        raise TypeError(f"augmentation is a {kind}; a torchvision v2 transform is needed, as of diffstab.transforms")
    loader: Any = pipeline
    while not isinstance(loader, DataLoader) and hasattr(loader, "loader"):  # timm's PrefetchLoader
        loader = loader.loader
    if not isinstance(loader, DataLoader):
        found: Pipeline = _into_transforms(pipeline, augmentation)
        return found
    # of persistent workers, and of timm's loader that goes on through all epochs
    running = any(getattr(loader, name, None) is not None for name in ("_iterator", "iterator"))
    if loader.num_workers and running:
        raise ValueError("the loader's workers have started, with the transforms as they were; insert before that")
    _into_dataset(loader.dataset, augmentation)
    return pipeline


def _into_dataset(dataset: Any, augmentation: v2.Transform) -> None:
    """Into what timm set as a data set's transforms: of AugMix, of several sizes, or the one."""
    if hasattr(dataset, "augmentation") and hasattr(dataset, "normalize"):
        dataset.augmentation = _first(dataset.augmentation, augmentation)
    elif isinstance(getattr(dataset, "transforms", None), tuple):
        dataset.transforms = tuple(_into_transforms(one, augmentation) for one in dataset.transforms)
    elif getattr(dataset, "transform", None) is not None:
        dataset.transform = _into_transforms(dataset.transform, augmentation)
    else:
        raise ValueError(f"the loader's data set, a {type(dataset).__name__}, has no transform to insert into")


def _into_transforms(pipeline: Any, augmentation: v2.Transform) -> Any:
    """A Compose, or timm's three of `separate=True`, with the augmentation."""
    if isinstance(pipeline, Sequence) and len(pipeline) == 3:
        primary, secondary, final = pipeline
        return primary, _first(secondary, augmentation), final
    _check_compose(pipeline)
    steps = list(pipeline.transforms)
    crops = [place for place, step in enumerate(steps) if _is(step, CROPS)]
    ends = [place for place, step in enumerate(steps) if _is(step, ENDS)]
    if not crops and not ends:
        told = ", ".join(type(step).__name__ for step in steps) or "none"
        raise ValueError(f"no crop, flip or conversion to a tensor among the transforms: {told}")
    place = crops[-1] + 1 if crops else ends[0]
    return type(pipeline)([*steps[:place], augmentation, *steps[place:]])


def _first(pipeline: Any, augmentation: v2.Transform) -> Any:
    """The augmentation, then a Compose's transforms."""
    _check_compose(pipeline)
    return type(pipeline)([augmentation, *pipeline.transforms])


def _check_compose(pipeline: Any) -> None:
    if not isinstance(pipeline, (transforms.Compose, v2.Compose)):
        raise ValueError(f"the pipeline is a {type(pipeline).__name__}; a Compose, three of them or a loader is needed")


def _is(step: Any, names: frozenset[str]) -> bool:
    """Whether a transform is of a class of these names, or of one derived from it."""
    return any(kind.__name__ in names for kind in type(step).__mro__)
