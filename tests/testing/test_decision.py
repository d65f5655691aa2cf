"""Gates fail networks that are surely unstable, or surely worse than a baseline, and no others."""

import check_gate
import numpy as np
import pytest
import torch
from torch import nn

from diffstab import measure
from diffstab.statistics import PairedSample
from diffstab.testing import above, assert_not_worse, assert_stable, worse

ENSEMBLE = {"delta": 1.0, "cutoff": 3, "resamples": 200}


class Scaled(nn.Module):
    """Pools the image, and multiplies the output."""

    def __init__(self, factor=1.0, pool=1):
        super().__init__()
        self.factor, self.pool = factor, nn.AvgPool2d(pool)

    def forward(self, x):
        return self.factor * self.pool(x).flatten(1)


@pytest.fixture(scope="module")
def smooth():
    return torch.rand(120, 1, 12, 12, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def results(smooth):
    networks = {"flat": Scaled(), "times 8": Scaled(8.0), "pooled": Scaled(pool=3)}
    return {name: measure(network, smooth, **ENSEMBLE) for name, network in networks.items()}


def test_a_limit_below_the_interval_fails_and_one_within_or_above_does_not(results):
    R = results["flat"].R
    assert above(results["flat"], 0.99 * R.low).failed
    assert not above(results["flat"], (R.low + R.value) / 2).failed
    assert "not surely above" in above(results["flat"], (R.low + R.value) / 2).sentence
    assert not above(results["flat"], 1.01 * R.high).failed


def test_a_network_is_not_worse_than_itself_whatever_its_outputs_scale(results):
    assert not worse(results["times 8"], results["flat"], margin=1).failed
    assert not worse(results["flat"], results["times 8"], margin=1).failed
    assert worse(results["times 8"], results["pooled"]) == worse(results["flat"], results["pooled"])


def test_of_two_networks_at_most_one_is_worse(results):
    both = results["flat"], results["pooled"]
    assert worse(*both).failed
    assert not worse(*reversed(both)).failed


def test_a_larger_margin_lets_more_pass(results):
    failed = [worse(results["flat"], results["pooled"], margin).failed for margin in (1, 1.1, 2, 100)]
    assert failed == sorted(failed, reverse=True)
    assert failed[0] > failed[-1]


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_limits_and_margins_that_mean_nothing_are_refused(results, value):
    with pytest.raises(ValueError, match="a number above 0 is needed"):
        above(results["flat"], value)
    with pytest.raises(ValueError, match="a number of 1 or more is needed"):
        worse(results["flat"], results["flat"], value)


def test_assertions_raise_the_sentence_and_otherwise_return_the_result(results, smooth, tmp_path):
    with pytest.raises(AssertionError, match=r"R_f .* is above 0\.3"):
        assert_stable(Scaled(), smooth, at_most=0.3, **ENSEMBLE)
    assert assert_stable(Scaled(), smooth, at_most=3.0, **ENSEMBLE).R == results["flat"].R
    results["pooled"].save(tmp_path / "base")
    for baseline in (Scaled(pool=3), results["pooled"], tmp_path / "base", str(tmp_path / "base")):
        with pytest.raises(AssertionError, match=r"times \(.* to .*\) that of the baseline"):
            assert_not_worse(Scaled(), baseline, smooth, **ENSEMBLE)
        assert assert_not_worse(Scaled(pool=3), baseline, smooth, **ENSEMBLE).R == results["pooled"].R


def test_a_baseline_of_another_seed_is_refused(results, smooth):
    with pytest.raises(ValueError, match="other seeds: 1 and 0"):
        assert_not_worse(Scaled(), results["flat"], smooth, seed=1, **ENSEMBLE)


@pytest.mark.parametrize(("ratio", "least", "most"), [(1.0, 0, 0.05), (1.5, 0.9, 1)])
def test_equal_networks_pass_and_one_of_1_5_times_the_ratio_fails(ratio, least, most):
    """Log-normal changes as spread as those of the kept networks, of correlated images."""
    rng = np.random.default_rng(0)
    common, *own = rng.normal(size=(5, 1000, 1, 1))
    a1, b1, a2, b2 = (np.exp(0.8 * (common + one)) for one in own)
    (a1, b1), (a2, b2) = ((a / np.median(a), b / np.median(b)) for a, b in ((a1, b1), (a2, b2)))
    new, base = PairedSample(ratio * a1, b1), PairedSample(a2, b2)
    assert least <= check_gate.share_failing(new, base, images=500, comparisons=20) <= most
