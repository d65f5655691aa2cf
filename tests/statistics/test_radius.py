"""The noise radius is an average over the sample: intervals of G and R move with it. Copies of an image count once."""

import numpy as np
import pytest

from diffstab.statistics.averages import Statistic, average
from diffstab.statistics.estimates import SampledRadius, stability
from diffstab.statistics.pairs import OutputPairs

COUNT = 61  # odd, so that a median is one of the values
MEDIAN, MEAN = Statistic(), Statistic("mean")
OPTIONS = {"resamples": 200, "seed": 4}


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.mark.parametrize(("statistic", "power"), [(MEDIAN, 2.0), (MEDIAN, 0.7), (MEAN, 1.0)])
def test_what_the_radius_moves_alike_cancels_from_r(rng, statistic, power):
    """a is a power of ||tau x - x||, and <b> grows with the radius by the same: R is the same of all samples."""
    norms, outputs = rng.lognormal(sigma=0.5, size=(COUNT, 1)), rng.normal(size=(COUNT, 2))
    a, b = norms[..., None] ** power, np.ones((COUNT, 1, 1))
    radius = SampledRadius(norms, power, statistic.average)
    found = stability(a, b, OutputPairs(outputs), statistic, radius=radius, **OPTIONS)
    given = stability(a, b, OutputPairs(outputs), statistic, **OPTIONS)
    assert found["R"] == pytest.approx([found["R"].value] * 3, rel=1e-9)
    assert given["R"].high / given["R"].low > 1.1
    assert found["D"] == given["D"]
    assert found["G"].high / found["G"].low > given["G"].high / given["G"].low
    for letter in "DGR":
        assert found[letter].value == given[letter].value


@pytest.mark.parametrize("statistic", [MEDIAN, MEAN])
def test_an_exponent_of_nought_is_a_radius_that_is_given(rng, statistic):
    a, b = rng.lognormal(size=(2, COUNT, 2, 1))
    pairs = OutputPairs(rng.normal(size=(COUNT, 2)))
    radius = SampledRadius(rng.lognormal(size=(COUNT, 2)), 0.0, statistic.average)
    found, given = (stability(a, b, pairs, statistic, radius=one, **OPTIONS) for one in (radius, None))
    for letter in "DGR":
        assert found[letter] == pytest.approx(list(given[letter]), rel=0.1 if statistic is MEAN else 1e-12)


def test_medians_are_resampled_with_the_radius_of_each_resample(rng):
    """Against a loop over resamples; and a median's radius is taken as given where a is averaged by the mean."""
    a, b = rng.lognormal(size=(2, 9, 2, 1))
    norms, pairs = rng.lognormal(size=(9, 2)), OutputPairs(rng.normal(size=(9, 2)))
    radius = SampledRadius(norms, 1.5, "median")
    weights = rng.multinomial(9, np.full(9, 1 / 9), size=20)
    expected = [(np.median(np.repeat(norms, row, axis=0)) / np.median(norms)) ** 1.5 for row in weights]
    assert radius.change_of_noise(weights) == pytest.approx(np.array(expected))
    mixed = stability(a, b, pairs, MEAN, radius=radius, **OPTIONS)
    assert mixed == stability(a, b, pairs, MEAN, **OPTIONS)


@pytest.mark.parametrize("statistic", [MEDIAN, MEAN])
@pytest.mark.parametrize("sampled", [True, False])
def test_copies_of_an_image_are_more_draws_of_it(rng, statistic, sampled):
    """Every image twice, with one draw each, has the numbers and intervals of every image once with two draws."""
    a, b = np.exp(rng.normal(size=(2, 30, 1, 1)) + 0.2 * rng.normal(size=(2, 30, 2, 1)))
    norms, outputs = rng.lognormal(sigma=0.3, size=(30, 2)), rng.normal(size=(30, 3))
    order = rng.permutation(60)

    def spread(values):  # one row for each draw, in any order
        return values.reshape(60, 1, *values.shape[2:])[order]

    def radius(values):
        return SampledRadius(values, 1.8, statistic.average) if sampled else None

    once = stability(a, b, OutputPairs(outputs), statistic, radius=radius(norms), **OPTIONS)
    copies = np.repeat(np.arange(30), 2)[order]
    twice = stability(
        spread(a), spread(b), OutputPairs(outputs), statistic, radius=radius(spread(norms)), copies=copies, **OPTIONS
    )
    blind = stability(spread(a), spread(b), OutputPairs(np.repeat(outputs, 2, 0)[order]), statistic, **OPTIONS)
    for letter in "DGR":
        assert twice[letter] == pytest.approx(list(once[letter]), rel=1e-9)
    plain = stability(a, b, OutputPairs(outputs), statistic, **OPTIONS)
    assert np.log(blind["R"].high / blind["R"].low) < 0.9 * np.log(plain["R"].high / plain["R"].low)


def test_images_that_come_more_often_weigh_more(rng):
    """Of copies in unequal numbers, R is that of all rows, and its interval that of images."""
    copies = np.repeat(np.arange(20), rng.integers(1, 6, 20))
    a, b, norms = (rng.lognormal(sigma=0.3, size=(len(copies), 1)) for _ in range(3))
    pairs = OutputPairs(rng.normal(size=(20, 2)))
    radius = SampledRadius(norms, 1.5, "mean")
    found = stability(a[..., None], b[..., None], pairs, MEAN, radius=radius, copies=copies, **OPTIONS)["R"]
    assert found.value == pytest.approx(float(average(a, MEAN) / average(b, MEAN)))
    assert found.low < found.value < found.high
    with pytest.raises(ValueError, match="4 copies of 1 image; D_f and G_f compare images"):
        stability(a[:4, None], b[:4, None], pairs, MEAN, copies=np.zeros(4, dtype=int), **OPTIONS)
