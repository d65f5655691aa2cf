"""Assertions for a test suite, with the same decisions as `diffstab measure` with --fail-above or --baseline."""

from pathlib import Path
from typing import Any

from ..measuring import measure
from ..results import StabilityResult
from .decision import MARGIN, Decision, above, checked_limit, checked_margin, worse


def assert_stable(network: Any, images: Any, at_most: float, **measuring: Any) -> StabilityResult:
    """Raises AssertionError if R_f of a network is above a limit; see `above`.

    Args:
        network: Network, as for `measure`.
        images: Images, as for `measure`.
        at_most: Largest R_f that passes.
        measuring: Further arguments of `measure`, such as delta and cutoff.

    Returns:
        The measurement.

    Raises:
        AssertionError: If R_f is above the limit, with the sentence of the command line.
        ValueError: If `measure` raises it, or the limit is not a number above 0.

    >>> import torch
    >>> images = torch.rand(100, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    >>> assert_stable(torch.nn.Flatten(), images, at_most=2.0, delta=1.0, cutoff=3).images
    100
    """
    checked_limit(at_most)
    result = measure(network, images, **measuring)
    _pass_or_raise(above(result, at_most))
    return result


def assert_not_worse(
    network: Any, baseline: Any, images: Any, *, margin: float = MARGIN, **measuring: Any
) -> StabilityResult:
    """Raises AssertionError if a network is worse than its baseline on the same images; see `worse`.

    Args:
        network: Network, as for `measure`.
        baseline: Another network, a `StabilityResult`, or the path of a result that `save` wrote.
        images: Images, as for `measure`.
        margin: Largest ratio of the two R_f that counts as equal.
        measuring: Further arguments of `measure`, such as delta and cutoff. A baseline that was measured before needs
            the same ones.

    Returns:
        The network's measurement.

    Raises:
        AssertionError: If the network is worse, with the sentence of the command line.
        ValueError: If `measure`, `StabilityResult.load` or `worse` raises it.

    >>> import torch
    >>> images = torch.rand(100, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    >>> pooled = torch.nn.Sequential(torch.nn.AvgPool2d(2), torch.nn.Flatten())
    >>> assert_not_worse(pooled, torch.nn.Flatten(), images, delta=1.0, cutoff=3).images
    100
    """
    checked_margin(margin)
    if isinstance(baseline, (str, Path)):
        baseline = StabilityResult.load(baseline)
    elif not isinstance(baseline, StabilityResult):
        baseline = measure(baseline, images, **measuring)
    result = measure(network, images, **measuring)
    _pass_or_raise(worse(result, baseline, margin))
    return result


def _pass_or_raise(decision: Decision) -> None:
    if decision.failed:
        raise AssertionError(decision.sentence)
