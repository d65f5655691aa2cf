"""The ensemble: modes, closed forms of delta and norm, the law of the coefficients, and continuation of fields."""

import math

import pytest
import torch
from support import reference

from diffstab import MaxEntropyEnsemble, StreamKeys, deform, temperature_range
from diffstab.fields.ensemble import largest_xi


@pytest.mark.parametrize("rule", ["disk", "half-integer", "shell"])
@pytest.mark.parametrize(
    ("cutoff", "size"), [(3, (17, 11)), (1.5, (17, 11)), (4.5, (17, 11)), (11.2, (9, 7)), (10, (32, 32))]
)
def test_kept_modes_are_those_of_the_rule(rule, cutoff, size):
    ensemble = MaxEntropyEnsemble(size, cutoff, temperature=1.0, cutoff_rule=rule)
    i, j = ensemble.mode_numbers
    assert sorted(zip(i.tolist(), j.tolist(), strict=True)) == sorted(reference.kept_modes(cutoff, rule, *size))


def test_a_cutoff_on_a_mode_keeps_it_whatever_the_default_dtype():
    torch.set_default_dtype(torch.bfloat16)
    try:
        modes = MaxEntropyEnsemble(32, math.sqrt(18), 1.0).modes, MaxEntropyEnsemble(31, 20, 1.0).modes
    finally:
        torch.set_default_dtype(torch.float32)
    assert modes == (len(reference.kept_modes(4.2427, "disk", 32, 32)), len(reference.kept_modes(20, "disk", 31, 31)))


@pytest.mark.parametrize(
    ("rule", "least"), [("disk", math.sqrt(2)), ("half-integer", math.sqrt(2) - 0.5), ("shell", math.sqrt(2) - 1)]
)
def test_the_least_cutoff_keeps_one_mode(rule, least):
    assert MaxEntropyEnsemble((17, 11), least + 1e-9, temperature=1.0, cutoff_rule=rule).modes == 1
    with pytest.raises(ValueError, match=f"the rule {rule} keeps no mode"):
        MaxEntropyEnsemble((17, 11), least - 1e-9, temperature=1.0, cutoff_rule=rule)


def test_whole_shells_share_out_the_modes_and_their_fields():
    """Every mode is in one shell, and a shell's field has the coefficients that the whole field has there."""
    keys, size = StreamKeys(3, torch.arange(4)), (17, 11)
    whole = MaxEntropyEnsemble(size, 9 - 1e-9, temperature=1e-3)
    parts = [MaxEntropyEnsemble(size, k, temperature=1e-3, cutoff_rule="shell") for k in range(1, 9)]
    assert sum(one.modes for one in parts) == whole.modes
    expected = whole.sample(keys, dtype=torch.float64).coefficients
    found = torch.zeros_like(expected)
    for own in (one.sample(keys, dtype=torch.float64).coefficients for one in parts):
        found[..., : own.shape[-2], : own.shape[-1]] += own
    assert torch.equal(found, expected)
    assert sum(one.delta**2 for one in parts) == pytest.approx(whole.delta**2)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"cutoff": 100}, r"cutoff is 100; images of \(17, 11\) pixels have no such mode; lower it"),
        ({"delta_rule": "asymptotic"}, "delta_rule is 'asymptotic' and cutoff_rule is 'shell', .* take 'exact'"),
    ],
)
def test_shells_without_modes_or_law_are_refused(asked, message):
    with pytest.raises(ValueError, match=message):
        MaxEntropyEnsemble((17, 11), **{"cutoff": 3, "delta": 1.0, "cutoff_rule": "shell", **asked})
    with pytest.raises(ValueError, match=r"rule is 'asymptotic' and cutoff_rule is 'shell'.* take 'monte-carlo'"):
        temperature_range((17, 11), 3, rule="asymptotic", cutoff_rule="shell")


def test_mode_counts_of_the_paper_and_of_its_code():
    counts = [
        (MaxEntropyEnsemble(64, c, 1.0).modes, MaxEntropyEnsemble(64, c, 1.0, convention="reference").modes)
        for c in (3, 10, 15)
    ]
    assert counts == [(4, 6), (69, 77), (162, 172)]
    assert MaxEntropyEnsemble(64, 1, 1.0, cutoff_rule="half-integer").modes == 1


@pytest.mark.parametrize(("size", "cutoff"), [(32, 3), ((17, 11), 5)])
def test_delta_and_norm_of_drawn_fields_match_the_closed_forms(size, cutoff):
    count = 4000
    ensemble = MaxEntropyEnsemble(size, cutoff, delta=1.3)
    fields = ensemble.sample(StreamKeys(5, torch.arange(count)), dtype=torch.float64)
    moved = fields.displacement().square().sum(1)
    height, width = ensemble.size
    # the integral over the picture by the trapezoid rule: exact here, since tau is 0 on the frame
    delta2 = moved.sum((1, 2)) / ((height - 1) * (width - 1))
    for found, expected in ((delta2, 1.3**2), (fields.squared_norm(), ensemble.expected_squared_norm)):
        error = float(found.mean() - expected) / (float(found.std()) / math.sqrt(count))
        assert abs(error) < 4


