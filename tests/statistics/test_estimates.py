"""Statistics: against plain Python loops over lists, closed forms, invariances, and what is not defined."""

import itertools
import math

import numpy as np
import pytest
from support import reference

from diffstab.statistics import averages, pairs
from diffstab.statistics.averages import Statistic, drawn_images, generator, log_average
from diffstab.statistics.correlation import log_correlation, power_law
from diffstab.statistics.estimates import largest_ratio, stability
from diffstab.statistics.mean_ratio import STREAM
from diffstab.statistics.pairs import KeptPairs, OutputPairs

PAPER = Statistic()
MEAN = Statistic("mean")
REFERENCE = Statistic("median", "coordinate", "all")
REFERENCE_MEAN = Statistic("mean", "coordinate", "all")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def squared_changes(rng: np.random.Generator, statistic: Statistic, count: int, draws: int, width: int) -> np.ndarray:
    squares = rng.lognormal(size=(count, draws, width))
    return squares if statistic.per_coordinate else squares.sum(-1, keepdims=True)


def estimates(a, b, outputs, statistic, **options):
    return stability(a, b, OutputPairs(outputs), statistic, **{"resamples": 200, "seed": 0, **options})


@pytest.mark.parametrize("statistic", [PAPER, MEAN, REFERENCE])
def test_r_alone_is_that_of_all_three(rng, statistic):
    a, b = (squared_changes(rng, statistic, 30, 2, 4) for _ in range(2))
    alone = stability(a, b, None, statistic, resamples=200, seed=3)["R"]
    assert alone == estimates(a, b, rng.normal(size=(30, 4)), statistic, seed=3)["R"]
    with pytest.raises(ValueError, match="does not change under noise"):
        stability(a, 0 * b, None, statistic, resamples=200, seed=3)["R"]


@pytest.mark.parametrize("count", [2, 5, 12])
def test_pair_averages_equal_loops_over_pairs(rng, count):
    outputs = rng.normal(size=(count, 3))
    distinct = [np.square(outputs[i] - outputs[k]) for i, k in itertools.combinations(range(count), 2)]
    everything = [np.square(x - z) for x in outputs for z in outputs]
    expected = {
        PAPER: reference.median([c.sum() for c in distinct]),
        MEAN: np.mean([c.sum() for c in distinct]),
        REFERENCE: sum(reference.lower_median([c[k] for c in everything]) for k in range(3)),
        REFERENCE_MEAN: np.mean([c.sum() for c in everything]),
    }
    for statistic, value in expected.items():
        assert OutputPairs(outputs).average(statistic, seed=0) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("statistic", [PAPER, REFERENCE])
def test_the_median_over_sampled_pairs_is_close_to_that_over_all(rng, statistic, monkeypatch):
    outputs = rng.normal(size=(300, 4))
    exact = OutputPairs(outputs).average(statistic, seed=0)
    monkeypatch.setattr(pairs, "ALL_PAIRS_UP_TO", 200)
    monkeypatch.setattr(pairs, "SAMPLED_PAIRS", 200_000)
    sampled = OutputPairs(outputs).average(statistic, seed=0)
    assert sampled != exact
    assert sampled == OutputPairs(outputs).average(statistic, seed=0)
    # error of a median of m values: 1 / (2 density sqrt(m)); the density times the median is above 1/4 here
    assert sampled == pytest.approx(exact, rel=4 * 2 / math.sqrt(200_000))


@pytest.mark.parametrize("statistic", [PAPER, MEAN, REFERENCE, REFERENCE_MEAN])
def test_d_g_r_are_ratios_of_averages(rng, statistic):
    a, b = (squared_changes(rng, statistic, 9, 2, 3) for _ in range(2))
    outputs = rng.normal(size=(9, 3))
    found = estimates(a, b, outputs, statistic)
    pick = {"mean": np.mean, "median": reference.median if statistic.median_rule == "norm" else reference.lower_median}
    over = pick[statistic.average]
    top, bottom = (sum(over(list(v[..., k].ravel())) for k in range(v.shape[-1])) for v in (a, b))
    c = OutputPairs(outputs).average(statistic, seed=0)
    assert found["D"].value == pytest.approx(top / c, rel=1e-12)
    assert found["G"].value == pytest.approx(bottom / c, rel=1e-12)
    assert found["R"].value == pytest.approx(top / bottom, rel=1e-12)


