"""RandomDiffeomorphism, a torchvision v2 transform: maximum-entropy diffeomorphisms as an augmentation."""

from typing import Any, Unpack

import PIL.Image
import torch
from torch.utils.data import get_worker_info
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import get_size

from ..checks import finite_at_least_zero, one_of
from ..fields import DisplacementField
from ..options import DEFAULT_CUTOFF, INTERPOLATIONS
from .apply import apply_field, batch_of, moved_by
from .law import DEFAULT_P, DEFAULT_TEMPERATURE, Amount, FieldLaw, Rules
from .scripted import ScriptedDiffeomorphism

KINDS = (torch.Tensor, PIL.Image.Image)


class RandomDiffeomorphism(v2.Transform):  # type: ignore[misc]
    """Deforms images along random smooth fields; masks, boxes and keypoints follow the same fields.

    Takes the inputs of torchvision's v2 transforms, alone or nested: PIL images of any mode, tensors `[..., C, H, W]`
    of any float or whole-number dtype, and `tv_tensors`. In a batch each image has its own field; a video with its
    masks, boxes and keypoints has one. Masks keep their labels (nearest), boxes bound their deformed outline, keypoints
    follow their pixels within 1e-3 px. Images that are not deformed are returned bit for bit. Other inputs pass
    unchanged, numpy arrays too: convert them with `v2.ToImage()`.

    Random numbers come from torch's global generator, which a `DataLoader` seeds in each worker. They are drawn on the
    CPU, so the images' device doesn't change them.

    Several threads may use one transform. The law of the fields stays right, but a seed doesn't repeat them, since the
    threads share the global generator, and `rejected` may miss some. To repeat the fields of a thread, give it a
    transform with a generator; loaders with worker processes don't need this. Measuring, training or building a network
    in another thread restores the global generator, so that numbers drawn meanwhile may come twice.

    Args:
        cutoff: Largest spatial frequency c, or a range `(low, high)` of whole numbers.
        temperature: Temperature T, which scales the squared displacement; a range `(low, high)`; or the name of a range
            from T_min, where delta is half a pixel: `mild` ends where 1 % of the fields fold, the paper's `range` at
            T_max, where half of the fields have Xi < 1, a condition against folds (Sec. 2.2). `mild` if neither T nor
            delta is given.
        delta: Root-mean-square displacement in pixels, or a range `(low, high)`, in place of T.
        p: Probability that an image is deformed.
        interpolation: `bilinear` or `gaussian`, for images.
        per_image: True for one field per image of a batch, False for one field for the whole batch.
        only_diffeomorphisms: True to draw fields that fold again; `rejected` counts them.
        cutoff_shape, temperature_shape: Numbers (s, r) of the Beta laws in the ranges, s = a + b, r = a / b; see
            `diffstab.transforms.law`. Uniform by default.
        temperature_rule: Rule for the ends of `range`: `monte-carlo` or `asymptotic` (Eqs. 8, 14).
        convention, cutoff_rule, delta_rule: Convention and rules of `MaxEntropyEnsemble`.
        generator: Random generator in place of torch's global one. Not for workers of a data loader.

    Attributes:
        rejected: Number of fields drawn again because they folded, counted in this process.

    Raises:
        ValueError: If `FieldLaw` or `MaxEntropyEnsemble` refuses the arguments, or p is above 1. In a call, if inputs
            have several sizes, boxes or keypoints lack a canvas size, or a generator is used in a worker of a data
            loader.
        TypeError: If an argument that must be a number is none.

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
        generator: torch.Generator | None = None,
        **rules: Unpack[Rules],
    ) -> None:
        super().__init__()
        self.law = FieldLaw(
            cutoff=cutoff,
            temperature=DEFAULT_TEMPERATURE if temperature is None and delta is None else temperature,
            delta=delta,
            only_diffeomorphisms=only_diffeomorphisms,
            **rules,
        )
        self.p = finite_at_least_zero("p", p)
        if self.p > 1:
            raise ValueError(f"p is {p}; a probability from 0 to 1 is needed")
        self.interpolation = one_of("interpolation", interpolation, INTERPOLATIONS)
        self.per_image = per_image
        self.generator = generator
        self.rejected = 0

    def extra_repr(self) -> str:
        """Arguments shown when the transform is printed."""
        law = self.law
        amount = f"delta={law.delta}" if law.temperature is None else f"temperature={law.temperature}"
        told = [f"cutoff={law.cutoff}", amount, f"p={self.p}", f"interpolation={self.interpolation}"]
        told += [f"per_image={self.per_image}", f"only_diffeomorphisms={law.only_diffeomorphisms}"]
        return ", ".join(told)

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Raises ValueError for boxes or keypoints without the size of their image."""
        for inpt in flat_inputs:
            if isinstance(inpt, (tv_tensors.BoundingBoxes, tv_tensors.KeyPoints)) and not inpt.canvas_size:
                kind = type(inpt).__name__
                raise ValueError(f"{kind} have no canvas_size; give that of their image, (H, W)")

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draws the fields of a call: `field` `[B]`, `moved` (see `moved_by`) and `lead`, the batch shape."""
        if not flat_inputs:
            return {}
        size, lead = _size(flat_inputs), torch.Size()
        if self.per_image:
            lead = next((found for inpt in flat_inputs if (found := batch_of(inpt))), lead)
        field = self.draw(lead.numel(), size)
        return {"field": field, "moved": moved_by(field), "lead": lead}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Deforms one input along the fields of `make_params`."""
        return apply_field(inpt, params["field"], params["moved"], params["lead"], self.interpolation)

    def __prepare_scriptable__(self) -> torch.nn.Module:
        """Returns the module that `torch.jit.script` compiles. Raises RuntimeError if the options can't be scripted.

        Scripting needs tensors as inputs, one cutoff, a temperature or delta in numbers, and bilinear interpolation.
        """
        if self.interpolation != "bilinear" or self.generator is not None:
            raise RuntimeError(
                "a RandomDiffeomorphism is scripted only with bilinear interpolation and without a generator"
            )
        return ScriptedDiffeomorphism(self.law, self.p, self.per_image)

    def draw(self, count: int, size: tuple[int, int]) -> DisplacementField:
        """Draws `count` fields for images of `(H, W)` pixels; fields of images that `p` leaves undeformed are 0."""
        if self.generator is not None and get_worker_info() is not None:
            raise ValueError(
                "a generator was given; every worker of the data loader has a copy of it and would draw the same "
                "fields, so leave it out: each worker has a seed of its own"
            )
        field, rejected = self.law.draw(count, size, self.generator)
        self.rejected += rejected
        if self.p < 1:
            where = field.coefficients.device
            kept = torch.rand(count, generator=self.generator, device=where) < self.p
            field = DisplacementField(field.coefficients * kept.view(-1, 1, 1, 1), size)
        return field


def _size(flat_inputs: list[Any]) -> tuple[int, int]:
    """Image size (H, W) of all inputs. Raises ValueError if they have several."""
    sizes = {(int(height), int(width)): inpt for inpt in flat_inputs for height, width in [get_size(inpt)]}
    if len(sizes) > 1:
        told = ", ".join(f"{h} x {w} ({type(inpt).__name__})" for (h, w), inpt in sizes.items())
        raise ValueError(f"inputs of one call have several sizes: {told}; they must all belong to one image")
    return next(iter(sizes))
