"""Networks whose D, G and R are known exactly, or from the field's covariance and the law of the noise."""

import math

import numpy as np
import pytest
import torch
from support.linear import SIDE, Linear, ramps
from torch import nn

from diffstab import MaxEntropyEnsemble, measure
from diffstab.perturbations.named import transformation_named

SIZE, IMAGES = SIDE, 40
PRECISIONS = [(torch.float32, 2e-5), (torch.float64, 5e-7)]  # what rounding leaves; the noise is drawn in float32


def covariance(ensemble):
    """<tau_u(p) tau_u(q)> over pixels, `[H W, H W]`, from the modes' variances T / (i^2 + j^2)."""
    s = np.arange(SIZE) / (SIZE - 1)
    total = np.zeros((SIZE * SIZE, SIZE * SIZE))
    limit = ensemble.cutoff**2
    for i in range(1, SIZE + 1):
        for j in range(1, SIZE + 1):
            if i * i + j * j <= limit:
                wave = np.outer(np.sin(j * np.pi * s), np.sin(i * np.pi * s)).ravel()
                total += ensemble.temperature / (i * i + j * j) * np.outer(wave, wave)
    return total


@pytest.mark.parametrize("average", ["median", "mean"])
@pytest.mark.parametrize(("dtype", "rounding"), PRECISIONS, ids=str)
def test_the_identity_under_noise_of_each_images_own_norm_has_r_of_one(dtype, rounding, average):
    """Then a = ||tau x - x||^2 = ||eta||^2 = b for every image and draw."""
    images = torch.rand(IMAGES, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(2)).to(dtype)
    ensemble = MaxEntropyEnsemble(SIZE, 3, delta=1.0)
    result = measure(nn.Flatten(), images, ensemble, noise_radius="per-image", average=average, draws=3, resamples=100)
    assert result.raw.deformation == pytest.approx(result.raw.noise, rel=rounding)
    assert list(result.R) == pytest.approx([1, 1, 1], rel=rounding)
    assert result.raw.deformation == pytest.approx(result.raw.displacement_norm**2, rel=rounding)


@pytest.mark.parametrize(("dtype", "rounding"), PRECISIONS, ids=str)
def test_a_linear_network_has_the_r_of_its_fields_covariance(dtype, rounding):
    """On ramps tau x - x = -(slope . displacement), so <a> = (p^2 W^2 + q^2 H^2) tr(A K A^T) and <b> = r^2 |A|^2 / HW.

    Five standard errors of the sample's means, from its own variance over images.
    """
    images, slopes = ramps(IMAGES, dtype)
    ensemble = MaxEntropyEnsemble(SIZE, 4, delta=0.3)
    network = Linear().to(dtype)
    result = measure(network, images, ensemble, average="mean", draws=100, resamples=100)
    assert result.clamped_fraction < 1e-3
    A = network.A.detach().double().numpy()
    strength = (slopes.square().sum(1) * SIZE**2).numpy()
    a = strength * np.trace(A @ covariance(ensemble) @ A.T)
    b = result.noise_radius**2 * np.square(A).sum() / SIZE**2
    # an image's slope is given, so its draws alone vary
    relative_a, relative_b = result.raw.deformation / a[:, None], result.raw.noise / b
    for relative in (relative_a, relative_b):
        error = relative.std() / math.sqrt(relative.size)
        assert abs(relative.mean() - 1) <= 5 * error
        assert error < 0.05
    error = math.hypot(*(v.std() / math.sqrt(v.size) for v in (relative_a, relative_b)))
    spread = math.sqrt((a**2).mean()) / a.mean()  # images of steep slopes weigh more in <a>
    assert abs(math.log(result.R.value / (a.mean() / b))) <= 5 * error * spread
    outputs = images.double().flatten(1).numpy() @ A.T
    pairs = 2 * outputs.var(0, ddof=1).sum()
    assert result.D.value == pytest.approx(result.raw.deformation.mean() / pairs, rel=1e-4)


def test_under_autocast_it_does_but_for_the_rounding_of_bfloat16():
    """Numbers v of 8 bits are at most 2^-7 |v| apart, and off by a variance of a twelfth of its square.

    So are pixels and outputs, twice for a difference: changes of a hundredth of the image come out some 5 % too large.
    """
    images, slopes = ramps(IMAGES, torch.float32)
    network, ensemble = Linear().float(), MaxEntropyEnsemble(SIZE, 4, delta=0.3)
    result = measure(
        network, images, ensemble, average="mean", draws=50, resamples=100, amp=True, note=lambda text: None
    )
    A, x = network.A.detach().double().numpy(), images.double().flatten(1).numpy()
    rounding = 2 * 2.0**-14 / 12 * (np.square(x) @ np.square(A).sum(0) + np.square(x @ A.T).sum(1))
    a = (slopes.square().sum(1) * SIZE**2).numpy() * np.trace(A @ covariance(ensemble) @ A.T)
    b = np.full(IMAGES, result.noise_radius**2 * np.square(A).sum() / SIZE**2)
    for found, true in ((result.raw.deformation, a), (result.raw.noise, b)):
        excess = found / true[:, None] - 1
        error = excess.std() / math.sqrt(excess.size)
        assert -5 * error <= excess.mean() <= 5 * error + (rounding / true).mean()
        assert error < 0.03
        assert (rounding / true).mean() < 0.15


class Total(nn.Module):
    """The sum over all pixels: translations that lose none leave it as it is."""

    def forward(self, x):
        return x.flatten(1).sum(1, keepdim=True)


@pytest.mark.parametrize("average", ["median", "mean"])
def test_an_invariant_network_has_r_of_zero_and_nothing_undefined(average):
    whole = torch.randint(0, 100, (IMAGES, 1, SIZE, SIZE), generator=torch.Generator().manual_seed(3)).double()
    images = torch.zeros_like(whole)
    images[..., 8:16, 8:16] = whole[..., 8:16, 8:16]
    moved = transformation_named("whole-translation", (SIZE, SIZE), 2.0)
    result = measure(Total(), images, moved, average=average, draws=2, resamples=100)
    assert max(*result.D, *result.R) < 1e-24  # rounding alone, of interpolation between equal positions
    assert 0 < result.G.low < result.G.high < math.inf
    row = result.to_dict()
    assert all(math.isfinite(end) for letter in "DGR" for end in row[letter].values())


def test_a_constant_network_has_none_and_that_is_said():
    class Constant(nn.Module):
        def forward(self, x):
            return torch.ones(len(x), 3)

    images = torch.rand(IMAGES, 1, SIZE, SIZE)
    with pytest.raises(ValueError, match=r"<b> = 0\), so R_f = a / 0 is not defined"):
        measure(Constant(), images, MaxEntropyEnsemble(SIZE, 3, delta=1.0), resamples=100)


def test_an_equivariant_network_has_r_of_one_under_its_group():
    """f(tau x) = tau f(x) for whole translations, and ||tau y - y|| = ||tau x - x|| as f only turns signs over."""
    images = torch.zeros(IMAGES, 1, SIZE, SIZE, dtype=torch.float64)
    images[..., 8:16, 8:16] = torch.rand(IMAGES, 1, 8, 8, generator=torch.Generator().manual_seed(4)).double()
    moved = transformation_named("whole-translation", (SIZE, SIZE), 2.0)
    result = measure(nn.Sequential(nn.Conv2d(1, 1, 1, bias=False).double()), images, moved, noise_radius="per-image")
    assert list(result.R) == pytest.approx([1, 1, 1], rel=1e-6)
