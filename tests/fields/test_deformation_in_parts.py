"""How deform splits its work: whole numbers a few at a time, one large image among threads, few modes at once."""

import math

import pytest
import torch

from diffstab import DisplacementField, MaxEntropyEnsemble, StreamKeys, deform
from diffstab.fields import bilinear, deformation
from diffstab.native.library import using


@pytest.fixture(autouse=True)
def _torch_alone():
    with using("off"):
        yield


@pytest.fixture
def sampled(monkeypatch):
    """The shapes of images that grid_sample is given."""
    shapes, sample = [], bilinear.grid_sample
    monkeypatch.setattr(
        bilinear, "grid_sample", lambda x, *args, **kwargs: (shapes.append(x.shape), sample(x, *args, **kwargs))[1]
    )
    return shapes


@pytest.mark.parametrize(
    ("images", "fields", "expected"),
    [
        ((7, 3), (7,), [(3, 3), (3, 3), (1, 3)]),  # 300 numbers each, of 1000 at a time
        ((7, 3), (), [(1, 10), (1, 10), (1, 1)]),  # 21 channels of 100, on one grid
        ((1, 3), (1,), [(1, 3)]),
        ((2, 12), (2,), [(1, 12), (1, 12)]),  # one image is more than that
        ((2, 0), (2,), [(2, 0)]),
    ],
)
def test_whole_numbers_become_floats_in_pieces_of_a_given_size(monkeypatch, sampled, images, fields, expected):
    monkeypatch.setattr(deformation, "AT_ONCE", 1000)
    numbers = torch.randint(0, 256, (*images, 10, 10), dtype=torch.uint8)
    deform(numbers, DisplacementField(torch.full((*fields, 2, 3, 3), 0.01), (10, 10)))
    assert [tuple(shape[:2]) for shape in sampled] == expected


@pytest.mark.parametrize(
    ("dtype", "inside"),
    [
        (torch.float16, torch.float32),
        (torch.float32, torch.float32),
        (torch.uint8, torch.float32),
        (torch.int32, torch.float64),
        (torch.float64, torch.float64),
    ],
)
def test_half_and_whole_numbers_are_computed_in_float32_and_longer_ones_in_float64(monkeypatch, dtype, inside):
    dtypes, sample = [], bilinear.grid_sample
    monkeypatch.setattr(
        bilinear, "grid_sample", lambda x, *args, **kwargs: (dtypes.append(x.dtype), sample(x, *args, **kwargs))[1]
    )
    assert deform(torch.ones(2, 1, 8, 8, dtype=dtype), torch.zeros(2, 2, 8, 8)).dtype == dtype
    assert dtypes == [inside]


def test_two_million_numbers_are_a_piece(two_threads, sampled):
    """8 MB of floats."""
    torch.set_num_threads(1)  # which share no image
    deform(torch.zeros(3, 1, 1024, 1024, dtype=torch.uint8), torch.zeros(3, 2, 1024, 1024))
    assert [shape[0] for shape in sampled] == [2, 1]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 8, 128, 128), (2, 4, 128, 128)),  # channels are shared out where there are 4 for each thread
        ((1, 7, 128, 128), (2, 7, 128, 128)),  # otherwise rows of the grid
        ((1, 6, 128, 128), (2, 6, 128, 128)),
        ((1, 3, 129, 128), (1, 3, 129, 128)),  # an odd number of rows
        ((1, 8, 129, 128), (2, 4, 129, 128)),
        ((1, 8, 127, 128), (1, 8, 127, 128)),  # a small image
        ((2, 8, 128, 128), (2, 8, 128, 128)),
    ],
)
def test_two_threads_share_a_single_large_image(two_threads, sampled, shape, expected):
    images = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    field = MaxEntropyEnsemble(shape[-2:], 5, delta=1.0).sample(StreamKeys(0, torch.arange(shape[0])))
    found = deform(images, field)
    assert sampled == [expected]
    torch.set_num_threads(1)
    assert torch.equal(found, deform(images, field))


@pytest.mark.parametrize(
    ("size", "modes", "at_once"),
    [
        ((64, 64), (2, 2), True),
        ((64, 64), (4, 1), True),
        ((64, 64), (2, 3), False),
        ((64, 65), (2, 2), False),
        ((65, 64), (2, 2), False),
        ((8, 8), (5, 1), False),
    ],
)
def test_few_modes_of_small_images_take_one_product(monkeypatch, size, modes, at_once):
    calls, flat = [], bilinear._flat_basis
    monkeypatch.setattr(bilinear, "_flat_basis", lambda *args: (calls.append(args), flat(*args))[1])
    coefficients = 0.02 * torch.randn(3, 2, *modes, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    field = DisplacementField(coefficients, size)
    images = torch.rand(3, 1, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = deform(images, field)
    assert bool(calls) == at_once
    torch.testing.assert_close(found, deform(images, field.displacement()), rtol=0, atol=1e-12)


def test_the_field_that_moves_nothing_has_one_mode():
    field = deformation.identity_field((17, 11), dtype=torch.float64, device=torch.device("cpu"))
    assert field.coefficients.shape == (2, 1, 1)
    assert field.coefficients.dtype == torch.float64
    images = torch.rand(3, 17, 11, dtype=torch.float64)
    assert math.isclose(float((deform(images, field) - images).abs().max()), 0, abs_tol=1e-13)
