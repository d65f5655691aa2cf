"""Where points come from and where they go: against direct sums, round trips, and fields that fold."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diffstab import DisplacementField, MaxEntropyEnsemble, StreamKeys
from diffstab.fields.points import pixel_positions

SIZE = (17, 11)
DOUBLE = torch.float64


def draw(count, *, size=SIZE, cutoff=5, **amount):
    ensemble = MaxEntropyEnsemble(size, cutoff, **(amount or {"delta": 0.5}))
    return ensemble.sample(StreamKeys(0, torch.arange(count)), dtype=DOUBLE)


def random_points(*shape, size=SIZE, seed=1):
    """Within the frame."""
    uniform = torch.rand(*shape, 2, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)
    return uniform * torch.tensor([size[1] - 1, size[0] - 1])


def test_displacement_is_the_sum_of_sines():
    field, points = draw(1)[0], random_points(20)
    C = field.coefficients.numpy()
    for (x, y), found in zip(points.tolist(), field.displacement_at(points).numpy(), strict=True):
        wanted = np.zeros(2)
        for component, n in enumerate((11, 17)):
            for i in range(C.shape[1]):
                for j in range(C.shape[2]):
                    waves = math.sin((i + 1) * math.pi * x / 10) * math.sin((j + 1) * math.pi * y / 16)
                    wanted[component] += n * C[component, i, j] * waves
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


def test_at_pixels_it_is_the_displacement():
    field = draw(3, delta=2.0)
    pixels = pixel_positions(SIZE, DOUBLE, torch.device("cpu")).view(-1, 2)
    found = field.displacement_at(pixels.expand(3, -1, -1)).mT.view(3, 2, *SIZE)
    torch.testing.assert_close(found, field.displacement(), rtol=0, atol=1e-12)
    x, y = field.source_positions()
    sources = field.source_of(pixels.expand(3, -1, -1)).view(3, *SIZE, 2)
    torch.testing.assert_close(sources[..., 0], x.clamp(0, 10), rtol=0, atol=1e-12)
    torch.testing.assert_close(sources[..., 1], y.clamp(0, 16), rtol=0, atol=1e-12)


def test_the_frame_and_what_is_beyond_stay():
    field = draw(1, delta=3.0)[0]
    points = torch.tensor([[0.0, 5.3], [10, 2], [4.7, 0], [3, 16], [-2, 5], [4, 20], [1e6, -1e6]], dtype=DOUBLE)
    assert torch.equal(field.displacement_at(points), torch.zeros_like(points))
    assert torch.equal(field.source_of(points), points)
    found = field.destination_of(points)
    assert torch.equal(found.points, points)
    assert not found.residual.any()
    assert not found.folded.any()


@pytest.mark.parametrize(("cutoff", "delta"), [(3, 0.3), (3, 0.8), (5, 0.4)])
def test_source_and_destination_lead_back_to_the_point(cutoff, delta):
    """Where nothing folds, both ways lead back."""
    field = draw(40, cutoff=cutoff, delta=delta)
    field = field[~field.folds()]
    assert len(field) > 10
    points = random_points(len(field), 30)
    there = field.destination_of(points)
    assert there.residual.max() <= 1e-6
    assert not there.folded.any()
    torch.testing.assert_close(field.source_of(there.points), points, rtol=0, atol=1e-6)
    # and back, but for points that clamping puts on the frame
    sources = field.source_of(points)
    inside = ((sources > 0) & (sources < torch.tensor([10, 16]))).all(-1)
    steepest = 1 / (field.jacobian_determinant().amin((-2, -1)) / 4)  # of the inverse map, roughly
    back = field.destination_of(sources).points
    assert ((back - points).norm(dim=-1)[inside] < 1e-6 * steepest.max()).all()


@pytest.mark.slow
@pytest.mark.parametrize(("size", "cutoff", "delta"), [((32, 32), 3, 6.0), ((32, 32), 10, 2.0), ((17, 11), 5, 3.0)])
def test_fields_that_fold_have_destinations_too(size, cutoff, delta):
    """No point of the frame moves, so every point inside has one; it is found."""
    field = draw(20, size=size, cutoff=cutoff, delta=delta)
    assert field.folds().double().mean() > 0.8
    points = random_points(20, 50, size=size)
    found = field.destination_of(points)
    assert found.residual.max() <= 1e-3
    distance = (field.source_of(found.points) - points).norm(dim=-1)
    torch.testing.assert_close(distance, found.residual, rtol=0, atol=1e-9)
    width = torch.tensor([size[1] - 1, size[0] - 1])
    assert ((found.points >= 0) & (found.points <= width)).all()


def test_a_fold_is_told():
    """tau_u = a sin(2 pi u) sin(pi v) with a < 0 turns x back around the middle, where its source stays inside."""
    field = DisplacementField(torch.zeros(2, 2, 1, dtype=DOUBLE), (21, 21))
    field.coefficients[0, 1] = -0.25

    def determinant(x):
        return 1 + 21 / 20 * 0.25 * 2 * math.pi * torch.cos(2 * math.pi * x / 20)

    pixels = pixel_positions((21, 21), DOUBLE, torch.device("cpu"))[10, 1:-1]
    assert (determinant(pixels[:, 0]) <= 0).sum() > 3
    found = field.destination_of(field.source_of(pixels))
    assert found.residual.max() <= 1e-6
    assert torch.equal(found.folded, determinant(found.points[:, 0]) <= 0)
    assert found.folded.any()  # the middle, which is its own source
    assert field.destination_of(pixels, tolerance=1e-30).folded.sum() > found.folded.sum()


def test_dtypes_batches_and_broadcasting():
    field, points = draw(4), random_points(4, 6)
    found = field.destination_of(points)
    for place in range(4):
        one = field[place].destination_of(points[place])
        for ours, single in zip(found, one, strict=True):
            torch.testing.assert_close(ours[place], single, rtol=0, atol=1e-6)
    single = field.to(dtype=torch.float32).destination_of(points.float())
    assert single.points.dtype == single.residual.dtype == torch.float32
    torch.testing.assert_close(single.points.double(), found.points, rtol=0, atol=1e-4)
    assert field.destination_of(points[0]).points.shape == (4, 6, 2)  # many fields for the same points
    assert field[0].source_of(random_points(2, 3, 6)).shape == (2, 3, 6, 2)  # one field for many
    assert field.source_of(points[:, :0]).shape == (4, 0, 2)
    assert field[:0].destination_of(points[:0]).points.shape == (0, 6, 2)
    assert field.destination_of(points[:, :0]).folded.shape == (4, 0)


def test_still_fields_move_nothing():
    field, points = DisplacementField(torch.zeros(2, 2, 2), SIZE), random_points(9)
    assert torch.equal(field.source_of(points), points)
    assert torch.equal(field.destination_of(points).points, points)


@settings(max_examples=30, deadline=None)
@given(
    height=st.integers(2, 50),
    width=st.integers(2, 50),
    seed=st.integers(0, 1000),
    strength=st.floats(0, 0.6),
)
def test_images_of_any_size_have_destinations(height, width, seed, strength):
    keys = StreamKeys(seed, torch.arange(2))
    ensemble = MaxEntropyEnsemble((height, width), 2, delta=strength * min(height, width) / 10)
    field = ensemble.sample(keys, dtype=DOUBLE)
    points = random_points(2, 5, size=(height, width), seed=seed)
    found = field.destination_of(points)
    assert (found.residual <= 1e-3).all()
    torch.testing.assert_close(field.source_of(found.points), points, rtol=0, atol=1.1e-3)


@pytest.mark.parametrize(
    ("points", "error", "message"),
    [
        (torch.zeros(3, 2, dtype=torch.int64), TypeError, "points are torch.int64; a floating-point tensor"),
        ([[1.0, 2.0]], TypeError, "points are list"),
        (torch.zeros(2), ValueError, r"points are \(2,\); \[..., P, 2\] in pixels"),
        (torch.zeros(4, 3), ValueError, r"points are \(4, 3\)"),
        (torch.zeros(3, 5, 2), ValueError, r"points have the leading dimensions \(3,\) and fields \(4,\)"),
    ],
)
def test_bad_points_are_refused(points, error, message):
    for method in ("displacement_at", "source_of", "destination_of"):
        with pytest.raises(error, match=message):
            getattr(draw(4), method)(points)
