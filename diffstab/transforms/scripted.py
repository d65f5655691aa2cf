"""The TorchScript version of RandomDiffeomorphism: only tensors, one cutoff and bilinear interpolation."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from .law import UNIFORM, FieldLaw


class ScriptedDiffeomorphism(nn.Module):
    """Deforms images `[..., C, H, W]`, floats or uint8, with the transform's law of fields, in TorchScript.

    Args:
        law: Law with one cutoff, and with a temperature or delta that is a number or uniform in a range.
        p: Probability that an image is deformed.
        per_image: True for one field per image of a batch, False for one field for the whole batch.

    Raises:
        RuntimeError: If the law is another one, which TorchScript can't draw.
    """

    spread: Tensor

    def __init__(self, law: FieldLaw, p: float, per_image: bool) -> None:
        super().__init__()
        if len(law.cutoffs) > 1 or isinstance(law.temperature, str) or law.only_diffeomorphisms:
            raise RuntimeError(
                "a RandomDiffeomorphism is scripted only with one cutoff and with a temperature or delta in numbers"
            )
        if law.temperature_shape != UNIFORM:
            raise RuntimeError("a RandomDiffeomorphism is scripted only with a uniform law of temperature or delta")
        ensemble = law.ensemble((2**15, 2**15), law.cutoffs[0])
        self.register_buffer("spread", ensemble.spread)
        self.per_unit = 2**15 / float(ensemble.delta)  # sqrt(T) / delta for sides of 1 pixel
        given = law.delta if law.temperature is None else law.temperature
        assert given is not None
        assert not isinstance(given, str)
        self.low, self.high = given if isinstance(given, tuple) else (given, given)
        self.in_pixels, self.p, self.per_image = law.temperature is None, p, per_image

    def forward(self, images: Tensor) -> Tensor:
        """Deforms each image with probability p; returns images of the same shape and dtype."""
        height, width = images.shape[-2:]
        count = 1
        if self.per_image:
            for side in images.shape[:-3]:
                count *= side
        if images.numel() == 0:
            return images
        root = self.low + (self.high - self.low) * torch.rand([count, 1, 1, 1], dtype=torch.float64)
        per_pixel = self.per_unit / math.sqrt((height**2 + width**2) / 2)
        root = root * per_pixel if self.in_pixels else root.sqrt()
        spread = self.spread[:width, :height].to("cpu")
        normals = torch.randn([count, 2, spread.shape[0], spread.shape[1]])
        moved = (torch.rand([count, 1, 1, 1]) < self.p) & (root > 0)
        coefficients = (normals * spread * root).to(torch.float32).to(images.device)
        found = self.deformed(images, coefficients, height, width)
        kept = moved.to(images.device)
        flat = images.reshape([count, -1, height, width])
        return torch.where(kept, found, flat).view(images.shape)

    def deformed(self, images: Tensor, coefficients: Tensor, height: int, width: int) -> Tensor:
        """Deforms all images, each along the field of its coefficients."""
        device = images.device
        u, v = torch.linspace(0, 1, width, device=device), torch.linspace(0, 1, height, device=device)
        i = torch.arange(1, coefficients.shape[2] + 1, device=device)
        j = torch.arange(1, coefficients.shape[3] + 1, device=device)
        across, down = torch.sin(math.pi * u[:, None] * i), torch.sin(math.pi * v[:, None] * j)
        tau = down @ (coefficients.transpose(2, 3) @ across.t())
        x = 2 * u - 1 - tau[:, 0] * (2 * width / (width - 1))
        y = 2 * v[:, None] - 1 - tau[:, 1] * (2 * height / (height - 1))
        flat = images.reshape([len(coefficients), -1, height, width])
        grid = torch.stack([x, y], dim=-1)
        found = grid_sample(flat.to(torch.float32), grid, mode="bilinear", padding_mode="border", align_corners=True)
        if not images.is_floating_point():
            found = found.round()
        return found.to(images.dtype)
