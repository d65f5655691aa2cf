"""RandomDiffeomorphism as a kornia augmentation: batches that stay on their device.

kornia passes boxes and keypoints only to transforms that have a matrix; other transforms leave them unchanged, even if
the image moves. So this transform is of the kind with a matrix, and has a method for each kind of data. No 3 x 3 matrix
describes a diffeomorphism; the matrix given to kornia is the identity.

kornia's coordinates are those of the pixels' middles, from 0 to W - 1. A box is stored by the middles of its outermost
pixels; its edges, which `boxes` deforms, lie half a pixel further out.
"""

from collections.abc import Sequence
from typing import Any, Unpack

import torch
from torch import Tensor
from torchvision import tv_tensors

from ..fields import DisplacementField
from ..options import DEFAULT_CUTOFF
from . import random_diffeomorphism
from .apply import apply_field, deform_points, moved_by
from .boxes import deform_boxes
from .law import DEFAULT_P, Amount, Rules

try:
    from kornia.augmentation import GeometricAugmentationBase2D
    from kornia.constants import Resample
    from kornia.geometry.boxes import Boxes
    from kornia.geometry.keypoints import Keypoints
except ImportError as error:
    message = f"diffstab.transforms.kornia needs the package kornia: pip install 'diffstab[kornia]' ({error})"
    raise ImportError(message) from error

Params = dict[str, Tensor]


