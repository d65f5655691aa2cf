"""RandomDiffeomorphism as an albumentations transform: numpy images `[H, W, C]`, masks, boxes and keypoints."""

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import get_worker_info
from torchvision import tv_tensors

from ..fields import DisplacementField
from ..options import DEFAULT_CONVENTION, DEFAULT_CUTOFF
from ..precision import tensor_of
from . import random_diffeomorphism
from .apply import apply_field, deform_points, moved_by, on_pixels
from .law import DEFAULT_P, UNIFORM, Amount, Shape

try:
    from albumentations.core.transforms_interface import DualTransform
    from albumentations.core.type_definitions import ALL_TARGETS
except ImportError as error:
    needed = "diffstab.transforms.albumentations needs the package albumentations"
    raise ImportError(f"{needed}: pip install 'diffstab[albumentations]' ({error})") from error

SEEDS = 2**63


class RandomDiffeomorphism(DualTransform):  # type: ignore[misc]
    """Deforms images along random smooth fields; masks, boxes and keypoints of a call follow the same field.

    Takes `image`, `images`, `mask`, `masks`, `bboxes`, `keypoints`, and volumes slice by slice. Images are uint8,
    uint16 or floats, `[H, W]` or `[H, W, C]`, of any byte order; the result has the same. Masks keep their labels
    (nearest), boxes bound their deformed outline, keypoints follow their pixels within 1e-3 px and keep angle and
    scale.

    Random numbers come from albumentations' generator, so `A.Compose(..., seed=137)` reproduces them. In a worker of a
    data loader, the worker's seed is added, since torch draws that anew for each worker and epoch.

    Other arguments are those of `diffstab.transforms.RandomDiffeomorphism`.

    Args:
        p: Probability that a call deforms its image.

    Attributes:
        rejected: Number of fields drawn again because they folded, counted in this process.

    Raises:
        ValueError: If `diffstab.transforms.RandomDiffeomorphism` refuses the arguments.
        TypeError: If an argument that must be a number is none.

    >>> import albumentations as A
    >>> both = A.Compose([RandomDiffeomorphism(cutoff=(2, 5), delta=(0.5, 2.0), p=1.0), A.HorizontalFlip()], seed=137)
    >>> both(image=np.zeros((17, 11, 3), np.uint8))["image"].shape
    (17, 11, 3)
    """

    _targets = ALL_TARGETS

    def __init__(
        self,
        cutoff: Amount = DEFAULT_CUTOFF,
        temperature: Amount | str | None = None,
        delta: Amount | None = None,
        interpolation: str = "bilinear",
        only_diffeomorphisms: bool = False,
        p: float = DEFAULT_P,
        *,
        cutoff_shape: Shape = UNIFORM,
        temperature_shape: Shape = UNIFORM,
        temperature_rule: str = "monte-carlo",
        convention: str = DEFAULT_CONVENTION,
        cutoff_rule: str | None = None,
        delta_rule: str | None = None,
    ) -> None:
        chosen = random_diffeomorphism.RandomDiffeomorphism(
            cutoff,
            temperature,
            delta,
            p,
            interpolation,
            only_diffeomorphisms=only_diffeomorphisms,
            cutoff_shape=cutoff_shape,
            temperature_shape=temperature_shape,
            temperature_rule=temperature_rule,
            convention=convention,
            cutoff_rule=cutoff_rule,
            delta_rule=delta_rule,
        )
        super().__init__(p=chosen.p)
        self.law, self.interpolation, self.rejected = chosen.law, chosen.interpolation, 0
        # albumentations saves and prints attributes that have an argument's name.
        self.__dict__.update(asdict(chosen.law))

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draws the field of a call: `coefficients` `[2, I, J]`, float32."""
        seed, worker = int(self.random_generator.integers(SEEDS)), get_worker_info()
        if worker is not None:  # each worker has a copy of the generator, which would draw the same numbers in all
            seed = (seed + worker.seed) % SEEDS
        height, width = params["shape"][:2]
        field, rejected = self.law.draw(1, (int(height), int(width)), torch.Generator().manual_seed(seed))
        self.rejected += rejected
        return {"coefficients": field.coefficients[0].numpy()}

    def apply(self, img: np.ndarray, **params: Any) -> np.ndarray:
        """Deforms an image `[H, W]` or `[H, W, C]`."""
        return on_pixels(lambda pixels: self._deform(pixels, params), img)

    def apply_to_mask(self, mask: np.ndarray, **params: Any) -> np.ndarray:
        """Deforms a mask `[H, W]` or `[H, W, C]`; each pixel takes the nearest label."""
        return on_pixels(lambda labels: self._deform(tv_tensors.Mask(labels), params), mask)

    def apply_to_bboxes(self, bboxes: np.ndarray, **params: Any) -> np.ndarray:
        """Deforms boxes `[N, 4 + more]`: (left, top, right, bottom) as shares of the sides; further columns stay."""
        height, width = params["shape"][:2]
        pixels = bboxes[:, :4] * np.array([width, height, width, height], np.float64)
        boxes = tv_tensors.BoundingBoxes(torch.from_numpy(pixels), format="XYXY", canvas_size=(height, width))
        found: np.ndarray = bboxes.copy()
        found[:, :4] = self._deform(boxes, params).numpy() / (width, height, width, height)
        return found

    def apply_to_keypoints(self, keypoints: np.ndarray, **params: Any) -> np.ndarray:
        """Moves keypoints `[N, 2 + more]`: (x, y) in pixels; further columns stay."""
        found: np.ndarray = keypoints.copy()
        found[:, :2] = deform_points(tensor_of(keypoints[:, :2]), _field_of(params)[0]).numpy()
        return found

    def _deform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        field = _field_of(params)
        found: Tensor = apply_field(inpt, field, moved_by(field), torch.Size(), self.interpolation)
        return found.as_subclass(Tensor)


def _field_of(params: dict[str, Any]) -> DisplacementField:
    """The field that `get_params_dependent_on_data` drew, batch shape `[1]`."""
    height, width = params["shape"][:2]
    return DisplacementField(torch.from_numpy(params["coefficients"])[None], (int(height), int(width)))
