"""RandomDiffeomorphism, a torchvision v2 transform: maximum-entropy diffeomorphisms as an augmentation."""

from typing import Any

import PIL.Image
import torch
from torch.utils.data import get_worker_info
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import get_size

from ..checks import finite_at_least_zero, one_of
from ..fields import DisplacementField
from ..options import DEFAULT_CONVENTION, DEFAULT_CUTOFF, INTERPOLATIONS
from .apply import apply_field, batch_of, moved_by
from .law import DEFAULT_P, DEFAULT_TEMPERATURE, UNIFORM, Amount, FieldLaw, Shape
from .scripted import ScriptedDiffeomorphism

KINDS = (torch.Tensor, PIL.Image.Image)


class RandomDiffeomorphism(v2.Transform):  # type: ignore[misc]
    """Deforms images along random smooth fields, and masks, boxes and keypoints with them.

    Takes what torchvision's v2 transforms take: PIL images of any mode, tensors `[..., C, H, W]` of any float or
    whole-number dtype, `tv_tensors` (a video has one field, its masks, boxes and keypoints the same), alone or nested.
    Masks keep their labels (nearest), boxes bound their deformed outline, keypoints go where their pixels go, to
    1e-3 px. All else passes through, numpy arrays too, of which `v2.ToImage()` makes images. In a batch each image has
    its own field. What is not moved comes back bit for bit.

    Numbers are drawn from torch's global generator, which a `DataLoader` seeds anew in each worker, on the CPU
    whatever the images' device.

    Several threads may use one transform. They draw from the one global generator in whichever order they come, so the
    law of the fields is right, a seed repeats none of them, and `rejected` may miss some. Threads whose fields are to
    be repeated take a transform with a generator each; loaders with workers need neither. While another thread
    measures, trains or builds a network, which puts the global generator back, numbers drawn from it may come twice.

    Args:
        cutoff: c, or `(low, high)`, whole numbers, for a random one.
        temperature: T, `(low, high)`, or the name of a range from T_min, where delta is half a pixel: `mild` ends where
            1 % of the fields fold, the paper's `range` at T_max, where half of them have Xi < 1 (Sec. 2.2).
        delta: Root-mean-square displacement in pixels in place of T, or `(low, high)`. With neither, T is `mild`.
        p: The chance that an image is deformed.
        interpolation: `bilinear` or `gaussian`, of images.
        per_image: Whether each image of a batch has its own field; otherwise all have one.
        only_diffeomorphisms: Whether fields that fold are drawn again; `rejected` counts them.
        cutoff_shape, temperature_shape: (s, r) of the Beta laws in the ranges, s = a + b, r = a / b; see
            `diffstab.transforms.law`. Uniform by default.
        temperature_rule: How the ends of `range` are found: `monte-carlo` or `asymptotic` (Eqs. 8, 14).
        convention, cutoff_rule, delta_rule: As for `MaxEntropyEnsemble`.
        generator: In place of the global one, for tensors outside data loaders.

    Attributes:
        rejected: How many fields were drawn again so far, in this process.

    Raises:
        ValueError: As `FieldLaw` and `MaxEntropyEnsemble`; if p is above 1; when called, for inputs of several sizes,
            boxes or keypoints without a canvas size, or a generator within a worker of a data loader.
        TypeError: If something is no number.

    >>> from torchvision import tv_tensors
    >>> transform = RandomDiffeomorphism(cutoff=(2, 5), delta=(0.5, 2.0), p=0.5)
    >>> image, boxes = tv_tensors.Image(torch.rand(3, 17, 11)), torch.tensor([[2.0, 3.0, 8.0, 9.0]])
    >>> boxes = tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(17, 11))
    >>> deformed, around = transform(image, boxes)
    """

    _transformed_types = KINDS

    def __init__(
        self,
        cutoff: Amount = DEFAULT_CUTOFF,
        temperature: Amount | str | None = None,
        delta: Amount | None = None,
        p: float = DEFAULT_P,
        interpolation: str = "bilinear",
        per_image: bool = True,
        only_diffeomorphisms: bool = False,
        *,
        cutoff_shape: Shape = UNIFORM,
        temperature_shape: Shape = UNIFORM,
        temperature_rule: str = "monte-carlo",
        convention: str = DEFAULT_CONVENTION,
        cutoff_rule: str | None = None,
        delta_rule: str | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.law = FieldLaw(
            cutoff=cutoff,
            temperature=DEFAULT_TEMPERATURE if temperature is None and delta is None else temperature,
            delta=delta,
            cutoff_shape=cutoff_shape,
            temperature_shape=temperature_shape,
            temperature_rule=temperature_rule,
            only_diffeomorphisms=only_diffeomorphisms,
            convention=convention,
            cutoff_rule=cutoff_rule,
            delta_rule=delta_rule,
        )
        self.p = finite_at_least_zero("p", p)
        if self.p > 1:
            raise ValueError(f"p is {p}; a probability from 0 to 1 is needed")
        self.interpolation = one_of("interpolation", interpolation, INTERPOLATIONS)
        self.per_image = per_image
        self.generator = generator
        self.rejected = 0

    def extra_repr(self) -> str:
        """What was chosen."""
        law = self.law
        amount = f"delta={law.delta}" if law.temperature is None else f"temperature={law.temperature}"
        told = [f"cutoff={law.cutoff}", amount, f"p={self.p}", f"interpolation={self.interpolation}"]
        told += [f"per_image={self.per_image}", f"only_diffeomorphisms={law.only_diffeomorphisms}"]
        return ", ".join(told)

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Raises ValueError for boxes or keypoints that don't tell how large their image is."""
        for inpt in flat_inputs:
            if isinstance(inpt, (tv_tensors.BoundingBoxes, tv_tensors.KeyPoints)) and not inpt.canvas_size:
                kind = type(inpt).__name__
                raise ValueError(f"{kind} have no canvas_size; give that of their image, (H, W)")

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The fields of a call: `field` `[B]`, whether each moves anything, and the shape of the batch."""
        if not flat_inputs:
            return {}
        size, lead = _size(flat_inputs), torch.Size()
        if self.per_image:
            lead = next((found for inpt in flat_inputs if (found := batch_of(inpt))), lead)
        field = self.draw(lead.numel(), size)
        return {"field": field, "moved": moved_by(field), "lead": lead}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """One input, deformed along the fields of `make_params`."""
        return apply_field(inpt, params["field"], params["moved"], params["lead"], self.interpolation)

    def __prepare_scriptable__(self) -> torch.nn.Module:
        """For `torch.jit.script`: tensors, one cutoff, a given temperature or delta, bilinear; else RuntimeError."""
        if self.interpolation != "bilinear" or self.generator is not None:
            raise RuntimeError("a RandomDiffeomorphism is scripted bilinear and without a generator only")
        return ScriptedDiffeomorphism(self.law, self.p, self.per_image)

    def draw(self, count: int, size: tuple[int, int]) -> DisplacementField:
        """So many fields for images of `(H, W)` pixels, at T = 0 for those that p leaves out."""
        if self.generator is not None and get_worker_info() is not None:
            raise ValueError(
                "a generator was given, which every worker of the data loader has a copy of, so that all draw the same "
                "fields; leave it out: the workers' own seeds are used"
            )
        field, rejected = self.law.draw(count, size, self.generator)
        self.rejected += rejected
        if self.p < 1:
            where = field.coefficients.device
            kept = torch.rand(count, generator=self.generator, device=where) < self.p
            field = DisplacementField(field.coefficients * kept.view(-1, 1, 1, 1), size)
        return field


def _size(flat_inputs: list[Any]) -> tuple[int, int]:
    """(H, W), which all inputs share."""
    sizes = {(int(height), int(width)): inpt for inpt in flat_inputs for height, width in [get_size(inpt)]}
    if len(sizes) > 1:
        told = ", ".join(f"{h} x {w} ({type(inpt).__name__})" for (h, w), inpt in sizes.items())
        raise ValueError(f"inputs of one call have several sizes: {told}; they must be of one image")
    return next(iter(sizes))
