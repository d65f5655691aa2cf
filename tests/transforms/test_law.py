"""How an augmentation's fields are drawn: their laws, their ends, and that none folds where none shall."""

import math
import pickle

import numpy as np
import pytest
import torch

from diffstab import MaxEntropyEnsemble, StreamKeys, temperature_range
from diffstab.fields.folding import diffeomorphism_share, largest_temperature
from diffstab.transforms.law import FieldLaw, _beta, _tables, draw_until_none_folds

SIZE = (17, 11)
CPU = torch.device("cpu")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_fixed_law_is_the_ensemble():
    for amount in ({"temperature": 0.01}, {"delta": 1.5}):
        ours = FieldLaw(cutoff=5, **amount).draw(7, SIZE, generator()).field
        theirs = MaxEntropyEnsemble(SIZE, 5, **amount).sample(7, generator=generator())
        torch.testing.assert_close(ours.coefficients, theirs.coefficients, rtol=1e-6, atol=0)


@pytest.mark.parametrize(("size", "cutoff"), [((28, 28), 3), ((32, 48), (2, 5)), ((64, 40), 10)])
def test_less_than_1_in_100_mild_fields_folds(size, cutoff):
    field = FieldLaw(cutoff=cutoff, temperature="mild").draw(2000, size, generator(4)).field
    assert int(field.folds().sum()) <= 20


@pytest.mark.parametrize(("size", "cutoff"), [((28, 28), 3), ((32, 48), (2, 5)), ((12, 9), 5), ((5, 5), 3)])
def test_about_1_in_100_of_the_largest_mild_fields_folds(size, cutoff):
    """500 other fields tell where: a standard error of 0.0045. On (12, 9) and (5, 5) all fields are the largest."""
    law = FieldLaw(cutoff=cutoff, temperature="mild", temperature_shape=(1e10, 1e10))
    field = law.draw(2000, size, generator(5)).field
    assert 0 < int(field.folds().sum()) <= 2000 * (0.01 + 5 * 0.0045)


@pytest.mark.parametrize("side", [28, 64])
def test_mild_fields_begin_at_half_a_pixel_and_end_at_6_percent_of_the_side(side):
    for r, delta in ((1e-10, 0.5), (1e10, 0.06 * side)):
        law = FieldLaw(temperature="mild", temperature_shape=(1e10, r))
        assert mean_square(law.draw(4000, (side, side), generator()).field).mean() ** 0.5 == pytest.approx(
            delta, rel=0.05
        )


@pytest.mark.parametrize("shape", [(2.0, 1.0), (5.0, 3.0), (0.7, 0.5), (1e10, 4.0)])
def test_moments_of_the_beta_laws(shape):
    s, r = shape
    values = _beta(shape, 20_000, generator(1), CPU)
    mean, variance = r / (r + 1), r / (r + 1) ** 2 / (s + 1)
    assert values.mean() == pytest.approx(mean, abs=5 * math.sqrt(variance / 20_000) + 1e-9)
    # the fourth moment of a law on [0, 1] is at most its second
    assert values.var() == pytest.approx(variance, abs=5 * math.sqrt(variance / 20_000) + 1e-9)
    assert values.min() >= 0
    assert values.max() <= 1


def largest_frequency(field):
    """The largest i^2 + j^2 with a coefficient, of each field."""
    present = (field.coefficients != 0).any(1)
    i, j = (torch.arange(1, n + 1) for n in present.shape[1:])
    return (present * (i[:, None] ** 2 + j**2)).flatten(1).amax(1)


def test_cutoffs_come_as_their_law_says():
    field = FieldLaw(cutoff=(2, 5), delta=1.0).draw(8000, SIZE, generator()).field
    found = largest_frequency(field)
    wanted = torch.tensor(
        [int(largest_frequency(MaxEntropyEnsemble(SIZE, c, delta=1.0).sample(1))) for c in (2, 3, 4, 5)]
    )
    share = (found[:, None] == wanted).double().mean(0)
    assert share.sum() == 1
    torch.testing.assert_close(share, torch.full((4,), 0.25, dtype=torch.float64), rtol=0, atol=5 * 0.43 / 8000**0.5)
    higher = FieldLaw(cutoff=(2, 5), delta=1.0, cutoff_shape=(2.0, 5.0)).draw(2000, SIZE, generator()).field
    assert (largest_frequency(higher) == wanted[-1]).double().mean() > 0.5


