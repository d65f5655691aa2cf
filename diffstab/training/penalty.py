"""A penalty on changes by deformation, to train a network for stability."""

import torch
from torch import Tensor, nn

from ..checks import finite_at_least_zero, one_of
from ..fields import MaxEntropyEnsemble, deform
from ..options import OUTPUT_FORMS


class StabilityLoss(nn.Module):
    """Weight times D_f of a batch (Eq. 5, with means), to add to the loss of a training.

    D_f is the mean of ||f(tau x) - f(x)||^2 over the images x, divided by the mean of ||f(x) - f(z)||^2 over their
    pairs. It doesn't depend on the scale of f, so that no network lowers it by smaller outputs. Each call draws a new
    deformation tau for each image. Batch norm in training mode sees the deformed images too.

    Args:
        ensemble: Ensemble of the deformations, for the size of the images.
        weight: Factor on D_f, 0 or more, dimensionless.
        target: Form of the output that must not change: `logits`, the output as it comes, or `probabilities`, its
            softmax over dimension 1.

    Raises:
        ValueError: If weight or target are not allowed. In a call, if the batch has one image, or is of another size.

    >>> network, images = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), torch.rand(5, 1, 8, 8)
    >>> penalty = StabilityLoss(MaxEntropyEnsemble(8, cutoff=3, delta=0.5), weight=0.1)
    >>> outputs = network(images)
    >>> loss = nn.functional.cross_entropy(outputs, torch.arange(5)) + penalty(network, images, outputs)
    >>> loss.backward()
    """

    def __init__(self, ensemble: MaxEntropyEnsemble, weight: float, target: str = "logits") -> None:
        super().__init__()
        self.ensemble = ensemble
        self.weight = finite_at_least_zero("weight", weight)
        self.target = one_of("target", target, OUTPUT_FORMS)

    def forward(
        self, network: nn.Module, images: Tensor, outputs: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Returns the penalty, a tensor `[]`.

        Args:
            network: The network f.
            images: Images x, `[B, C, H, W]`, as the network takes them.
            outputs: Outputs f(x), `[B, ...]`, with their gradient.
            generator: Generator of the deformations; torch's global one if None.
        """
        if len(images) < 2:
            raise ValueError(f"the batch has {len(images)} image; D_f compares images, so at least 2 are needed")
        field = self.ensemble.sample(len(images), generator=generator, device=images.device)
        own, moved = (self._compared(one) for one in (outputs, network(deform(images, field))))
        change = (moved - own).square().sum(1).mean()
        apart = 2 * (own - own.mean(0)).square().sum() / (len(own) - 1)  # the mean over all pairs
        return self.weight * change / apart.clamp_min(torch.finfo(apart.dtype).tiny)

    def _compared(self, output: Tensor) -> Tensor:
        """Returns outputs as they are compared, float32 or float64 `[B, values]`."""
        exact = output if output.dtype == torch.float64 else output.float()
        return (exact if self.target == OUTPUT_FORMS[0] else exact.softmax(1)).flatten(1)
