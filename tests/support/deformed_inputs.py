"""Images, masks, boxes and keypoints that transforms are given."""

import PIL.Image
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

SIZE = (17, 11)
FORMATS = ("XYXY", "XYWH", "CXCYWH")
ROTATED = ("XYWHR", "CXCYWHR", "XYXYXYXY")


def rand(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(3))


def pil(mode: str, size: tuple[int, int] = SIZE) -> PIL.Image.Image:
    pixels = PIL.Image.fromarray((255 * rand(*size, 3)).byte().numpy())
    through = {"I;16": "I", "PA": "P"}.get(mode)
    return (
        pixels.convert("L").convert("I").convert(mode)
        if through == "I"
        else (pixels.convert(through).convert(mode) if through else pixels.convert(mode))
    )


def boxes(form: str = "XYXY", canvas: tuple[int, int] = SIZE) -> tv_tensors.BoundingBoxes:
    if form in ROTATED:
        data = torch.tensor([[5.0, 8.0, 4.0, 6.0, 30.0], [4.0, 9.0, 3.0, 2.0, -75.0], [5.5, 8.5, 5.0, 5.0, 0.0]])
        found = tv_tensors.BoundingBoxes(data, format="CXCYWHR", canvas_size=canvas)
    else:
        data = torch.tensor([[2.0, 3.0, 8.0, 9.5], [0.0, 0.0, 11.0, 17.0], [4.5, 6.0, 5.0, 16.0]])
        found = tv_tensors.BoundingBoxes(data, format="XYXY", canvas_size=canvas)
    return v2.ConvertBoundingBoxFormat(form)(found)


def keypoints(canvas: tuple[int, int] = SIZE) -> tv_tensors.KeyPoints:
    return tv_tensors.KeyPoints([[[3.0, 5.5], [0.0, 16.0]], [[9.2, 1.1], [-4.0, 30.0]]], canvas_size=canvas)


def moved(found: Tensor, images: Tensor) -> Tensor:
    return (found != images).flatten(1).any(1)