def mean_square(field):
    """delta^2 by App. B's sum over the picture, of each field, pixels squared."""
    height, width = field.size
    squares = field.coefficients.double().square().sum((-2, -1)) / 4
    return squares[:, 0] * width**2 + squares[:, 1] * height**2


def test_displacement_is_the_same_for_every_cutoff():
    """delta^2 of a field has mean delta^2 and a standard deviation of at most sqrt(2) of it."""
    field = FieldLaw(cutoff=(2, 5), delta=1.5).draw(4000, SIZE, generator()).field
    found = mean_square(field)
    frequencies = largest_frequency(field)
    for frequency in frequencies.unique():
        own = found[frequencies == frequency]
        assert own.mean() == pytest.approx(1.5**2, rel=5 * math.sqrt(2 / len(own)))


def test_displacements_come_from_the_range():
    """E delta^2 over uniform delta in [1, 3] is 13 / 3."""
    found = mean_square(FieldLaw(cutoff=3, delta=(1.0, 3.0)).draw(4000, SIZE, generator()).field)
    assert found.mean() == pytest.approx(13 / 3, rel=5 * math.sqrt(3 / 4000))


@pytest.mark.parametrize("rule", ["monte-carlo", "asymptotic"])
def test_range_is_that_of_the_section(rule):
    """With its Beta law at either end, T is T_min or T_max."""
    for size in (SIZE, (64, 64)):
        for end, r in enumerate((1e-9, 1e9)):
            law = FieldLaw(cutoff=3, temperature="range", temperature_shape=(1e10, r), temperature_rule=rule)
            wanted = temperature_range(size, 3, rule=rule)[end]
            found = law.draw(4000, size, generator(3)).field.squared_norm().mean()
            expected = MaxEntropyEnsemble(size, 3, temperature=wanted).expected_squared_norm
            assert found == pytest.approx(expected, rel=5 * math.sqrt(0.5 / 4000))


def test_range_of_a_large_image_is_its_own():
    """Not that of a smaller grid."""
    tables = _tables(FieldLaw(cutoff=3, temperature="range"), (224, 90))
    assert (float(tables.low[0]), float(tables.high[0])) == temperature_range((224, 90), 3)


