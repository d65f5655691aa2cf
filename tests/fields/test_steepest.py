"""The largest Xi over all pixels: equal to a search of every pixel, wherever it lies, and few pixels are computed."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diffstab import DisplacementField, MaxEntropyEnsemble, StreamKeys
from diffstab.fields import steepest as searched
from diffstab.fields.steepest import steepest

ROUNDING = 1e-12  # sums of up to 700 products in float64, in another order; Xi at T = 1 is of order 1 or more
pytestmark = pytest.mark.usefixtures("one_thread")


def every_pixel(coefficients, size):
    fields = DisplacementField(torch.from_numpy(coefficients), size)
    return np.array([float(field.xi().max()) for field in (fields[k] for k in range(len(fields)))])


def assert_same(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=ROUNDING, atol=ROUNDING)


def drawn(count, size, cutoff, rule="disk", seed=0):
    ensemble = MaxEntropyEnsemble(size, cutoff, temperature=1.0, cutoff_rule=rule)
    return ensemble.sample(StreamKeys(seed, torch.arange(count)), dtype=torch.float64).coefficients.numpy()


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(*[st.one_of(st.integers(2, 40), st.integers(41, 400))] * 2),
    cutoff=st.floats(1.5, 15),
    rule=st.sampled_from(["disk", "half-integer"]),
    seed=st.integers(0, 2**32),
)
def test_it_is_that_of_a_search_of_every_pixel(size, cutoff, rule, seed):
    coefficients = drawn(20, size, cutoff, rule, seed)
    np.testing.assert_allclose(
        steepest(coefficients, size), every_pixel(coefficients, size), rtol=ROUNDING, atol=ROUNDING
    )


@pytest.mark.parametrize(("size", "cutoff"), [((64, 64), 3), ((224, 224), 3), ((90, 400), 2), ((300, 171), 7)])
def test_it_is_found_among_peaks_of_almost_the_same_height(size, cutoff):
    """One mode has as many equal peaks as half waves; a thousandth of the others makes one of them the highest."""
    coefficients = drawn(40, size, cutoff)
    modes = np.argwhere(coefficients.any((0, 1)))
    for field, (i, j) in zip(coefficients, modes[np.arange(40) % len(modes)], strict=True):
        one = field[:, i, j].copy()
        field *= 1e-3
        field[:, i, j] = one
    np.testing.assert_allclose(
        steepest(coefficients, size), every_pixel(coefficients, size), rtol=ROUNDING, atol=ROUNDING
    )


@pytest.mark.parametrize(("size", "cutoff"), [((1800, 1100), 2), ((5, 3000), 1.5), ((2, 2), 3), ((1201, 2), 5)])
def test_several_finer_steps_and_short_sides(size, cutoff):
    coefficients = drawn(4, size, cutoff)
    np.testing.assert_allclose(
        steepest(coefficients, size), every_pixel(coefficients, size), rtol=ROUNDING, atol=ROUNDING
    )


@pytest.mark.parametrize(("size", "cutoff"), [((224, 224), 3), ((512, 320), 10), ((150, 150), 2)])
def test_no_pixel_is_above_the_margin_round_a_computed_one(size, cutoff):
    """The bound behind the search, at the largest Xi of each field."""
    coefficients = drawn(30, size, cutoff)
    fields = DisplacementField(torch.from_numpy(coefficients), size)
    norm = fields.gradient().square().sum((1, 2)).amax((-2, -1)).sqrt().numpy()
    xi, numbers = fields.xi().numpy(), np.indices(coefficients.shape[-2:]) + 1
    radius = np.sqrt(np.square(numbers).sum(0)[coefficients.any((0, 1))].max())
    for reach in range(1, int((min(size) - 1) / (8 * radius))):
        for field, largest in zip(xi, norm, strict=True):
            row, column = np.unravel_index(field.argmax(), size)
            rows, columns = (np.array([at - reach, at + reach]) for at in (row, column))
            inside = [(k >= 0) & (k < side) for k, side in zip((rows, columns), size, strict=True)]
            near = field[np.ix_(rows[inside[0]], columns[inside[1]])]
            assert (field.max() - near <= largest * searched._lag(size, radius, (reach, reach))).all()


def test_few_pixels_are_computed(monkeypatch):
    """Of 224 x 224 at cutoff 3: about 46 x 46 at first, then some hundred pixels of each field."""
    computed = []

    def counted(*gradient):
        computed.append(gradient[0].size)
        return xi(*gradient)

    xi = searched._xi
    monkeypatch.setattr(searched, "_xi", counted)
    steepest(drawn(100, (224, 224), 3), (224, 224))
    assert sum(computed) < 100 * 224 * 224 / 15


def test_no_field_and_fields_of_zero():
    assert steepest(np.zeros((0, 2, 3, 3)), (17, 11)).shape == (0,)
    assert steepest(np.zeros((2, 2, 3, 3)), (40, 30)).tolist() == [0, 0]