def test_norm_is_the_integral_of_the_squared_gradient():
    fields = MaxEntropyEnsemble((33, 41), 4, temperature=0.01).sample(
        StreamKeys(0, torch.arange(3)), dtype=torch.float64
    )
    density = fields.gradient().square().sum((1, 2))
    density[:, [0, -1], :] /= 2  # trapezoid rule, exact for cosines below the Nyquist frequency
    density[:, :, [0, -1]] /= 2
    assert torch.allclose(density.sum((1, 2)) / (32 * 40), fields.squared_norm(), rtol=1e-12)


def test_coefficients_are_normal_with_variance_t_over_i2_plus_j2():
    count, t = 20_000, 0.01
    ensemble = MaxEntropyEnsemble(16, 3, temperature=t)
    for fields in (ensemble.sample(count, generator=torch.Generator().manual_seed(0)), None):
        fields = fields or ensemble.sample(StreamKeys(1, torch.arange(count)))
        c = fields.coefficients.double()
        for i, j in reference.kept_modes(3, "disk", 16, 16):
            for component in range(2):
                z = c[:, component, i - 1, j - 1] / math.sqrt(t / (i * i + j * j))
                # mean, variance and fourth moment of N(0, 1), standard errors 1, sqrt(2) and sqrt(96) over sqrt(n)
                for moment, expected, spread in ((1, 0, 1), (2, 1, 2), (4, 3, 96)):
                    assert abs(float((z**moment).mean()) - expected) < 4.5 * math.sqrt(spread / count)
    assert bool((c[:, :, 1, 1] != 0).all())


def test_expected_delta_by_both_rules():
    exact = MaxEntropyEnsemble(64, 3, temperature=1e-3)
    s = sum(1 / (i * i + j * j) for i, j in reference.kept_modes(3, "disk", 64, 64))
    assert exact.delta == pytest.approx(64 * math.sqrt(1e-3 * s / 2), rel=1e-14)
    asymptotic = MaxEntropyEnsemble(64, 3, temperature=1e-3, delta_rule="asymptotic")
    assert asymptotic.delta == pytest.approx(64 * math.sqrt(math.pi / 4 * 1e-3 * math.log(3)), rel=1e-14)
    # "delta = 1" of the published code at c = 3 is 0.84 pixels RMS
    published = MaxEntropyEnsemble(64, 3, delta=1.0, convention="reference")
    honest = MaxEntropyEnsemble(64, 3, temperature=published.temperature, cutoff_rule="half-integer")
    assert honest.delta == pytest.approx(0.84, abs=0.005)


def test_delta_of_images_that_are_not_square_is_that_of_both_sides():
    ensemble = MaxEntropyEnsemble((30, 50), 3, temperature=1e-3)
    square = [MaxEntropyEnsemble(n, 3, temperature=1e-3).delta ** 2 for n in (30, 50)]
    assert ensemble.delta**2 == pytest.approx(sum(square) / 2, rel=1e-14)


