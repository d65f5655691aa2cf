"""The inverse as a map of pixels, and one field after another."""

from itertools import pairwise

import pytest
import torch

from diffstab import DisplacementField, MaxEntropyEnsemble, StreamKeys, compose, deform, inverse_error

DOUBLE = torch.float64


def draw(count, size=(34, 22), seed=0, **arguments):
    ensemble = MaxEntropyEnsemble(size, **({"cutoff": 3, "delta": 1.0} | arguments))
    return ensemble.sample(StreamKeys(seed, torch.arange(count)), dtype=DOUBLE)


def smooth_image(size):
    """A few waves, the same at every resolution, `[2, H, W]`."""
    v, u = (torch.linspace(0, 1, n, dtype=DOUBLE) for n in size)
    waves = [torch.sin(5 * u + 1) * torch.cos(4 * v)[:, None], torch.cos(7 * u * v[:, None]) + u]
    return torch.stack(waves)


def test_inverse_is_the_map_back():
    """At every pixel p, the source of p - inverse(p) is p."""
    field = draw(5)
    back = field.inverse()
    assert back.shape == (5, 2, 34, 22)
    rows, columns = torch.meshgrid(torch.arange(34.0), torch.arange(22.0), indexing="ij")
    pixels = torch.stack([columns, rows], -1).double()
    there = pixels - back.movedim(1, -1)
    torch.testing.assert_close(
        field.source_of(there.flatten(1, 2)).view(there.shape), pixels.expand(5, -1, -1, -1), rtol=0, atol=1e-6
    )
    for edge in (back[..., 0, :], back[..., -1, :], back[..., 0], back[..., -1]):
        assert not edge.any()


def test_a_batch_is_inverted_field_by_field():
    field = draw(4)
    whole = field.inverse()
    torch.testing.assert_close(whole[1], field[1].inverse(), rtol=0, atol=1e-6)
    nested = DisplacementField(field.coefficients.view(2, 2, 2, *field.coefficients.shape[-2:]), field.size)
    torch.testing.assert_close(nested.inverse().flatten(0, 1), whole, rtol=0, atol=1e-6)
    assert field[:0].inverse().shape == (0, 2, 34, 22)
    assert field.to(dtype=torch.float32).inverse().dtype == torch.float32
    still = DisplacementField(torch.zeros(2, 1, 1), (34, 22))
    assert not still.inverse().any()


def test_inverse_error_falls_with_the_square_of_the_resolution():
    """Two bilinear interpolations of an image with two derivatives, along the same field of unit square."""
    found = []
    for n in (32, 64, 128):
        field = draw(8, size=(n, n), delta=n / 32)
        image = smooth_image((n, n)).expand(8, -1, -1, -1)
        found.append(inverse_error(image, field).mean())
    assert found[0] < 0.01
    for coarse, fine in pairwise(found):
        assert coarse / fine == pytest.approx(4, rel=0.3)


def test_inverse_error_by_its_definition():
    field, images = draw(3), torch.rand(3, 2, 34, 22, dtype=DOUBLE)
    back = deform(deform(images, field), field.inverse())
    wanted = [(back[k] - images[k]).norm() / images[k].norm() for k in range(3)]
    torch.testing.assert_close(inverse_error(images, field), torch.stack(wanted))


def test_a_composition_reads_the_source_of_the_source():
    """Where a pixel of the second image comes from in the original: the source of its source."""
    first, second = draw(4), draw(4, seed=1)
    rows, columns = torch.meshgrid(torch.arange(34.0), torch.arange(22.0), indexing="ij")
    pixels = torch.stack([columns, rows], -1).double().view(1, -1, 2).expand(4, -1, -1)
    wanted = first.source_of(second.source_of(pixels))
    moved = compose(first, second).movedim(1, -1).flatten(1, 2)
    sources = (pixels - moved).clamp(min=torch.zeros(2), max=torch.tensor([21.0, 33.0]))
    torch.testing.assert_close(sources, wanted, rtol=0, atol=1e-9)


def test_composition_deforms_twice():
    size = (120, 90)
    first, second = draw(3, size, delta=2.0), draw(3, size, seed=1, delta=2.0)
    images = smooth_image(size).expand(3, -1, -1, -1)
    once = deform(images, compose(first, second))
    twice = deform(deform(images, first), second)
    torch.testing.assert_close(once, twice, rtol=0, atol=3e-3)
    assert (once - deform(deform(images, second), first)).abs().max() > 0.02  # the order counts


def test_composition_with_what_is_still():
    field, still = draw(3), DisplacementField(torch.zeros(2, 1, 1, dtype=DOUBLE), (34, 22))
    alone = field.displacement()
    torch.testing.assert_close(compose(field, still), alone, rtol=0, atol=1e-12)
    x, y = field.source_positions()
    inside = ((x >= 0) & (x <= 21) & (y >= 0) & (y <= 33)).unsqueeze(1)
    second = compose(still, field)
    assert second.shape == alone.shape
    torch.testing.assert_close(second * inside, alone * inside, rtol=0, atol=1e-12)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"fields are for \(34, 22\) and \(22, 34\); they must be"):
        compose(draw(1), draw(1, size=(22, 34)))
    with pytest.raises(ValueError, match=r"points have the leading dimensions \(3,\) and fields \(2,\)"):
        compose(draw(2), draw(3))