@pytest.mark.parametrize("statistic", [PAPER, MEAN])
def test_a_multiple_of_the_network_changes_nothing(rng, statistic):
    a, b, outputs = squared_changes(rng, statistic, 30, 1, 3), squared_changes(rng, statistic, 30, 1, 3), None
    outputs = rng.normal(size=(30, 3))
    one, scaled = estimates(a, b, outputs, statistic), estimates(49 * a, 49 * b, 7 * outputs + 3, statistic)
    for name in "DGR":
        assert scaled[name] == pytest.approx(one[name], rel=1e-10)


def test_a_common_factor_between_changes_gives_r_with_no_width(rng):
    b = squared_changes(rng, PAPER, 50, 2, 3)
    assert estimates(0.25 * b, b, rng.normal(size=(50, 3)), PAPER)["R"] == (0.25, 0.25, 0.25)


@pytest.mark.slow
@pytest.mark.parametrize("statistic", [PAPER, MEAN, REFERENCE])
def test_intervals_have_the_width_of_repeated_experiments(rng, statistic):
    """The bootstrap's standard error against the spread over 150 independent data sets: within 20 %."""
    count, spread, width = 120, [], []
    for _ in range(150):
        a, b = (squared_changes(rng, statistic, count, 1, 2) for _ in range(2))
        found = estimates(a, b, rng.normal(size=(count, 2)), statistic)
        spread.append([math.log(found[name].value) for name in "DGR"])
        width.append([math.log(found[name].high / found[name].low) / (2 * 1.96) for name in "DGR"])
    ratio = np.mean(width, axis=0) / np.std(spread, axis=0, ddof=1)
    # the spread's own error is 1 / sqrt(300) = 6 %: three of them
    assert (np.abs(np.log(ratio)) < 0.2).all(), ratio


def test_draws_of_one_image_stay_together(rng):
    """Equal draws add no information: four copies of a draw give the interval of one draw."""
    a, b = (squared_changes(rng, MEAN, 40, 1, 3) for _ in range(2))
    outputs = rng.normal(size=(40, 3))
    one = estimates(a, b, outputs, MEAN)
    four = estimates(np.repeat(a, 4, axis=1), np.repeat(b, 4, axis=1), outputs, MEAN)
    for name in "DGR":
        assert four[name] == pytest.approx(one[name], rel=1e-12)


@pytest.mark.parametrize(("statistic", "count"), [(PAPER, 2), (PAPER, 3), (MEAN, 2), (MEAN, 3), (REFERENCE, 3)])
def test_resamples_of_a_single_image_are_left_out(rng, statistic, count):
    a, b = (squared_changes(rng, statistic, count, 1, 2) for _ in range(2))
    for name, found in estimates(a, b, rng.normal(size=(count, 2)), statistic, resamples=1000).items():
        assert 0 < found.low <= found.high < math.inf, name


@pytest.mark.parametrize("statistic", [PAPER, MEAN, REFERENCE])
def test_a_resample_of_one_image_has_no_pairs(rng, statistic):
    weights = np.array([[4, 0, 0, 0], [1, 1, 1, 1], [0, 3, 0, 1]])
    found = OutputPairs(rng.normal(size=(4, 2))).resampled(weights, statistic, rng)
    assert np.isnan(found).tolist() == [True, False, False]
    assert found[1] == pytest.approx(1)


def test_what_is_not_defined_is_said(rng):
    a, outputs = squared_changes(rng, PAPER, 5, 1, 1), rng.normal(size=(5, 2))
    with pytest.raises(ValueError, match="does not change under noise"):
        estimates(a, 0 * a, outputs, PAPER)
    with pytest.raises(ValueError, match="the same for all images"):
        estimates(a, a, 0 * outputs, PAPER)
    with pytest.raises(ValueError, match="at least 2 are needed"):
        estimates(a[:1], a[:1], outputs[:1], PAPER)
    for wrong in ({"average": "mode"}, {"median_rule": "x"}, {"pairs": "x"}):
        with pytest.raises(ValueError, match="allowed:"):
            Statistic(**wrong)


