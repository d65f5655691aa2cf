"""Worst cases: the deformation of typical size, and the noise of given norm, that change a network's output most.

Deformations: max ||f(tau_C x) - f(x)||^2 over the coefficients C with sum (i^2 + j^2) C_ij^2 / T equal to the number of
coefficients, which is its mean in the ensemble: the typical shell. Noise: max ||f(x + eta) - f(x)||^2 over the sphere
||eta|| = r. Both by gradient ascent in unit vectors, from several random starts.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..fields import DisplacementField, MaxEntropyEnsemble, deform
from ..options import DEFAULT_STARTS, DEFAULT_STEPS
from ..streams import MASK, StreamKeys, sphere_noise
from .network_state import Network
from .outputs import flat_output
from .setup import Setup

AT_ONCE = 32  # images; a backward pass keeps the activations of all layers
LONGER, SHORTER = 4.0, 0.25  # factors of a step after one that went up, and after one that did not

Change = Callable[[Tensor], Tensor]


def ascend(change: Change, start: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Climbs from unit vectors to ones with a larger change: returns these and their changes, float64 `[B]`.

    Each step adds the gradient's direction times a length and goes back to norm 1. A step that lowers the change is
    taken back, and the next is shorter; otherwise the next is longer. Long steps are those of the power method.

    Args:
        change: Function from unit vectors `[B, n]` to one number each, `[B]`, differentiable.
        start: Unit vectors, `[B, n]`.
        steps: Number of steps.

    >>> matrix = torch.tensor([[3.0, 0.0], [0.0, 1.0]])
    >>> found, largest = ascend(lambda z: (z @ matrix).square().sum(1), torch.tensor([[0.6, 0.8]]), steps=20)
    >>> round(float(largest), 4)
    9.0
    """
    best, length = start, torch.ones(len(start), 1, dtype=start.dtype, device=start.device)
    value, slope = _valued(change, best)
    for _ in range(steps):
        other = _unit(best + length * slope)
        found, its_slope = _valued(change, other)
        higher = (found > value)[:, None].to(start.device)
        best, slope = torch.where(higher, other, best), torch.where(higher, its_slope, slope)
        value = torch.where(found > value, found, value)
        length = torch.where(higher, LONGER * length, SHORTER * length)
    return best, value


def _valued(change: Change, at: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the change, `[B]`, and the direction of its gradient, `[B, n]`."""
    with torch.enable_grad():
        place = at.detach().requires_grad_()
        value = change(place)
        if not value.requires_grad:
            raise ValueError("worst is asked for and the network has no gradient; hand over one that is differentiable")
        gradient = torch.autograd.grad(value.sum(), place)[0]
    return value.detach(), _unit(gradient)


def _unit(vectors: Tensor) -> Tensor:
    norms: Tensor = vectors.norm(dim=1, keepdim=True)
    return vectors / norms.clamp_min(torch.finfo(vectors.dtype).tiny)


class Ascent:
    """Finds the worst deformations and noise of images for a network.

    Args:
        model: The network, in the mode it is measured in.
        setup: Setup of the measurement, by deformations of a `MaxEntropyEnsemble`.
    """

    def __init__(self, model: Network, setup: Setup) -> None:
        assert isinstance(setup.transformation, MaxEntropyEnsemble)
        self.model, self.setup, self.ensemble = model, setup, setup.transformation
        self.spread = self.ensemble.spread.to(setup.device, setup.dtype)
        self.radius = (2 * self.ensemble.modes) ** 0.5  # of the typical shell, in standard deviations

    def field(self, images: Tensor, keys: StreamKeys) -> DisplacementField:
        """Returns the worst fields found for images `[B, C, H, W]`. The first start is the random draw of the keys."""
        base, interpolation = self.setup.base(images), self.setup.settings.interpolation

        def starts(own: StreamKeys) -> Tensor:
            drawn: DisplacementField = self.setup.sample(own)
            return torch.where(self.spread > 0, drawn.coefficients / self.spread, 0).flatten(1)

        def change(part: slice) -> Change:
            own, reference = images[part], self._output(base[part])
            return lambda z: (self._output(deform(own, self._field(z), interpolation)) - reference).square().sum(1)

        return self._field(self._worst(change, starts, keys))

    def noisy(self, base: Tensor, keys: StreamKeys, radii: Tensor) -> Tensor:
        """Returns x + eta for the worst noise found, with ||eta|| = `radii`, `[B]`, for images x `[B, C, H, W]`."""
        shape = tuple(base.shape[1:])
        norms = radii.to(self.setup.device, self.setup.dtype)[:, None]

        def starts(own: StreamKeys) -> Tensor:
            return sphere_noise(own, shape, self.setup.device).to(self.setup.dtype).flatten(1)

        def change(part: slice) -> Change:
            own, reference = base[part], self._output(base[part])
            return lambda z: (self._output(own + (norms[part] * z).view_as(own)) - reference).square().sum(1)

        return base + (norms * self._worst(change, starts, keys)).view_as(base)

    def _worst(
        self, change: Callable[[slice], Change], starts: Callable[[StreamKeys], Tensor], keys: StreamKeys
    ) -> Tensor:
        """Returns the unit vectors `[B, n]` with the largest change, over all starts; some images at a time."""
        settings = self.setup.settings
        steps, count = settings.ascent_steps or DEFAULT_STEPS, settings.ascent_starts or DEFAULT_STARTS
        first = [_unit(starts(own)) for own in _keys_of_starts(keys, count)]
        found = []
        for k in range(0, len(keys.images), AT_ONCE):
            part = slice(k, k + AT_ONCE)
            climbed = [ascend(change(part), one[part], steps) for one in first]
            vectors, values = (torch.stack(parts) for parts in zip(*climbed, strict=True))
            found.append(vectors[values.argmax(0).to(vectors.device), torch.arange(vectors.shape[1])])
        return torch.cat(found)

    def _field(self, unit: Tensor) -> DisplacementField:
        return DisplacementField(self.radius * unit.view(-1, 2, *self.spread.shape) * self.spread, self.ensemble.size)

    def _output(self, images: Tensor) -> Tensor:
        return flat_output(self.model, images, self.setup)


def _keys_of_starts(keys: StreamKeys, starts: int) -> list[StreamKeys]:
    """Returns the keys of the draw itself, and of further draws from the far end of their numbers."""
    return [keys if not k else StreamKeys(keys.seed, keys.images, MASK - keys.draw * starts - k) for k in range(starts)]
