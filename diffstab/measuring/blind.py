"""Finds the part of its input that a network ignores: a vision transformer of patch 16 ignores 4 of 100 rows.

Noise on such pixels counts in ||eta|| but does not change the output, so that R_f is too large.
"""

import warnings

import torch
from torch import Tensor, nn

from ..checks import some
from .batches import Batch
from .modules import modules_in
from .network_state import Network
from .outputs import flat_output, network_output
from .setup import Setup

IMAGES = 2  # at a time
ROUNDS = 4  # at most; with one image, units behind a pixel may be off


def blind_part(model: Network, batch: Batch, setup: Setup) -> tuple[float | None, str]:
    """Finds the values with zero gradient on a few noisy images, and checks that they don't change the output.

    Returns:
        Share of the input's values that the network uses, 0 to 1; None if it is unknown, since the network has no
        gradient or runs on one batch size only. Description of the values that it ignores, and a size of images that
        avoids them; empty if there are none.
    """
    images = setup.base(setup.placed(batch))[:IMAGES]
    rng = torch.Generator().manual_seed(0)

    def noise() -> Tensor:
        return images.std() * torch.randn(images.shape, generator=rng).to(images)

    unseen = torch.ones_like(images[0], dtype=torch.bool)
    for _ in range(ROUNDS):
        gradient = _gradient(model, images + noise(), setup)
        if gradient is None:
            return None, ""
        unseen &= ~(gradient != 0).any(0)
        if not bool(unseen.any()):
            return 1.0, ""
    there = images + noise()
    before, after = (flat_output(model, one, setup) for one in (there, there + unseen * noise()))
    if bool((before != after).any()) or bool(unseen.all()):
        return None, ""
    return 1 - float(unseen.double().mean()), _described(model, unseen)


def _gradient(model: Network, images: Tensor, setup: Setup) -> Tensor | None:
    """The gradient of a random combination of the outputs; None if it does not exist or is not finite."""
    inputs = images.detach().requires_grad_()
    try:
        with torch.enable_grad(), warnings.catch_warnings(action="ignore"):  # of operations without a gradient
            output = network_output(model, inputs, setup)[0]
            direction = torch.randn(output.shape, generator=torch.Generator().manual_seed(1)).to(output)
            (found,) = torch.autograd.grad((output * direction).sum(), inputs)
    except (RuntimeError, AssertionError, ValueError):  # no gradient, or made for one size of batch
        return None
    return found if bool(found.isfinite().all()) else None


def _described(model: Network, unseen: Tensor) -> str:
    """Names the channels, rows or columns that are ignored, and sizes of images that are used whole."""
    height, width = unseen.shape[-2:]
    parts = {"channels": unseen.all((1, 2)), "rows": unseen.all((0, 2)), "columns": unseen.all((0, 1))}
    told = [f"{name} {_listed(missing)}" for name, missing in parts.items() if bool(missing.any())]
    patch = _patch(model)
    if patch and (height % patch or width % patch):
        low, high = (
            f"{k(height)} x {k(width)}" for k in (lambda n: n // patch * patch, lambda n: -(-n // patch) * patch)
        )
        told.append(f"its patches have {patch} pixels, so take images of {low} or {high}")
    return "; ".join(told) or "scattered over the picture"


def _listed(missing: Tensor) -> str:
    numbers = missing.nonzero().flatten().tolist()
    whole = len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1
    return f"{numbers[0]} to {numbers[-1]}" if whole else some([str(number) for number in numbers])


def _patch(model: Network) -> int | None:
    """The side of the patches that a first convolution cuts, in pixels; None if it cuts none."""
    first = next((module for module in modules_in(model) if isinstance(module, nn.Conv2d)), None)
    if first is None or first.kernel_size != first.stride or first.stride[0] != first.stride[1]:
        return None
    return first.stride[0] if first.stride[0] > 1 else None
