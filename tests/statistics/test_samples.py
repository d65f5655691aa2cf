"""Common resamples of several networks: against plain loops over repeated images."""

import math

import numpy as np
import pytest

from diffstab.statistics.averages import Statistic, average, resampled_average
from diffstab.statistics.samples import PairedSample, log_stability, multiplicities

EVERY = [Statistic(), Statistic("mean"), Statistic("median", "coordinate", "all")]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def sample(rng, *, count, statistic=EVERY[0], indices=None) -> PairedSample:
    return PairedSample(*rng.lognormal(size=(2, count, 2, 3 if statistic.per_coordinate else 1)), indices)


@pytest.mark.parametrize("statistic", EVERY)
@pytest.mark.parametrize(("count", "draws"), [(5, 1), (6, 3), (9, 2)])
def test_a_resampled_average_is_that_of_the_repeated_values(rng, statistic, count, draws):
    """For whatever number of images a row of multiplicities draws, and with ties."""
    values = np.round(4 * rng.lognormal(size=(count, draws, 2)))
    weights = rng.integers(0, 4, (50, count))
    assert len(set(weights.sum(1) % 2)) == 2  # even and odd numbers of images
    expected = [float(average(np.repeat(values, row, axis=0).reshape(-1, 2), statistic)) for row in weights]
    # the mean sums in another order
    assert resampled_average(values, weights, statistic) == pytest.approx(expected, rel=1e-14, abs=0)
    assert np.isnan(resampled_average(values, 0 * weights[:1], statistic)).all()


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("statistic", EVERY)
def test_each_resample_equals_a_loop_over_repeated_images(rng, statistic, known):
    indices = [np.array([3, 5, 7, 8, 9, 11, 20]), np.array([9, 2, 5, 30, 31])] if known else [None, None]
    networks = {
        name: [sample(rng, count=n, statistic=statistic, indices=i) for n, i in zip((7, 5), indices, strict=True)]
        for name in "ab"
    }
    drawn = multiplicities(networks["a"], 100, 3)
    logs, sampled = log_stability(networks, statistic, resamples=100, seed=3)
    for row, blocks in enumerate(networks.values()):
        expected = []
        for weights in zip(*drawn, strict=True):
            pairs = [
                [average(np.repeat(v, w, axis=0).reshape(-1, v.shape[-1]), statistic) for v in (b.deformation, b.noise)]
                for b, w in zip(blocks, weights, strict=True)
            ]
            expected.append(np.mean([math.log(a / b) for a, b in pairs]))
        assert [logs[row], *sampled[row]] == pytest.approx(expected, rel=1e-10, abs=1e-12)


def test_an_image_of_two_blocks_has_one_multiplicity(rng):
    first, second = np.array([4, 9, 2, 7]), np.array([7, 1, 4, 3, 8])
    drawn = multiplicities([sample(rng, count=len(i), indices=i) for i in (first, second)], 100, 0)
    assert (drawn[0][:, [0, 3]] == drawn[1][:, [2, 0]]).all()
    # 7 images drawn a resample, 2 of them counted twice
    assert (drawn[0].sum(1) + drawn[1][:, [1, 3, 4]].sum(1))[1:].tolist() == [7] * 100
    assert (drawn[0][0] == 1).all()


def test_an_image_that_changes_under_noise_is_enough(rng):
    """Resamples without it are of no use, and no reason to refuse the sample."""
    noise = np.array([0.0, 1.0]).reshape(2, 1, 1)
    networks = {name: [PairedSample(rng.lognormal(size=(2, 1, 1)), noise)] for name in "ab"}
    for seed in range(20):
        logs, sampled = log_stability(networks, Statistic("mean"), resamples=100, seed=seed)
        assert np.isfinite(logs).all()
        assert 0 < np.isinf(sampled).mean() < 0.5  # a quarter of them


def test_indices_may_be_a_list(rng):
    listed, array = ([sample(rng, count=3, indices=kind([4, 9, 2]))] for kind in (list, np.array))
    assert np.array_equal(multiplicities(listed, 100, 0)[0], multiplicities(array, 100, 0)[0])
    assert isinstance(listed[0].indices, np.ndarray)


def test_samples_that_cannot_be_compared(rng):
    values = rng.lognormal(size=(5, 2, 1))
    for deformation, noise in ((values, values[:4]), (values[..., 0], values[..., 0]), (values[:, :0], values[:, :0])):
        with pytest.raises(ValueError, match=r"two of \[N, draws, K\]"):
            PairedSample(deformation, noise)
    with pytest.raises(ValueError, match=r"1 image; .* at least 2"):
        PairedSample(values[:1], values[:1])
    for wrong in (-1, np.nan, np.inf):
        with pytest.raises(ValueError, match="noise has negative or non-finite"):
            PairedSample(values, wrong * values)
    for indices in ([1, 2, 3, 4], [1, 2, 3, 4, 4]):
        with pytest.raises(ValueError, match="one for each of 5 images, no image twice"):
            PairedSample(values, values, np.array(indices))
