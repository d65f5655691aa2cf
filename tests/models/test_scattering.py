"""Scattering coefficients are sums over pixels, and obey the theory's bounds and symmetries."""

import math
from itertools import product

import pytest
import torch

from diffstab.models.scattering import Scattering, mirrored, modulus

pytestmark = pytest.mark.usefixtures("one_thread")
DOUBLE = torch.float64


def noise(*shape, seed=0, dtype=DOUBLE):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def periodic(size, function):
    """A function of (down, right), summed over translations by 2 H and 2 W."""
    down, right = (torch.arange(2 * side, dtype=DOUBLE) for side in size)
    moves = range(-6, 7)
    return sum(function(down[:, None] + 2 * size[0] * a, right + 2 * size[1] * b) for a in moves for b in moves)


def morlet_in_space(size, scale, angle, slant):
    sigma, xi = 0.8 * 2**scale, 0.75 * math.pi / 2**scale

    def gaussian(down, right, frequency):
        along = right * math.cos(angle) + down * math.sin(angle)
        across = down * math.cos(angle) - right * math.sin(angle)
        envelope = torch.exp(-(along**2 + (slant * across) ** 2) / (2 * sigma**2))
        return slant / (2 * math.pi * sigma**2) * envelope * torch.exp(1j * frequency * along)

    wave, bump = (periodic(size, lambda *at, f=f: gaussian(*at, f)) for f in (xi, 0.0))
    return wave - wave.sum() / bump.sum() * bump


def convolved(signal, kernel):
    """The circular convolution of `[H, W]` with a kernel of that size, pixel by pixel."""
    answer = torch.zeros(signal.shape, dtype=torch.complex128)
    for i, j in product(*map(range, signal.shape)):
        answer += signal[i, j] * kernel.roll((i, j), (0, 1))
    return answer


def window_at(size, scales, down, right):
    sigma = 0.8 * 2 ** (scales - 1)
    window = periodic(size, lambda i, j: torch.exp(-((i - down) ** 2 + (j - right) ** 2) / (2 * sigma**2)))
    return window / window.sum()