def test_a_larger_cutoff_continues_the_same_field():
    keys = StreamKeys(7, torch.arange(6), 1)
    small, large = (
        MaxEntropyEnsemble(32, c, temperature=0.02).sample(keys, dtype=torch.float64).coefficients for c in (5, 10)
    )
    i, j = MaxEntropyEnsemble(32, 5, temperature=0.02).mode_numbers
    assert torch.equal(small[:, :, i - 1, j - 1], large[:, :, i - 1, j - 1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_four_times_the_temperature_is_twice_the_field_exactly(dtype):
    keys = StreamKeys(7, torch.arange(6))
    one, four = (MaxEntropyEnsemble(32, 5, temperature=t).sample(keys, dtype=dtype) for t in (0.013, 0.052))
    assert torch.equal(2 * one.coefficients, four.coefficients)
    assert torch.equal(2 * one.displacement(), four.displacement())
    single, double = (MaxEntropyEnsemble(32, 5, delta=d).sample(keys, dtype=dtype) for d in (0.7, 1.4))
    assert torch.equal(2 * single.coefficients, double.coefficients)


def test_each_image_may_have_its_own_temperature():
    temperatures = torch.tensor([0.0, 0.01, 0.04])
    keys = StreamKeys(0, torch.arange(3))
    fields = MaxEntropyEnsemble(16, 3, temperature=temperatures).sample(keys, dtype=torch.float64)
    for k, t in enumerate(temperatures.double().tolist()):
        alone = MaxEntropyEnsemble(16, 3, temperature=t).sample(StreamKeys(0, torch.tensor([k])), dtype=torch.float64)
        assert torch.allclose(fields[k].coefficients, alone[0].coefficients, rtol=1e-14, atol=0)
    with pytest.raises(ValueError, match="3 temperatures for 4 fields"):
        MaxEntropyEnsemble(16, 3, temperature=temperatures).sample(4)
    assert MaxEntropyEnsemble(16, 3, delta=torch.tensor([1.0, 2.0])).temperature.shape == (2,)


def test_draws_do_not_depend_on_batch_or_dtype():
    ensemble = MaxEntropyEnsemble((17, 11), 4, delta=1.0)
    whole = ensemble.sample(StreamKeys(2, torch.arange(10)))
    parts = [ensemble.sample(StreamKeys(2, torch.arange(k, k + 2))).coefficients for k in range(0, 10, 2)]
    assert torch.equal(torch.cat(parts), whole.coefficients)
    double = ensemble.sample(StreamKeys(2, torch.arange(10)), dtype=torch.float64)
    assert torch.equal(double.coefficients.float(), whole.coefficients)


@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
def test_applying_a_sample_deforms_along_it(images, interpolation):
    ensemble = MaxEntropyEnsemble((17, 11), 4, delta=1.0)
    fields = ensemble.sample(StreamKeys(2, torch.arange(40)))
    assert torch.equal(ensemble.apply(images, fields, interpolation), deform(images, fields, interpolation))
    assert ensemble.name == "diffeo"


def test_sample_count_uses_the_given_generator_or_the_global_one():
    ensemble = MaxEntropyEnsemble(8, 3, delta=1.0)
    state = torch.random.get_rng_state()
    first, second = (ensemble.sample(3, generator=torch.Generator().manual_seed(5)).coefficients for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(state, torch.random.get_rng_state())
    ensemble.sample(3)
    assert not torch.equal(state, torch.random.get_rng_state())
    assert ensemble.sample(0).displacement().shape == (0, 2, 8, 8)


def test_temperature_range_and_probability_of_a_diffeomorphism():
    t_min, t_max = temperature_range(32, 5)
    assert MaxEntropyEnsemble(32, 5, temperature=t_min).delta == pytest.approx(0.5)
    ensemble = MaxEntropyEnsemble(32, 5, temperature=t_max)
    assert ensemble.probability_of_diffeomorphism() == 0.5
    # fields of other streams: half of them satisfy Xi < 1, standard error sqrt(1/4) (1/1000 + 1/2000)^(1/2)
    fresh = ensemble.sample(StreamKeys(123, torch.arange(2000)), dtype=torch.float64)
    share = float((fresh.xi().amax((-2, -1)) < 1).double().mean())
    assert abs(share - 0.5) < 4 * math.sqrt(0.25 * (1 / 1000 + 1 / 2000))
    assert ensemble.probability_of_diffeomorphism(0.0) == 1
    low, high = temperature_range(32, 5, rule="asymptotic")
    assert low == pytest.approx(1 / (math.pi * 32**2 * math.log(5)))
    assert high == pytest.approx(4 / (math.pi**3 * 25 * math.log(5)))


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("size", "cutoff"), [((400, 90), 3), ((300, 500), 12)])
def test_xi_of_large_images_is_that_of_all_their_pixels(size, cutoff, monkeypatch):
    monkeypatch.setattr("diffstab.fields.ensemble.MONTE_CARLO_FIELDS", 20)
    found = largest_xi.__wrapped__(size, cutoff, "disk")
    ensemble = MaxEntropyEnsemble(size, cutoff, temperature=1.0)
    fields = ensemble.sample(StreamKeys(0, torch.arange(20)), dtype=torch.float64)
    wanted = torch.stack([fields[k].xi().amax() for k in range(20)])
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=0)


@pytest.mark.parametrize(("cutoff", "published"), [(3, 0.34), (10, 0.14)])
def test_folding_at_the_asymptotic_t_max_as_in_the_published_code(cutoff, published):
    count = 400
    t_max = temperature_range(128, cutoff, rule="asymptotic")[1]
    ensemble = MaxEntropyEnsemble(128, cutoff, temperature=t_max, convention="reference")
    share = float(ensemble.sample(StreamKeys(1, torch.arange(count))).folds().double().mean())
    # the published share is itself rounded and sampled: 4 standard errors and half a percent of rounding
    assert abs(share - published) < 4 * math.sqrt(2 * published * (1 - published) / count) + 0.005


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cutoff": 1, "delta": 1.0}, r"cutoff is 1; the rule disk keeps no mode below sqrt\(2\), half-integer keeps"),
        ({"cutoff": float("nan"), "delta": 1.0}, "cutoff is nan"),
        ({"delta": 1.0, "temperature": 0.1}, "both of temperature and delta given"),
        ({}, "neither of temperature and delta given"),
        ({"temperature": -0.1}, "temperature is -0.1; it must be a finite number, 0 or more"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"delta": float("inf")}, "delta is inf"),
        ({"delta": torch.tensor([1.0, -1.0])}, "delta is a tensor"),
        ({"delta": 1.0, "convention": "papers"}, r"convention is 'papers'; allowed: paper, reference \(did you mean"),
        ({"delta": 1.0, "cutoff_rule": ""}, "cutoff_rule is ''; allowed: disk, half-integer"),
        ({"delta": 1e101}, "delta is 1e\\+101"),
        ({"delta": 1.0, "cutoff_rule": "square"}, "cutoff_rule is 'square'; allowed: disk, half-integer"),
        ({"delta": 1.0, "delta_rule": "x"}, "delta_rule is 'x'; allowed: exact, asymptotic"),
        ({"size": 1, "delta": 1.0}, r"image height \(pixels\) is 1; it must be at least 2"),
        ({"size": (5, 0), "delta": 1.0}, r"image width \(pixels\) is 0"),
        ({"cutoff": 1, "delta": 1.0, "convention": "reference"}, "ln c = 0; give temperature instead"),
        ({"cutoff": 0.95, "delta": 1.0, "convention": "reference"}, "cutoff is 0.95; delta_rule 'asymptotic' needs"),
        ({"temperature": torch.tensor([1.0, math.inf])}, "temperature is a tensor"),
        ({"temperature": torch.tensor([1.1e100], dtype=torch.float64)}, "temperature is a tensor"),
    ],
)
def test_bad_ensembles_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MaxEntropyEnsemble(**{"size": 16, **options})