def test_log_averages_and_power_laws_are_those_of_logarithms(rng):
    values = rng.lognormal(size=20)
    centre, spread = log_average(values)
    assert centre == pytest.approx(np.prod(values) ** (1 / 20))
    assert spread == pytest.approx(np.std(np.log(values), ddof=1))
    x = rng.lognormal(size=30)
    a, b = power_law(x, 0.24 * x**0.5)
    assert (a, b) == pytest.approx((0.24, 0.5))
    assert power_law(x, 0.3 * x**0.5, exponent=0.5) == pytest.approx((0.3, 0.5))
    assert log_correlation(x, 5 * x**-2) == pytest.approx(-1)
    with pytest.raises(ValueError, match="positive numbers"):
        log_correlation(x, -x)


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_medians_to_first_order_are_close_to_those_over_all_pairs(rng, spread):
    """Of 300 images, in 300 resamples: relative to 1 they differ by less than a fifth of their spread."""
    count = pairs.WEIGHTED_UP_TO + 100
    outputs = rng.normal(size=(count, 4)) * rng.lognormal(sigma=spread, size=(count, 1))
    first, second = np.triu_indices(count, k=1)
    every = KeptPairs(first, second, np.square(outputs[first] - outputs[second]).sum(1), 1.0, count)
    weights = rng.multinomial(count, np.full(count, 1 / count), size=300)
    slow = every.resampled(weights, PAPER, rng)
    fast = OutputPairs(outputs).resampled(weights, PAPER, rng)
    assert abs(fast.std() / slow.std() - 1) < 0.1
    assert np.sqrt(np.square(fast - slow).mean()) < 0.2 * slow.std()
    assert OutputPairs(outputs).resampled(weights[:0] + 1, PAPER, rng).shape == (0,)
    same = OutputPairs(outputs).resampled(np.full((1, count), 3), PAPER, rng)
    assert same == pytest.approx([1.0], rel=1e-12)


@pytest.mark.parametrize(
    "statistic", [PAPER, MEAN, Statistic("mean", "norm", "all"), Statistic("median", "norm", "all")]
)
def test_kept_pairs_are_as_good_as_kept_outputs(rng, statistic):
    """With every pair kept they are the same; with ten pairs an image, close to it and a little wider."""
    outputs = rng.normal(size=(60, 4))
    first, second = np.triu_indices(60, k=1)
    distances = np.square(outputs[first] - outputs[second]).sum(1)
    whole = KeptPairs(first, second, distances, float(distances.mean()), 60)
    wanted = OutputPairs(outputs)
    assert whole.average(statistic, seed=0) == pytest.approx(wanted.average(statistic, seed=0), rel=1e-12)
    weights = rng.multinomial(60, np.full(60, 1 / 60), size=300)
    ours, theirs = (pairs.resampled(weights, statistic, rng) for pairs in (whole, wanted))
    # the closed form of the mean counts the pairs that an image, drawn twice, makes with itself: a share of 1 / N
    np.testing.assert_allclose(ours, theirs, rtol=1e-9 if statistic.average == "median" else 2 / 60)
    few = rng.permutation(len(first))[:600]
    some = KeptPairs(first[few], second[few], distances[few], float(distances.mean()), 60)
    assert some.average(statistic, seed=0) == pytest.approx(whole.average(statistic, seed=0), rel=0.2)
    # a resample takes a pair w_i w_j times, of variance 3: over n pairs that adds 3 var(d) / (n <d>^2)
    wider = math.hypot(theirs.std(), math.sqrt(3 * distances.var() / 600) / distances.mean())
    assert 0.8 * theirs.std() < some.resampled(weights, statistic, rng).std() < 1.3 * wider


def test_ratios_to_nothing_are_left_out():
    found = largest_ratio(np.array([[1.0, 2.0], [6.0, 1.0]]), np.array([[0.0, 1.0], [2.0, 0.0]]), resamples=100, seed=0)
    assert found.value == 3.0