def test_same_generator_same_fields():
    law = FieldLaw(cutoff=(2, 5), temperature="range", temperature_shape=(3.0, 2.0))
    first, second, other = (law.draw(5, SIZE, generator(seed)).field.coefficients for seed in (0, 0, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(pickle.loads(pickle.dumps(law)).draw(5, SIZE, generator()).field.coefficients, first)


def test_only_diffeomorphisms():
    law = FieldLaw(cutoff=5, temperature=0.007, only_diffeomorphisms=True)
    drawn = law.draw(500, (32, 32), generator())
    assert not drawn.field.folds().any()
    share = diffeomorphism_share((32, 32), 5, 0.007)
    assert 0.02 < share < 0.9
    # each field takes a geometric number of draws, 1 / share on average
    tries = 500 / share
    spread = math.sqrt(500 * (1 - share)) / share
    assert drawn.rejected + 500 == pytest.approx(tries, abs=5 * spread + 5 * 500 * 0.022 / share**2)
    plain = FieldLaw(cutoff=5, temperature=0.007).draw(500, (32, 32), generator())
    assert plain.rejected == 0
    assert plain.field.folds().any()


@pytest.mark.parametrize(("size", "cutoff", "temperature"), [((32, 32), 3, 0.03), ((64, 24), 5, 0.006)])
def test_share_is_that_of_fields_that_do_not_fold(size, cutoff, temperature):
    """Other fields, on the whole grid, give the same share within the errors of 500 and 2,000."""
    share = diffeomorphism_share(size, cutoff, temperature)
    fields = MaxEntropyEnsemble(size, cutoff, temperature=temperature).sample(2000, generator=generator(4))
    assert 0.1 < share < 0.9
    assert (~fields.folds()).double().mean() == pytest.approx(share, abs=5 * math.sqrt(0.25 / 500 + 0.25 / 2000))


@pytest.mark.parametrize(("size", "cutoff"), [((32, 32), 3), ((20, 31), 5)])
def test_share_of_the_very_fields_it_looks_at(size, cutoff):
    """Rotations have complex eigenvalues and never fold: the determinant's sign says the same, field by field."""
    for temperature in np.geomspace(0.0005, 0.1, 8):
        ensemble = MaxEntropyEnsemble(size, cutoff, temperature=temperature)
        fields = ensemble.sample(StreamKeys(0, torch.arange(500)), dtype=torch.float64)
        share = (~fields.folds()).double().mean().item()
        assert diffeomorphism_share(size, cutoff, temperature) == share


def test_largest_temperature_has_that_share():
    for share in (0.2, 0.5):
        temperature = largest_temperature((32, 32), 3, share)
        assert diffeomorphism_share((32, 32), 3, temperature) == pytest.approx(share, abs=0.01)
    assert diffeomorphism_share((32, 32), 3, 1e-9) == 1


def test_drawing_ends_where_all_fields_fold():
    steep = torch.full((1, 2, 1, 1), 10.0)
    with pytest.raises(ValueError, match="3 of 3 fields fold after 1000 draws each; lower the temperature"):
        draw_until_none_folds(lambda places: steep.expand(len(places), -1, -1, -1).clone(), 3, SIZE)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"temperature": 0.1, "delta": 1}, ValueError, "both of temperature and delta given"),
        ({}, ValueError, "neither of temperature and delta given"),
        ({"delta": (3, 1)}, ValueError, r"delta is \(3, 1\), whose ends are reversed; give \(1, 3\)"),
        ({"temperature": (0.3, 0.1)}, ValueError, "temperature is .* reversed"),
        ({"cutoff": (5, 2), "delta": 1}, ValueError, r"cutoff is \(5, 2\), whose ends are reversed; give \(2, 5\)"),
        ({"cutoff": (2.5, 5), "delta": 1}, ValueError, "whole numbers at its ends"),
        ({"cutoff": (2, 3, 4), "delta": 1}, ValueError, r"a number, or \(low, high\), is needed"),
        ({"cutoff": 1, "delta": 1}, ValueError, "the rule disk keeps no mode"),
        ({"cutoff": (1, 3), "delta": 1}, ValueError, "the rule disk keeps no mode"),
        ({"delta": -1}, ValueError, "delta is -1; it must be a finite number, 0 or more"),
        ({"delta": "much"}, TypeError, "delta is 'much'; a number is needed"),
        ({"temperature": "hot"}, ValueError, "temperature is 'hot'; allowed: mild, range"),
        ({"temperature": "range", "temperature_rule": "exact"}, ValueError, "temperature_rule is 'exact'; allowed"),
        ({"delta": 1, "temperature_shape": 2}, ValueError, r"temperature_shape is 2; \(s, r\), two numbers"),
        ({"delta": 1, "cutoff_shape": (0, 1)}, ValueError, "both must be above 0"),
        ({"delta": 1, "convention": "mine"}, ValueError, "convention is 'mine'; allowed: paper, reference"),
    ],
)
def test_bad_laws_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        FieldLaw(**arguments)


@pytest.mark.parametrize(
    ("arguments", "size", "message"),
    [
        (
            {"temperature": 1.0, "only_diffeomorphisms": True},
            (32, 32),
            "at cutoff 3 and temperature 1 only 0.0% of the fields don't fold; .* .half of the fields don't fold at 0",
        ),
        ({"delta": 30.0, "only_diffeomorphisms": True}, (32, 32), "of the fields don't fold; .* delta [0-9.]+"),
        ({"cutoff": 1, "delta": 1, "convention": "reference"}, (32, 32), "where ln c = 0; give temperature"),
        ({"cutoff": 1, "temperature": "range", "convention": "reference"}, (32, 32), "infinite there"),
        ({"temperature": "range"}, (2, 2), "T_min or T_max is infinite there"),
    ],
)
def test_what_cannot_be_drawn_is_said_first(arguments, size, message):
    with pytest.raises(ValueError, match=message):
        FieldLaw(**arguments).draw(5, size)
