"""Translations, rotations and changes of scale move images as their names say, or are refused."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from diffstab import MaxEntropyEnsemble, StreamKeys, deform
from diffstab.perturbations.named import Rotation, Scaling, Translation, WholeTranslation, transformation_named

KINDS = (Translation, WholeTranslation, Rotation, Scaling)
SIZES = [(17, 11), (32, 32), (8, 31), (5, 5)]


def keys(count: int, seed: int = 0, draw: int = 0) -> StreamKeys:
    return StreamKeys(seed, torch.arange(count), draw)


def from_centre(size: tuple[int, int]) -> Tensor:
    """q, (x, y) of each pixel from the centre, float64 `[2, H, W]`, by numpy."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(float)
    return torch.from_numpy(np.stack([columns - columns.mean(), rows - rows.mean()]))


def wavy(size: tuple[int, int]) -> tuple[Tensor, float]:
    """A smooth image `[1, 2, H, W]` of periods 24 and 30 pixels, and the largest error of bilinear interpolation."""
    x, y = from_centre(size)
    image = torch.stack([torch.sin(x / 24 * 2 * math.pi + y / 5), torch.cos((x - 2 * y) / 30 * 2 * math.pi)])[None]
    # (|f_xx| + |f_yy|) / 8 of either channel
    first, second = (2 * math.pi / 24) ** 2 + 1 / 25, 5 * (2 * math.pi / 30) ** 2
    return image, max(first, second) / 8


def test_directions_of_translations_are_uniform():
    count = 4000
    moved = Translation((3, 2), 1.0).sample(keys(count), dtype=torch.float64)
    assert torch.equal(moved, moved[:, :, :1, :1].expand_as(moved))
    cosine, sine = moved[:, :, 0, 0].T
    # <cos> = <cos sin> = 0, <cos^2> = 1/2; variances 1/2, 1/8 and 1/8; 4.5 standard errors
    for values, expected, variance in (
        (cosine, 0, 1 / 2),
        (sine, 0, 1 / 2),
        (cosine**2, 1 / 2, 1 / 8),
        (cosine * sine, 0, 1 / 8),
    ):
        assert abs(float(values.mean()) - expected) < 4.5 * math.sqrt(variance / count)
    # Kolmogorov-Smirnov: sqrt(n) D exceeds 1.95 with probability 1e-3
    ranked = (torch.atan2(sine, cosine) / (2 * math.pi) + 0.5).sort().values
    assert math.sqrt(count) * float((ranked - torch.arange(count) / count).abs().max()) < 1.95


@pytest.mark.parametrize("kind", [Rotation, Scaling])
def test_both_signs_are_as_frequent(kind):
    count = 4000
    moved = kind((3, 2), 0.5).sample(keys(count), dtype=torch.float64)
    pattern = moved[0] - moved.mean(0)  # what the sign turns round
    sign = (moved - moved.mean(0)).flatten(1) @ pattern.flatten()
    assert abs(float(sign.sign().mean())) < 4.5 / math.sqrt(count)
    assert len(moved.unique(dim=0)) == 2


def test_all_whole_translations_of_norm_five_come_equally_often():
    count = 6000
    moved = WholeTranslation((8, 7), 5).sample(keys(count))
    vectors, counts = moved[:, :, 0, 0].unique(dim=0, return_counts=True)
    plane = [[x, y] for x in range(-5, 6) for y in range(-5, 6) if x * x + y * y == 25]
    assert vectors.tolist() == plane
    assert len(plane) == 12
    # chi-squared with 11 degrees of freedom exceeds 31.3 with probability 1e-3
    assert float(((counts - count / 12) ** 2).sum() / (count / 12)) < 31.3


def test_a_norm_is_met_up_to_rounding():
    for delta in (math.sqrt(2), 1.4142135624, 1.4142135623730951 * (1 + 3e-10)):
        diagonal = WholeTranslation(8, delta)
        assert diagonal.shifts.tolist() == [[-1, -1], [-1, 1], [1, -1], [1, 1]]
        assert diagonal.delta == math.sqrt(2)


