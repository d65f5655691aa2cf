"""Decisions of the gates: R_f is above a limit, or a network is worse than its baseline.

`diffstab measure` with --fail-above or --baseline and the assertions for a test suite share them. A gate fails only if
the lower end of a 95 % interval lies beyond the limit. So if the true value is exactly at the limit, the choice of
images alone makes a gate fail in about 2.5 % of cases.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..measuring import measure
from ..results import StabilityResult, compare

MARGIN = 1.05


@dataclass(frozen=True)
class Decision:
    """The outcome of a gate.

    Attributes:
        failed: True if the network fails.
        sentence: Sentence with the numbers behind the decision.
    """

    failed: bool
    sentence: str


def above(result: StabilityResult, limit: float) -> Decision:
    """Fails a network if the lower end of R_f's 95 % interval is above a limit.

    Args:
        result: Result of the network.
        limit: Largest R_f that passes.

    Raises:
        ValueError: If the limit is not a number above 0.

    >>> import torch
    >>> from diffstab import measure
    >>> result = measure(torch.nn.Flatten(), torch.rand(100, 1, 8, 8), delta=1.0, cutoff=3)
    >>> above(result, 0.3).failed, above(result, 3.0).failed
    (True, False)
    """
    checked_limit(limit)
    failed = result.R.low > limit
    passed = "is not surely above" if result.R.value > limit else "is not above"
    verdict = "is above" if failed else passed
    return Decision(failed, f"R_f {result.R:.2g} {verdict} {limit:g}")


def worse(result: StabilityResult, baseline: StabilityResult, margin: float = MARGIN) -> Decision:
    """Fails a network if the 95 % interval of its R_f over the baseline's R_f lies above a margin.

    Both are measured on the same images, fields and noise.

    Args:
        result: Result of the network.
        baseline: Result of the baseline.
        margin: Largest ratio that counts as equal, 1 or more.

    Raises:
        ValueError: If the margin is below 1 or no number, if the two were not measured with the same images, settings
            and seed, or if the ratio is not defined.

    >>> import torch
    >>> from diffstab import measure
    >>> images = torch.rand(200, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    >>> pooled = torch.nn.Sequential(torch.nn.AvgPool2d(2), torch.nn.Flatten())
    >>> flat, stable = (measure(network, images, delta=1.0, cutoff=3) for network in (torch.nn.Flatten(), pooled))
    >>> worse(flat, stable).failed, worse(stable, flat).failed, worse(flat, flat).failed
    (True, False, False)
    """
    checked_margin(margin)
    named = {"this network": result, "the baseline": baseline}
    if result.R.value == 0:  # a ratio may be undefined, and no R_f is lower
        return Decision(False, f"R_f is 0, and that of the baseline {baseline.R.value:.2g}")
    ((*_, pair),) = compare(named, resamples=result.settings.resamples, seed=result.settings.seed).pairs
    failed = pair.ratio.low > margin
    bound = f"; a margin of {margin:g} is allowed" if failed else ""
    times = f"{pair.ratio.value:.2g} times ({pair.ratio.low:.2g} to {pair.ratio.high:.2g})"
    told = f"R_f {result.R.value:.2g} is {times} that of the baseline {baseline.R.value:.2g}{bound}"
    return Decision(failed, told)


def checked_limit(limit: float) -> None:
    """Raises ValueError unless a limit of R_f is a finite number above 0."""
    if not (math.isfinite(limit) and limit > 0):
        raise ValueError(f"the largest R_f that passes is {limit}; a number above 0 is needed, such as 0.3")


def checked_margin(margin: float) -> None:
    """Raises ValueError unless a margin is a finite number of 1 or more."""
    if not (math.isfinite(margin) and margin >= 1):
        raise ValueError(f"margin is {margin}; a number of 1 or more is needed, such as {MARGIN}")


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
