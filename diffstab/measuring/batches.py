"""Batches of images that can be iterated twice; each image has the index that keys its random streams."""

import math
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from ..checks import some
from ..precision import tensor_of
from ..streams import in_random_order


class Batch(NamedTuple):
    """A batch: index of each image `[B]`, images `[B, C, H, W]`, and labels `[B]` (-1 for no label)."""

    keys: Tensor
    images: Tensor
    labels: Tensor


IMAGE_NAMES = ("pixel_values", "image", "images", "img")  # keys of a dict batch in transformers and datasets
LABEL_NAMES = ("labels", "label", "targets", "target")
Images = Tensor | Dataset[Any] | Iterable[Any]
Batches = Callable[[], Iterator[Batch]]
Radius = Callable[[Batch], Tensor]  # noise norms ||eta|| of a batch's images, `[B, draws]`


def as_batches(
    images: Images,
    *,
    labels: Tensor | None,
    indices: Tensor | None,
    batch_size: int,
    workers: int,
    share: tuple[int, int] = (0, 1),
    whole: bool = False,
    order: int | None = None,
) -> Batches:
    """Makes a function that starts a new pass over the images.

    Args:
        images: Tensor `[N, C, H, W]`; or a `Dataset` of images or `(image, label)`; or an iterable of batches, such as
            a `DataLoader`, that gives the same batches each time.
        labels: Class of each image, `[N]`; only with a tensor of images.
        indices: Indices of the images to use, int64; only with a tensor or `Dataset`. None uses all images. An image
            has the same random streams whatever other images are used.
        batch_size: Largest number of images per batch. Batches are as equal as possible, so that none has one image.
        workers: Number of loader processes, for a `Dataset`.
        share: (k, n): the part of process k of n, every n-th batch from the k-th on.
        whole: True keeps the batches the same for any number of processes; False makes as many for each process.
        order: Seed of a random order of the images of a tensor or `Dataset`; None keeps the order of their indices.

    Raises:
        TypeError, ValueError: If the images, labels or indices have the wrong kind or shape.
    """
    if isinstance(images, IterableDataset):
        raise TypeError("images are an IterableDataset; wrap it in a DataLoader that gives the same batches each time")
    share_slice = (share[0], None, share[1])
    if not isinstance(images, (Tensor, Dataset)):
        if labels is not None or indices is not None:
            raise ValueError("labels and indices go with a tensor or Dataset of images; a loader brings its own")
        return lambda: islice(_loader_batches(images), *share_slice)
    if isinstance(images, Dataset) and labels is not None:
        raise ValueError("labels given with a Dataset; its items (image, label) carry them")
    chosen = _indices(indices, len(images))  # type: ignore[arg-type]
    chosen = chosen if order is None else in_random_order(chosen, order)
    parts = _parts(chosen, batch_size, 1 if whole else share[1])[slice(*share_slice)]
    if isinstance(images, Dataset):
        return lambda: _dataset_batches(images, parts, workers)
    if images.ndim != 4:
        raise ValueError(f"images are {tuple(images.shape)}; [N, C, H, W] is needed")
    known = _checked_labels(labels, len(images))
    return lambda: (Batch(part, images[part.to(images.device)], known[part]) for part in parts)


def _parts(chosen: Tensor, batch_size: int, multiple: int) -> list[Tensor]:
    """Splits indices into batches of nearly equal size; the number of batches is a multiple of `multiple`."""
    if not len(chosen):
        return []
    count = math.ceil(math.ceil(len(chosen) / batch_size) / multiple) * multiple
    return [part for part in chosen.tensor_split(count) if len(part)]


def _checked_labels(labels: Any, count: int) -> Tensor:
    """Returns labels as int64 `[count]` on the CPU; all -1 for None."""
    if labels is None:
        return torch.full((count,), -1)
    try:
        tensor = _tensor(labels).cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"labels are {labels!r:.60}; one whole number per image is needed") from error
    if tensor.shape != (count,) or tensor.is_floating_point() or tensor.is_complex():
        raise ValueError(f"labels are {tensor.dtype} {tuple(tensor.shape)}; whole numbers [{count}] are needed")
    return tensor.long()


def _tensor(values: Any) -> Tensor:
    return tensor_of(values) if isinstance(values, np.ndarray) else torch.as_tensor(values)