class RandomDiffeomorphism(GeometricAugmentationBase2D):  # type: ignore[misc]
    """Deforms batches `[B, C, H, W]` of floats along random smooth fields, one for each image.

    Works alone or in `AugmentationSequential`, with masks (nearest label), boxes (around their deformed outline) and
    keypoints (follow their pixels within 1e-3 px). A box that an earlier transform rotated is first replaced by the
    upright box around it.

    Images and masks stay on their device. Random numbers come from torch's global generator on the CPU, where boxes and
    keypoints are computed too. Pass the `params` of an earlier call to repeat its fields. `transform_matrix` is the
    identity and has no meaning here; `inverse` raises NotImplementedError.

    Other arguments are those of `diffstab.transforms.RandomDiffeomorphism`.

    Args:
        same_on_batch: True to use one field for all images of a batch, which are then all deformed or none.
        p: Probability that an image is deformed.
        keepdim: True to return `[C, H, W]` for an input `[C, H, W]`, and not `[1, C, H, W]`.

    Attributes:
        rejected: Number of fields drawn again because they folded, counted in this process.

    Raises:
        ValueError: If `diffstab.transforms.RandomDiffeomorphism` refuses the arguments; in a call, if boxes or
            keypoints have another batch size than the images.
        TypeError: If an argument that must be a number is none; in a call, if images are whole numbers.

    >>> from kornia.augmentation import AugmentationSequential
    >>> augmentation = RandomDiffeomorphism(cutoff=(2, 5), delta=(0.5, 2.0), p=1.0)
    >>> both = AugmentationSequential(augmentation, data_keys=["input", "keypoints"])
    >>> images, points = both(torch.rand(2, 3, 17, 11), torch.rand(2, 5, 2))
    """

    def __init__(
        self,
        cutoff: Amount = DEFAULT_CUTOFF,
        temperature: Amount | str | None = None,
        delta: Amount | None = None,
        interpolation: str = "bilinear",
        only_diffeomorphisms: bool = False,
        same_on_batch: bool = False,
        p: float = DEFAULT_P,
        keepdim: bool = False,
        **rules: Unpack[Rules],
    ) -> None:
        chosen = random_diffeomorphism.RandomDiffeomorphism(
            cutoff, temperature, delta, p, interpolation, only_diffeomorphisms=only_diffeomorphisms, **rules
        )
        super().__init__(p=chosen.p, same_on_batch=same_on_batch, keepdim=keepdim)
        self.law, self.interpolation, self.rejected = chosen.law, chosen.interpolation, 0
        self.flags = {"cutoff": self.law.cutoff, "temperature": self.law.temperature, "delta": self.law.delta}
        self.flags |= {"interpolation": interpolation, "only_diffeomorphisms": only_diffeomorphisms}

    def generate_parameters(self, batch_shape: Sequence[int]) -> Params:
        """Draws the fields for a batch `(B, C, H, W)`: `coefficients` `[B, 2, I, J]`, float32 on the CPU."""
        count, size = int(batch_shape[0]), (int(batch_shape[-2]), int(batch_shape[-1]))
        field, rejected = self.law.draw(min(count, 1) if self.same_on_batch else count, size)
        self.rejected += rejected
        return {"coefficients": field.coefficients.expand(count, -1, -1, -1)}

    def compute_transformation(self, input: Tensor, params: Params, flags: dict[str, Any]) -> Tensor:
        """The identity `[B, 3, 3]`, since kornia requires a matrix; see the module's docstring."""
        matrix: Tensor = self.identity_matrix(input)
        return matrix

    def compute_inverse_transformation(self, transform: Tensor) -> Tensor:
        """Raises NotImplementedError: interpolation loses information, so a deformation can't be inverted exactly."""
        raise NotImplementedError("a RandomDiffeomorphism can't be inverted; keep the images from before it")

    def apply_transform(
        self, input: Tensor, params: Params, flags: dict[str, Any], transform: Tensor | None = None
    ) -> Tensor:
        """Deforms images `[B, C, H, W]`."""
        field = self._field_of(params)
        found: Tensor = apply_field(input, field, moved_by(field), input.shape[:1], self.interpolation)
        return found

    def apply_transform_mask(
        self, input: Tensor, params: Params, flags: dict[str, Any], transform: Tensor | None = None
    ) -> Tensor:
        """Deforms masks `[B, C, H, W]` with the nearest label, or as images if kornia's `resample` isn't nearest."""
        if Resample.get(flags.get("resample", "nearest")) != Resample.NEAREST:
            return self.apply_transform(input, params, flags, transform)
        found: Tensor = self.apply_transform(tv_tensors.Mask(input), params, flags, transform)
        return found.as_subclass(Tensor)

    def apply_transform_box(
        self, input: Boxes, params: Params, flags: dict[str, Any], transform: Tensor | None = None
    ) -> Boxes:
        """Deforms boxes given by corners, `[B, N, 4, 2]` or `[N, 4, 2]`, to upright boxes around their outlines."""
        field = self._field_of(params)
        corners = input.data.to(field.coefficients.device).double()
        _check_batch("boxes", corners, 3, field)
        edges = torch.cat([corners.amin(-2), corners.amax(-2) + 1], -1)  # (left, top, right, bottom)
        per_image = edges.reshape(len(field), -1, 4)
        own = field.coefficients.repeat_interleave(per_image.shape[1], 0)
        found = deform_boxes(per_image.flatten(0, 1), "XYXY", DisplacementField(own, field.size))
        left, top, right, bottom = (found - found.new_tensor([0, 0, 1, 1])).unbind(1)
        turn = torch.stack([left, top, right, top, right, bottom, left, bottom], 1).view(len(field), -1, 4, 2)
        moved = moved_by(field).to(turn.device).view(-1, 1, 1, 1)  # rotated boxes without displacement stay rotated
        output = input.clone()
        output.data.copy_(torch.where(moved, turn, corners.view(turn.shape)).view(corners.shape))
        return output

    def apply_transform_keypoint(
        self, input: Keypoints, params: Params, flags: dict[str, Any], transform: Tensor | None = None
    ) -> Keypoints:
        """Moves keypoints `[B, N, 2]` or `[N, 2]` with their pixels."""
        field, output = self._field_of(params), input.clone()
        _check_batch("keypoints", input.data, 2, field)
        found = deform_points(input.data.reshape(len(field), -1, 2), field)
        output.data.copy_(found.view(input.data.shape))
        return output

    def _field_of(self, params: Params) -> DisplacementField:
        """The fields that `generate_parameters` drew, 0 for images that `p` leaves undeformed."""
        height, width = (int(side) for side in params["forward_input_shape"][-2:])
        coefficients = params["coefficients"]
        if self.p < 1:
            kept = (params["batch_prob"] > 0.5).to(coefficients.device)
            coefficients = coefficients * kept.view(-1, 1, 1, 1)
        return DisplacementField(coefficients, (height, width))


def _check_batch(kind: str, data: Tensor, ending: int, field: DisplacementField) -> None:
    """Raises ValueError unless data come from as many images as there are fields; one image has `ending` dimensions."""
    count = len(data) if data.ndim > ending else 1
    if count != len(field):
        raise ValueError(
            f"{kind} {tuple(data.shape)} are those of {count} images, and there are {len(field)} fields; "
            "both numbers must be equal"
        )
