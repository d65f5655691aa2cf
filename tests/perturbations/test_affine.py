"""Linear displacements: delta exactly, from their keys alone, with the gradients of their matrices."""

import math

import numpy as np
import pytest
import torch
from support import reference
from torch import Tensor

from diffstab import StreamKeys
from diffstab.fields.displacement import clamped_fraction
from diffstab.perturbations.affine import AffineTransformation
from diffstab.perturbations.named import Rotation, Scaling, Translation, WholeTranslation

KINDS = (Translation, WholeTranslation, Rotation, Scaling)
SIZES = [(17, 11), (32, 32), (8, 31), (5, 5)]
EPS = {dtype: torch.finfo(dtype).eps for dtype in (torch.float32, torch.float64)}


def keys(count: int, seed: int = 0, draw: int = 0) -> StreamKeys:
    return StreamKeys(seed, torch.arange(count), draw)


def from_centre(size: tuple[int, int]) -> Tensor:
    """q, (x, y) of each pixel from the centre, float64 `[2, H, W]`, by numpy."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(float)
    return torch.from_numpy(np.stack([columns - columns.mean(), rows - rows.mean()]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_sample_moves_by_delta_exactly(kind, size, dtype):
    for delta in (1.0, math.sqrt(2)):
        moved = kind(size, delta).sample(keys(50), dtype=dtype)
        assert (moved.shape, moved.dtype) == ((50, 2, *size), dtype)
        found = moved.double().square().sum(1).mean((1, 2)).sqrt()
        # casting the map, two products and their sum round a component by at most 3 eps / 2 of the vector's length;
        # the map itself and this test's sums are float64 and add a few eps of that
        bound = 1.5 * math.sqrt(2) * EPS[dtype] + 10 * EPS[torch.float64]
        assert float((found / delta - 1).abs().max()) <= bound


def test_fractions_of_a_pixel_and_large_displacements():
    for kind in (Translation, Rotation, Scaling):
        for delta in (1e-6, 0.3, 3.9):
            moved = kind((17, 11), delta).sample(keys(9), dtype=torch.float64)
            found = moved.square().sum(1).mean((1, 2)).sqrt()
            assert found.tolist() == pytest.approx([delta] * 9, rel=1e-14, abs=0)
    half_turn = Rotation((17, 11), 2 * Rotation((17, 11), 1.0).radius)
    assert half_turn.angle == math.pi
    assert torch.allclose(half_turn.sample(keys(3), dtype=torch.float64), 2 * from_centre((17, 11)), atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_depend_on_their_keys_alone(kind):
    transformation = kind((17, 11), 5.0)
    images = torch.tensor([5, 900, 0, 77, 8, 13])
    whole = transformation.sample(StreamKeys(3, images, 2))
    for k in range(6):
        assert torch.equal(transformation.sample(StreamKeys(3, images[k : k + 1], 2))[0], whole[k])
    assert torch.equal(transformation.sample(StreamKeys(3, images.flip(0), 2)).flip(0), whole)
    before = torch.random.get_rng_state()
    samples = [transformation.sample(StreamKeys(seed, images, draw)) for seed, draw in ((3, 3), (2**40, 2))]
    assert torch.equal(before, torch.random.get_rng_state())
    assert not any(torch.equal(whole, other) for other in samples)
    assert transformation.sample(keys(0)).shape == (0, 2, 17, 11)


@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
@pytest.mark.parametrize("kind", KINDS)
def test_constant_images_stay_as_they_are(kind, interpolation):
    images = torch.rand(6, 3, 1, 1, generator=torch.Generator().manual_seed(0)).expand(-1, -1, 17, 11)
    transformation = kind((17, 11), 2.0)
    moved = transformation.apply(images, transformation.sample(keys(6)), interpolation)
    assert torch.allclose(moved, images, atol=1e-6)


def test_images_are_interpolated_at_the_displaced_pixels():
    image = torch.rand(2, 9, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for kind in KINDS:
        transformation = kind((9, 8), 2.0)
        sample = transformation.sample(keys(1), dtype=torch.float64)
        for interpolation, slow in (("bilinear", reference.bilinear), ("gaussian", reference.gaussian)):
            found = transformation.apply(image[None], sample, interpolation)[0]
            np.testing.assert_allclose(found.numpy(), slow(image.numpy(), sample[0].numpy()), atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradient_norms_are_those_of_the_maps(dtype):
    size = 17
    for delta in (1.0, 5.0):
        rotation, scaling = Rotation(size, delta), Scaling(size, delta)
        for transformation, expected in (
            (Translation(size, delta), 0.0),
            (WholeTranslation(size, delta), 0.0),
            (rotation, 2 * math.sin(rotation.angle / 2)),
            (scaling, scaling.epsilon),
        ):
            norm = transformation.gradient_norm(transformation.sample(keys(5), dtype=dtype))
            assert (norm.shape, norm.dtype) == ((5,), dtype)
            # a corner's displacement rounds by a few eps of delta; over 10 pixels that is less
            assert torch.allclose(norm, torch.full_like(norm, expected * 16 / 17), rtol=10 * EPS[dtype], atol=0)
            assert not transformation.folds(transformation.sample(keys(5), dtype=dtype)).any()


def test_gradient_norm_of_an_own_map_is_that_of_its_matrix():
    class Anything(AffineTransformation):
        name = "anything"
        matrix = torch.tensor([[0.3, -0.8], [0.1, 0.2]], dtype=torch.float64)

        def maps(self, numbers):
            return torch.cat([self.matrix, torch.ones(2, 1)], 1).expand(len(numbers), 2, 3)

    own = Anything((17, 11), 1.0)
    samples = own.sample(keys(2), dtype=torch.float64)
    assert torch.allclose(samples[0], torch.einsum("ab,bhw->ahw", own.matrix, from_centre((17, 11))) + 1)
    # d tau_a / d s_b with tau_a in shares of side a and s_b in steps of 1 / (side b - 1)
    scaled = own.matrix * torch.tensor([[10 / 11, 16 / 11], [10 / 17, 16 / 17]], dtype=torch.float64)
    norm = float(torch.linalg.matrix_norm(scaled, ord=2))
    own_map = torch.eye(2, dtype=torch.float64) - own.matrix
    assert own.folds(samples).tolist() == [bool(own_map.det() <= 0)] * 2
    own.matrix = torch.diag(torch.tensor([2.0, 0.5], dtype=torch.float64))
    assert own.folds(own.sample(keys(2), dtype=torch.float64)).all()
    assert own.gradient_norm(samples).tolist() == pytest.approx([norm, norm], rel=1e-13)


def test_clamped_shares_are_those_of_the_shifted_border():
    shifts = WholeTranslation((10, 8), 1).sample(keys(20))
    along_x = shifts[:, 0, 0, 0] != 0
    assert torch.allclose(clamped_fraction(shifts), torch.where(along_x, 1 / 8, 1 / 10))
    scaled = Scaling((10, 8), 1.0).sample(keys(20))
    zooms_in = scaled[:, 0, 0, -1] > 0
    assert torch.equal(clamped_fraction(scaled) == 0, zooms_in)