def centres(side, stride):
    count = -(-side // stride)
    first = (side - 1 - (count - 1) * stride) / 2
    return [first + i * stride for i in range(count)]


def by_sums(image, scales, orientations):
    """Scattering coefficients `[paths, H', W']` of an image `[H, W]`."""
    size = tuple(image.shape)
    torus = torch.cat([torch.cat([image, image.flip(1)], 1), torch.cat([image.flip(0), image.flip((0, 1))], 1)], 0)
    positions = [centres(side, 2**scales) for side in size]
    sample = [[window_at(size, scales, i, j) for j in positions[1]] for i in positions[0]]
    psi = {
        (j, k): morlet_in_space(size, j, math.pi * k / orientations, 4 / orientations)
        for j in range(scales)
        for k in range(orientations)
    }
    powers = sum(torch.fft.fft2(wavelet).abs() ** 2 for wavelet in psi.values())
    opposite = sum(torch.fft.fft2(wavelet.conj()).abs() ** 2 for wavelet in psi.values())
    ratio = (1 - torch.fft.fft2(sample[0][0]).abs() ** 2) / ((powers + opposite) / 2)
    ratio[0, 0] = math.inf
    factor = ratio.min().sqrt()
    once = {(w,): convolved(torus, factor * psi[w]).abs() for w in psi}
    twice = {(*v, w): convolved(u, factor * psi[w]).abs() for v, u in once.items() for w in psi if w[0] > v[0][0]}
    signals = {(): torus, **once, **twice}
    return {
        path: torch.stack([torch.stack([(signal * window).sum() for window in row]) for row in sample])
        for path, signal in signals.items()
    }


@pytest.mark.usefixtures("_in_double")
@pytest.mark.parametrize(("size", "scales", "orientations"), [((8, 5), 2, 3), ((4, 7), 2, 2), ((3, 6), 1, 4)])
def test_coefficients_are_sums_over_pixels(size, scales, orientations):
    image = noise(*size)
    transform = Scattering(size, scales, orientations)
    expected = by_sums(image, scales, orientations)
    found = transform(image[None, None])[0]
    assert list(transform.paths) == list(expected)
    assert transform.grid == tuple(found.shape[1:])
    torch.testing.assert_close(found, torch.stack(list(expected.values())), rtol=0, atol=1e-13)


def littlewood_paley(transform):
    window = torch.fft.fft(transform.rows[0]).abs()[:, None] * torch.fft.fft(transform.columns[0]).abs()
    psi = transform.wavelets
    opposite = torch.stack([torch.fft.fft2(torch.fft.ifft2(wavelet).conj()).real for wavelet in psi])
    return window**2 + (psi**2 + opposite**2).sum(0) / 2


@pytest.mark.usefixtures("_in_double")
@pytest.mark.parametrize(
    ("size", "scales", "orientations"), [(28, 2, 8), (28, 3, 6), ((17, 30), 2, 4), ((16, 21), 2, 3), (16, 4, 2)]
)
def test_no_frequency_is_amplified_and_few_are_lost(size, scales, orientations):
    total = littlewood_paley(Scattering(size, scales, orientations))
    assert total.max() == pytest.approx(1, abs=1e-12)
    assert total.flatten()[1:].max() == pytest.approx(1, abs=1e-12)
    frequency = [2 * torch.fft.fftfreq(side) for side in total.shape]
    inside = frequency[0][:, None] ** 2 + frequency[1] ** 2 < 0.9**2
    assert total[inside].min() > 0.4


@pytest.mark.usefixtures("_in_double")
@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("size", [(16, 16), (17, 22)])
def test_distances_do_not_grow(size, stride):
    transform = Scattering(size, 2, 4, stride)
    first, second = noise(6, 2, *size), noise(6, 2, *size, seed=1)
    for other in (second, first + 1e-6 * second, -first, torch.zeros_like(first), first + 3):
        moved = (transform(first) - transform(other)).flatten(1).norm(dim=1)
        assert (moved <= (first - other).flatten(1).norm(dim=1) * (1 + 1e-9)).all()


@pytest.mark.usefixtures("_in_double")
def test_the_bound_is_nearly_reached_by_waves():
    """Of a wave the modulus is nearly constant, so that almost nothing is lost but what Littlewood-Paley says."""
    transform = Scattering(24, 2, 4, 1)
    phases = math.pi / 24 * (torch.arange(24) + 0.5)
    waves = torch.stack([torch.cos(k * phases) for k in range(24)])[:, None, None].expand(24, 1, 24, 24)
    for images in (waves, waves.mT):
        share = transform(images).flatten(1).norm(dim=1) / images.flatten(1).norm(dim=1)
        assert share[0] == pytest.approx(1, abs=1e-12)
        assert 0.98 < share[1:].max() <= 1 + 1e-12


@pytest.mark.usefixtures("_in_double")
@pytest.mark.parametrize("size", [28, (13, 8)])
def test_constant_images_are_seen_by_order_0_alone(size):
    transform = Scattering(size, 2, 6)
    found = transform(torch.full((1, 1, *transform.size), -2.5))[0]
    torch.testing.assert_close(found[0], torch.full(transform.grid, -2.5), rtol=0, atol=1e-14)
    assert found[1:].abs().max() < 1e-14


def permuted(transform, turn):
    """Where the coefficients of the paths are whose orientations k are turn(k)."""
    L = transform.orientations
    return [transform.paths.index(tuple((j, turn(k) % L) for j, k in path)) for path in transform.paths]


@pytest.mark.usefixtures("_in_double")
@pytest.mark.parametrize("side", [16, 19])
def test_a_quarter_turn_of_the_image_turns_the_orientations(side):
    transform, images = Scattering(side, 2, 4), noise(2, 1, side, side)
    turned = transform(images.rot90(1, (2, 3)))
    expected = transform(images)[:, permuted(transform, lambda k: k + 2)].rot90(1, (2, 3))
    torch.testing.assert_close(turned, expected, rtol=0, atol=1e-13)
    assert not torch.allclose(turned, transform(images).rot90(1, (2, 3)), atol=1e-3)


@pytest.mark.usefixtures("_in_double")
@pytest.mark.parametrize("axis", [2, 3])
def test_a_mirror_image_mirrors_the_orientations(axis):
    transform, images = Scattering((18, 21), 2, 5), noise(2, 1, 18, 21)
    expected = transform(images)[:, permuted(transform, lambda k: -k)].flip(axis)
    torch.testing.assert_close(transform(images.flip(axis)), expected, rtol=0, atol=1e-13)


@pytest.mark.usefixtures("_in_double")
def test_a_shift_by_the_stride_shifts_the_grid():
    """Of a spot that the borders' mirror images are far from."""
    images = torch.zeros(1, 1, 80, 64)
    images[:, :, 34:42, 26:34] = noise(1, 1, 8, 8)
    transform = Scattering((80, 64), 2, 4)
    moved, still = transform(images.roll((4, -8), (2, 3))), transform(images)
    torch.testing.assert_close(moved, still.roll((1, -2), (2, 3)), rtol=0, atol=1e-9)
    assert still.abs().max() > 0.1
    torch.testing.assert_close(transform(-images)[:, 1:], still[:, 1:])  # moduli know no sign


def test_orientations_look_where_they_say():
    wave = torch.cos(0.75 * math.pi * (torch.arange(24) + 0.5)).expand(24, 24)  # of the finest scale's frequency
    found = Scattering(24, 2, 4)(torch.stack([wave, wave.T])[:, None]).mean((2, 3))
    assert found[:, 1:9].argmax(1).tolist() == [0, 2]
    assert (found[:, 1:9].max(1).values > 2 * found[:, 5:9].max(1).values).all()


def test_the_modulus_has_a_gradient_of_0_at_0():
    signals = torch.tensor([0, 3 + 4j, 1e-30, -1e-12j], dtype=torch.complex64, requires_grad=True)
    modulus(signals).sum().backward()
    assert signals.grad[0] == 0
    torch.testing.assert_close(signals.grad[[1, 3]], torch.tensor([0.6 + 0.8j, -1j]))
    assert torch.isfinite(torch.view_as_real(signals.grad)).all()
    torch.testing.assert_close(modulus(signals), signals.abs())


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_gradients_at_constant_images_are_finite(value):
    images = torch.full((2, 1, 16, 16), value, requires_grad=True)
    Scattering(16)(images).square().sum().backward()
    assert torch.isfinite(images.grad).all()
    images.grad = None
    Scattering(16)(images).sum().backward()
    assert torch.isfinite(images.grad).all()


@pytest.mark.usefixtures("_in_double")
def test_gradients_are_those_of_differences():
    transform = Scattering((6, 5), 2, 2)
    assert torch.autograd.gradcheck(transform, noise(2, 1, 6, 5).requires_grad_())


def test_the_mirror_images_are_one_period():
    image = noise(3, 4)
    torus = mirrored(image)
    assert torus.shape == (6, 8)
    assert torch.equal(torus, torus.flip(0))
    assert torch.equal(torus, torus.flip(1))
    assert torch.equal(torus[:3, :4], image)