def _indices(indices: Tensor | None, total: int) -> Tensor:
    if indices is None:
        return torch.arange(total)
    indices = _tensor(indices)
    if indices.dtype != torch.int64 or indices.ndim != 1:
        raise ValueError(f"indices are {indices.dtype} {tuple(indices.shape)}; int64 [M] is needed")
    if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < total:
        raise ValueError(f"indices run from {indices.min()} to {indices.max()}; there are {total} images")
    if len(indices.unique()) != len(indices):
        raise ValueError("indices name an image twice; each image is measured once, with draws= for more fields")
    return indices.cpu()


def _dataset_batches(dataset: Dataset[Any], parts: list[Tensor], workers: int) -> Iterator[Batch]:
    loader = DataLoader(
        dataset,
        batch_sampler=[part.tolist() for part in parts],
        num_workers=workers,
        collate_fn=_collate,
        generator=torch.Generator().manual_seed(0),  # workers seeded alike in both passes, not by the global state
    )
    try:
        for keys, (images, labels) in zip(parts, _ending_with_errors(loader, workers), strict=True):
            yield Batch(keys, images, labels)
    except (TypeError, ValueError) as error:
        text = str(error)
        if workers and text.startswith("Caught "):  # a worker's error carries its traceback in the message
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(text.rsplit(f"\n{type(error).__name__}: ", 1)[-1].strip()) from error
        raise


def _ending_with_errors(batches: Iterable[Any], workers: int) -> Iterator[Any]:
    """Yields a loader's batches; on an error clears its frames, which would keep the worker processes alive."""
    try:
        yield from batches
    except Exception as error:
        if workers:
            traceback.clear_frames(error.__traceback__)
        raise


def _collate(items: list[Any]) -> tuple[Tensor, Tensor]:
    pairs = [image_and_label(item) for item in items]
    first = pairs[0][0]
    for image, _ in pairs:
        if not isinstance(image, Tensor) or image.ndim != 3:
            raise TypeError(f"the data set gave an image as {came(image)}; float tensors [C, H, W] are needed")
        if image.shape != first.shape:
            raise ValueError(f"images of {tuple(first.shape)} and {tuple(image.shape)}; they must have one size")
    labels = None if any(label is None for _, label in pairs) else [label for _, label in pairs]
    return torch.stack([image for image, _ in pairs]), _checked_labels(labels, len(pairs))


def image_and_label(item: Any) -> tuple[Any, Any]:
    """Splits an item or batch: `image`, `(image,)`, `(image, label)` or a dict. A missing label is None."""
    if isinstance(item, Mapping):
        names = [next((name for name in known if name in item), None) for known in (IMAGE_NAMES, LABEL_NAMES)]
        if names[0] is None:
            raise TypeError(
                f"the data set gave a dict of {some(item) or 'nothing'}; an image under {' or '.join(IMAGE_NAMES)} is "
                "needed: map it to (image, label)"
            )
        return item[names[0]], None if names[1] is None else item[names[1]]
    if not isinstance(item, (tuple, list)):
        return item, None
    if not 1 <= len(item) <= 2:
        raise TypeError(f"the data set gave {len(item)} things at once; an image, or (image, label), is needed")
    return item[0], item[1] if len(item) == 2 else None


def _loader_batches(loader: Iterable[Any]) -> Iterator[Batch]:
    if not isinstance(loader, Iterable):
        raise TypeError(f"images are a {type(loader).__name__}; a tensor, a Dataset or batches of images are needed")
    batches = iter(loader)  # once a pass: a DataLoader starts its workers here
    if batches is loader:
        raise TypeError("images are an iterator that can be gone through once; measuring goes through them twice")
    start = 0
    for batch in _ending_with_errors(batches, getattr(loader, "num_workers", 0)):
        images, labels = image_and_label(batch)
        if not isinstance(images, Tensor) or images.ndim != 4:
            raise TypeError(f"the loader gave images as {came(images)}; tensors [B, C, H, W] are needed")
        known = _checked_labels(labels, len(images))
        yield Batch(torch.arange(start, start + len(images)), images, known)
        start += len(images)


def came(value: Any) -> str:
    """Describes a value for an error message: a tensor by its shape, anything else by its class."""
    return str(tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__


def images_left(images: Images, count: int) -> int:
    """Returns the number of images in the last batch that a loader drops; 0 if it drops none."""
    if not isinstance(images, DataLoader) or not images.drop_last:
        return 0
    try:
        return max(0, len(images.sampler) - count)  # type: ignore[arg-type]
    except TypeError:  # a sampler without a length
        return 0