def test_the_asymptotic_range_needs_a_logarithm_above_0():
    t_min, t_max = temperature_range(64, 1.5, rule="asymptotic")
    assert t_min == pytest.approx(1 / (math.pi * 64**2 * math.log(1.5)))
    assert t_max == pytest.approx(4 / (math.pi**3 * 1.5**2 * math.log(1.5)))
    for cutoff in (0.95, 1):
        with pytest.raises(ValueError, match=f"cutoff is {cutoff}; the asymptotic temperatures need more than 1"):
            temperature_range(64, cutoff, rule="asymptotic", cutoff_rule="half-integer")


def test_what_an_ensemble_says_of_itself():
    assert repr(MaxEntropyEnsemble((17, 11), 3, temperature=0.25)) == (
        "MaxEntropyEnsemble(size=(17, 11), cutoff=3, temperature=0.25, delta=5.125 px, disk, exact, 4 modes)"
    )
    several = MaxEntropyEnsemble(16, 3, temperature=torch.tensor([1.0, 2.0]))
    assert repr(several) == "MaxEntropyEnsemble(size=(16, 16), cutoff=3, 2 temperatures, disk, exact, 4 modes)"
    with pytest.raises(ValueError, match="one temperature per image; give the temperature"):
        several.probability_of_diffeomorphism()


def test_wrong_kinds_are_refused():
    with pytest.raises(TypeError, match="a whole number"):
        MaxEntropyEnsemble(16.5, delta=1.0)
    with pytest.raises(TypeError, match="a number is needed"):
        MaxEntropyEnsemble(16, delta="1")
    with pytest.raises(ValueError, match=r"^count is -1; it must be at least 0"):
        MaxEntropyEnsemble(16, delta=1.0).sample(-1)
    assert MaxEntropyEnsemble(16, temperature=torch.tensor([1e100], dtype=torch.float64)).sample(1).shape == (1,)
    with pytest.raises(ValueError, match="stream keys alone determine"):
        MaxEntropyEnsemble(16, delta=1.0).sample(StreamKeys(0, torch.arange(2)), generator=torch.Generator())
    with pytest.raises(ValueError, match="rule is 'exact'; allowed: monte-carlo, asymptotic"):
        temperature_range(16, 3, rule="exact")


def test_mode_numbers_are_16_bit_words():
    assert MaxEntropyEnsemble((2, 2**16 - 1), 3, temperature=0.0).size == (2, 65535)
    with pytest.raises(ValueError, match="65536"):
        MaxEntropyEnsemble((2, 2**16), 3, temperature=0.0)


def test_a_temperature_that_is_none_is_told_by_its_name():
    with pytest.raises(ValueError, match=r"^temperature is -1"):
        MaxEntropyEnsemble(16, 3, temperature=0.0).probability_of_diffeomorphism(-1.0)