@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
@pytest.mark.parametrize("size", [(17, 11), (8, 8)])
def test_a_whole_translation_shifts_the_pixels_and_repeats_the_frame(size, interpolation):
    images = torch.rand(40, 3, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    transformation = WholeTranslation(size, 5)
    samples = transformation.sample(keys(40), dtype=torch.float64)
    moved = transformation.apply(images, samples, interpolation)
    still = deform(images, torch.zeros(2, *size, dtype=torch.float64), interpolation)
    for k, (x, y) in enumerate(samples[:, :, 0, 0].long().tolist()):
        rows = (torch.arange(size[0]) - y).clamp(0, size[0] - 1)
        columns = (torch.arange(size[1]) - x).clamp(0, size[1] - 1)
        # positions come back from [-1, 1] with a few eps of the side, times a difference of pixels below 1
        assert torch.allclose(moved[k], still[k][:, rows][:, :, columns], atol=1e-13, rtol=0)


def test_translations_move_a_smooth_image(one_thread):
    size = (40, 31)
    image, error = wavy(size)
    translation = Translation(size, 2.5)
    samples = translation.sample(keys(6), dtype=torch.float64)
    moved = translation.apply(image.expand(6, -1, -1, -1), samples)
    x, y = from_centre(size)
    inside = slice(3, -3)
    for k, (dx, dy) in enumerate(samples[:, :, 0, 0].tolist()):
        exact = torch.sin((x - dx) / 24 * 2 * math.pi + (y - dy) / 5)
        assert float((moved[k, 0] - exact)[inside, inside].abs().max()) < error


@pytest.mark.parametrize("size", SIZES)
def test_rotations_keep_distances_and_turn_by_theta(size):
    rotation = Rotation(size, 1.5)
    q = from_centre(size)
    sources = q - rotation.sample(keys(8), dtype=torch.float64)
    assert torch.allclose(sources.norm(dim=1), q.norm(dim=0).expand(8, *size), atol=1e-12)
    turned = torch.atan2(q[0] * sources[:, 1] - q[1] * sources[:, 0], (q * sources).sum(1))
    off_centre = (q.norm(dim=0) > 0).expand_as(turned)
    for one, where in zip(turned, off_centre, strict=True):
        assert torch.allclose(one[where].abs(), torch.full_like(one[where], rotation.angle), atol=1e-12)
        assert len(one[where].sign().unique()) == 1
    assert 2 * math.sin(rotation.angle / 2) * float(q.square().sum(0).mean().sqrt()) == pytest.approx(1.5, rel=1e-14)


@pytest.mark.parametrize("size", [(41, 40), (33, 48)])
def test_a_rotation_and_its_opposite_give_the_image_back(size):
    image, error = wavy(size)
    rotation = Rotation(size, 3.0)
    samples = rotation.sample(keys(8), dtype=torch.float64)
    forth, back = samples[0], next(sample for sample in samples if not torch.equal(sample, samples[0]))
    turned = rotation.apply(image, forth[None])
    again = rotation.apply(turned, back[None])
    reach = from_centre(size).norm(dim=0) < min(size) / 2 - 2  # a disk that never leaves the picture
    assert float((turned - image)[..., reach].abs().max()) > 5 * error
    assert float((again - image)[..., reach].abs().max()) < 2 * error


@pytest.mark.parametrize("size", [(41, 40), (33, 48)])
def test_a_change_of_scale_stretches_a_round_spot(size):
    scaling = Scaling(size, 3.0)
    q = from_centre(size)
    width = 6.0
    spot = torch.exp(-q.square().sum(0) / (2 * width**2)).expand(8, 1, *size)
    samples = scaling.sample(keys(8), dtype=torch.float64)
    moved = scaling.apply(spot, samples)
    inner = q.norm(dim=0) < min(size) / 2 / (1 + scaling.epsilon)
    found = set()
    for sample, image in zip(samples, moved[:, 0], strict=True):
        sign = float((sample * q).sum().sign())
        found.add(sign)
        exact = torch.exp(-((1 - sign * scaling.epsilon) ** 2) * q.square().sum(0) / (2 * width**2))
        # (|f_xx| + |f_yy|) / 8 of a Gaussian: at most 2 / width^2 / 8
        assert float((image - exact)[inner].abs().max()) < 2 / width**2 / 8
        assert (float(image.sum()) > float(spot[0].sum())) == (sign > 0)  # +epsilon zooms in
    assert found == {-1.0, 1.0}


def test_a_name_gives_its_transformation():
    found = {name: transformation_named(name, (17, 11), 2.0) for name in (kind.name for kind in KINDS)}
    assert list(found) == ["translation", "whole-translation", "rotation", "scale"]
    assert [type(transformation) for transformation in found.values()] == list(KINDS)
    for name, transformation in found.items():
        assert (transformation.name, transformation.size, transformation.delta) == (name, (17, 11), 2.0)
    assert repr(found["scale"]) == "Scaling(size=(17, 11), delta=2 px)"
    assert MaxEntropyEnsemble(8, delta=1.0).name not in found
    assert Rotation(8, 1.0).size == (8, 8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: transformation_named("rotate", 8, 1.0), r"transform is 'rotate'; allowed: .*did you mean 'rotation'"),
        (lambda: Rotation(1, 1.0), r"image height \(pixels\) is 1; it must be at least 2"),
        *[(lambda kind=kind: kind(8, 0), "delta is 0; a displacement of more than 0 pixels") for kind in KINDS],
        *[(lambda kind=kind: kind(8, math.nan), "delta is nan; it must be a finite number") for kind in KINDS],
        (lambda: Scaling(8, -1.0), "delta is -1; it must be a finite number"),
        (lambda: Translation((17, 11), 10.5), r"delta is 10.5; .* nothing of .*\(17, 11\).*; give at most 10"),
        (lambda: WholeTranslation((17, 11), 13), "delta is 13; .*; give at most 10"),
        (lambda: WholeTranslation(8, 0.5), "delta is 0.5; .*; the nearest norms are 1; give"),
        (lambda: WholeTranslation(8, 1.3), "delta is 1.3; .*; the nearest norms are 1 and 1.41421356237; give"),
        (lambda: WholeTranslation(8, math.sqrt(3)), "delta is 1.7.*; the nearest norms are 1.41421356237 and 2; give"),
        (lambda: WholeTranslation(8, 1.41421), "delta is 1.41421; .* are 1 and 1.41421356237; give"),
        (lambda: Rotation((17, 11), 12.0), "delta is 12; half a turn .* displaces by 11.6619; give at most that"),
        (lambda: Scaling((17, 11), 5.9), "delta is 5.9; at 5.8309 a change of scale collapses .*; give less"),
        (lambda: Scaling((2, 2), math.sqrt(0.5)), "delta is 0.7071067812; at 0.7071 "),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_limits_as_shown_are_allowed():
    assert Translation((17, 11), 10).delta == 10
    assert Rotation((17, 11), 11.6619).delta == 11.6619
    assert Scaling((17, 11), 5.8309).epsilon < 1
    with pytest.raises(TypeError, match="delta is '1'; a number is needed"):
        Rotation(8, "1")
