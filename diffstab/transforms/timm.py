"""A diffeomorphism in timm's training pipeline: inserted right after the crops and flips, on PIL images.

`timm.data.create_transform` and `create_loader` build a torchvision `Compose`. Its transforms are recognised by their
class names, in timm and torchvision, so this file doesn't import timm.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.transforms import v2

# Transforms that choose the part of the image and its place.
CROPS = frozenset(
    """
    CenterCrop CenterCropOrPad Pad RandomAffine RandomCrop RandomCropOrPad RandomHorizontalFlip RandomPad
    RandomPerspective RandomResize RandomResizedCrop RandomResizedCropAndInterpolation RandomResizedCropToSequence
    RandomRotation RandomShortestSize RandomVerticalFlip RandomZoomOut Resize ResizeKeepRatio ResizeToSequence
    ScaleJitter TrimBorder
    """.split()
)
# Transforms that convert an image to a tensor or an array, or that come after the conversion.
ENDS = frozenset("ConvertImageDtype Normalize PILToTensor MaybePILToTensor ToDtype ToImage ToNumpy ToTensor".split())
Pipeline = TypeVar("Pipeline")


def insert(pipeline: Pipeline, augmentation: v2.Transform) -> Pipeline:
    """Inserts an augmentation into timm's training pipeline, right after its crops and flips.

    With `separate=True` or `num_aug_splits` (as for AugMix), timm keeps a clean split. The augmentation is then the
    first transform of the other splits, and the clean split is unchanged.

    Args:
        pipeline: Result of `timm.data.create_transform(..., is_training=True)`, a `Compose` or three of them; or of
            `timm.data.create_loader(..., is_training=True)`.
        augmentation: A torchvision v2 transform of PIL images: a `RandomDiffeomorphism`, or a v2 transform that
            contains some.

    Returns:
        A new `Compose`, or three. A loader is changed in place and returned.

    Raises:
        ValueError: If there is no crop, no flip and no conversion to a tensor; if the loader's dataset has no
            transform; if its workers have started, since they keep the old transforms.
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
    # An iterator exists while workers are persistent, and in timm's loader, which keeps one for all epochs.
    running = any(getattr(loader, name, None) is not None for name in ("_iterator", "iterator"))
    if loader.num_workers and running:
        raise ValueError("the loader's workers have started with the old transforms; insert before the first epoch")
    _into_dataset(loader.dataset, augmentation)
    return pipeline


def _into_dataset(dataset: Any, augmentation: v2.Transform) -> None:
    """Inserts into the transforms of timm's data set: those of AugMix, of several sizes, or the only one."""
    if hasattr(dataset, "augmentation") and hasattr(dataset, "normalize"):
        dataset.augmentation = _first(dataset.augmentation, augmentation)
    elif isinstance(getattr(dataset, "transforms", None), tuple):
        dataset.transforms = tuple(_into_transforms(one, augmentation) for one in dataset.transforms)
    elif getattr(dataset, "transform", None) is not None:
        dataset.transform = _into_transforms(dataset.transform, augmentation)
    else:
        raise ValueError(f"the loader's data set, a {type(dataset).__name__}, has no transform to insert into")


def _into_transforms(pipeline: Any, augmentation: v2.Transform) -> Any:
    """Inserts into a Compose, or into timm's three of `separate=True`; returns new ones."""
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
    """A new Compose: the augmentation, then the given transforms."""
    _check_compose(pipeline)
    return type(pipeline)([augmentation, *pipeline.transforms])


def _check_compose(pipeline: Any) -> None:
    if not isinstance(pipeline, (transforms.Compose, v2.Compose)):
        raise ValueError(f"the pipeline is a {type(pipeline).__name__}; a Compose, three of them or a loader is needed")


def _is(step: Any, names: frozenset[str]) -> bool:
    """True if the class of a transform, or one of its base classes, has one of these names."""
    return any(kind.__name__ in names for kind in type(step).__mro__)