def test_zero_has_no_logarithm():
    with pytest.raises(ValueError, match="a list of positive numbers is needed"):
        log_average(np.array([1.0, 0.0]))


def test_medians_have_the_percentiles_of_resamples_made_image_by_image(rng):
    """D's: above, the median of the images drawn; below, of their pairs, relative to that of all images."""
    count, seed, resamples = 12, 4, 150
    a, b = rng.lognormal(size=(2, count, 2, 1))
    outputs = rng.normal(size=(count, 3))

    def pair_median(images):
        distances = [np.square(outputs[i] - outputs[k]).sum() for i, k in itertools.combinations(images, 2) if i != k]
        return reference.lower_median(distances)

    drawn = generator(seed, "bootstrap").multinomial(count, np.full(count, 1 / count), size=resamples)
    whole = pair_median(range(count)) / OutputPairs(outputs).average(PAPER, seed=seed)
    ratios = []
    for row in drawn:
        images = np.repeat(np.arange(count), row)
        ratios.append(reference.median(a[images].ravel().tolist()) / (pair_median(images) / whole))
    found = stability(a, b, OutputPairs(outputs), PAPER, resamples=resamples, seed=seed)["D"]
    assert list(found[1:]) == pytest.approx(np.quantile(ratios, [0.025, 0.975]), rel=1e-9)


def test_each_purpose_has_random_numbers_of_its_own():
    others = [generator(3, purpose) for purpose in ("bootstrap", "pairs", "training images", "label noise")]
    others.append(np.random.Generator(np.random.Philox(key=3 + (STREAM << 64))))  # of the intervals of means
    others.append(np.random.Generator(np.random.Philox(key=3)))
    assert len({one.random() for one in others}) == 6


@pytest.mark.parametrize("option", ["average", "median_rule", "pairs"])
def test_an_unknown_statistic_is_told_by_name(option):
    with pytest.raises(ValueError, match=f"^{option} is 'x'; allowed: "):
        Statistic(**{option: "x"})


def test_the_largest_ratio_is_resampled_over_images(rng):
    """Some bottoms are 0; the images of a resample that have a ratio at all give its largest."""
    top, bottom = rng.lognormal(size=(2, 9, 2))
    bottom[[1, 4]], bottom[2, 0] = 0, 0
    drawn = generator(5, "bootstrap").multinomial(9, np.full(9, 1 / 9), size=120)
    largest = [max((top[i, k] / bottom[i, k] if bottom[i, k] else -math.inf) for k in (0, 1)) for i in range(9)]
    sampled = [max(largest[i] for i in range(9) if row[i]) for row in drawn]
    ends = np.quantile([value for value in sampled if math.isfinite(value)], [0.025, 0.975])
    found = largest_ratio(top, bottom, resamples=120, seed=5)
    assert list(found) == pytest.approx([max(largest), *ends], rel=1e-12)


@pytest.mark.parametrize("kept", [2**22, 0])
def test_kept_resamples_are_those_that_would_be_drawn(kept, monkeypatch):
    """And what is drawn behind them: the pairs of images."""
    monkeypatch.setattr(averages, "MOST_KEPT", kept)
    for count, seed in ((9, 5), (9, 5), (9, 6), (8, 6), (9, 5)):
        plain = generator(seed, "bootstrap")
        wanted = plain.multinomial(count, np.full(count, 1 / count), size=120)
        weights, rng = drawn_images(count, 120, seed)
        assert np.array_equal(weights, wanted)
        assert rng.integers(0, 2**62, 5).tolist() == plain.integers(0, 2**62, 5).tolist()
        with pytest.raises(ValueError, match="read-only"):
            weights[0] = 0
    assert (drawn_images(9, 120, 5)[0] is weights) == bool(kept)


def test_the_log_average_of_one_has_no_spread():
    assert log_average(np.array([0.3])) == pytest.approx((0.3, 0.0))
    assert log_average(np.array([1.0, math.exp(2)])) == pytest.approx((math.e, math.sqrt(2)))
