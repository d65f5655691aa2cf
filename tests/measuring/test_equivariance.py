"""The equivariance error of maps: exact cases, an independent reference, and what it must not depend on."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, grid_sample

from diffstab import MaxEntropyEnsemble, StabilityResult, Store, StreamKeys, measure
from diffstab.measuring.equivariance import grid_of, on_grid
from diffstab.perturbations.named import transformation_named
from diffstab.store.recompute import recompute

SIZE = (24, 16)
ENSEMBLE = MaxEntropyEnsemble(SIZE, 3, delta=1.0)


@pytest.fixture
def grey():
    """60 smooth grey images, `[60, 1, 24, 16]`."""
    coarse = torch.rand(60, 1, 6, 5, generator=torch.Generator().manual_seed(1))
    return nn.functional.interpolate(coarse, size=SIZE, mode="bicubic", align_corners=True)


def found(network, images, ensemble=ENSEMBLE, **options):
    return measure(network, images, ensemble, note=lambda text: None, **{"resamples": 100, **options})


def seeded(network, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for p in network.parameters():
        p.data = torch.randn(p.shape, generator=generator)
    return network


@pytest.mark.parametrize("average", ["median", "mean"])
def test_exactly_equivariant_maps_are_at_their_floor(grey, average):
    """1x1 convolutions commute with any deformation; after averaging over cells, interpolation alone is left."""
    for network, cells in (
        (nn.Identity(), 1),
        (seeded(nn.Conv2d(1, 3, 1)), 1),
        (nn.Sequential(nn.AvgPool2d(2), seeded(nn.Conv2d(1, 3, 1))), 2),
        (nn.AvgPool2d(4), 4),
    ):
        result = found(network, grey, average=average)
        assert result.E.value == pytest.approx(result.E_floor, rel=1e-4, abs=1e-10)
        assert (result.E_floor == 0) == (cells == 1)
        assert result.E.value < 0.7 * result.D.value
    shifts = transformation_named("whole-translation", SIZE, 1.0)
    pointwise = found(nn.Sequential(seeded(nn.Conv2d(1, 3, 1)), nn.Tanh()), grey, shifts, average=average)
    assert pointwise.E.value < 1e-10  # no value is interpolated
    assert pointwise.E_floor == 0
    assert pointwise.D.value > 0


def test_a_pooled_network_has_forgotten_and_does_not_follow(grey):
    network = nn.Sequential(seeded(nn.Conv2d(1, 4, 3)), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    usual, moved, still = (found(network, grey, against=one) for one in (None, "moved", "still"))
    assert usual.E is usual.E_over_G is usual.E_floor is still.E is None
    assert moved.E == moved.D
    assert moved.E_floor == pytest.approx(moved.D.value)
    assert list(moved.E_over_G) == pytest.approx(list(moved.R))
    assert usual.R == moved.R == still.R
    assert usual.key == found(network, grey).key != moved.key


def test_a_small_kernel_follows_long_waves_best(grey):
    """The gradient of the displacement, which a convolution can't follow, grows with the cutoff at equal delta."""
    network = seeded(nn.Conv2d(1, 4, 3, padding=1))
    errors = [found(network, grey, MaxEntropyEnsemble(SIZE, c, delta=0.5), draws=4).E.value for c in (2, 4, 8)]
    assert errors == sorted(errors)
    assert errors[0] < 0.6 * errors[-1]


def reference(images, draws):
    """||f(tau x) - tau_k f(x)||^2 and the floor's two values for f = x averaged over 2x2, image by image."""
    height, width = SIZE[0] // 2, SIZE[1] // 2
    values = np.empty((len(images), draws, 3))
    for n, image in enumerate(images):
        for k in range(draws):
            field = ENSEMBLE.sample(StreamKeys(0, torch.tensor([n]), k), dtype=torch.float64)
            whole, own = (type(field)(field.coefficients, size).displacement()[0] for size in (SIZE, (height, width)))
            pooled, changed = (adaptive_avg_pool2d(x, (height, width)) for x in (image, sampled(image, whole)))
            moved = sampled(pooled, own)
            values[n, k] = [float((changed - one).square().sum()) for one in (moved, moved, pooled)]
    return values


def sampled(image, displacement):
    """grid_sample of `[C, H, W]` at p - displacement."""
    height, width = image.shape[-2:]
    x = torch.arange(width) - displacement[0]
    y = torch.arange(height)[:, None] - displacement[1]
    places = torch.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], -1)
    return grid_sample(image[None], places[None], align_corners=True, padding_mode="border")[0]


def test_values_are_those_of_a_slow_reference(grey):
    images = grey[:8].double()
    raw = found(nn.AvgPool2d(2), images, draws=2).raw
    expected = reference(images, 2)
    assert raw.moved == pytest.approx(expected[..., 0], rel=1e-9)
    assert raw.floor == pytest.approx(expected[..., 1:], rel=1e-9)


class Tokens(nn.Module):
    """Cells of 4 pixels as tokens, behind two tokens that belong to no place; or the same cells in other layouts."""

    def __init__(self, layout):
        super().__init__()
        self.layout, self.cells = layout, seeded(nn.Conv2d(1, 5, 4, stride=4))

    def forward(self, x):
        maps = self.cells(x)
        if self.layout == "last":
            return maps.movedim(1, -1)
        apart = torch.zeros(len(x), 2, 5, dtype=x.dtype)
        return torch.cat([apart, maps.flatten(2).mT], 1) if self.layout == "tokens" else maps


def test_tokens_and_channels_last_are_maps_too(grey):
    maps, last, tokens = (found(Tokens(layout), grey) for layout in ("map", "last", "tokens"))
    for other in (last, tokens):
        for name in ("D", "E", "E_over_G"):
            assert list(getattr(other, name)) == pytest.approx(list(getattr(maps, name)), rel=1e-6)
        assert other.E_floor == pytest.approx(maps.E_floor, rel=1e-6)
    assert [grid_of(shape, (224, 224)).apart for shape in ((196, 8), (197, 8), (201, 8))] == [0, 1, 5]
    assert [grid_of(shape, (224, 224)) for shape in ((8,), (64, 1, 1), (1, 8), (60, 8), (2, 3, 4, 5))] == [None] * 5
    assert grid_of((16, 15, 9), (17, 11)).layout == "map"


def test_neither_batches_nor_layers_change_it(grey):
    network = nn.Sequential(seeded(nn.Conv2d(1, 3, 3)), nn.Tanh(), nn.AvgPool2d(2))
    whole = found(network, grey, draws=2)
    parts = found(network, grey, draws=2, batch_size=7)
    layers = found(network, grey, draws=2, batch_size=20, layers="all")
    assert parts.raw.moved == pytest.approx(whole.raw.moved, rel=1e-4)
    for other in (parts, layers):
        assert list(other.E) == pytest.approx(list(whole.E), rel=1e-4)
        assert other.E_floor == pytest.approx(whole.E_floor, rel=1e-4)
    _, second, last = layers.layers
    assert (last.E, last.E_floor) == (layers.E, layers.E_floor)
    alone = found(network[:2], grey, draws=2)
    assert second.E.value == pytest.approx(alone.E.value, rel=0.05)  # pairs of a batch for all pairs
    assert layers.raw.layers.followed[:, 1, :, 0] == pytest.approx(alone.raw.moved, rel=1e-4)
    pooled = found(nn.Sequential(network, nn.AdaptiveAvgPool2d(1)), grey, layers="all")
    assert [layer.E is None for layer in pooled.layers] == [False, False, False, False, True]


def test_a_rule_per_output_counts_each_value_of_a_map(grey):
    """f = x: the median over images of each output's squared difference, summed, as D has it."""
    result = found(nn.AvgPool2d(2), grey, MaxEntropyEnsemble(SIZE, 3, delta=1.0, convention="reference"))
    by_output = result.raw.moved_by_output.reshape(60, -1)
    expected = np.sort(by_output, axis=0)[29].sum()
    deformation = np.sort(result.raw.deformation_by_output.reshape(60, -1), axis=0)[29].sum()
    assert result.E.value / result.D.value == pytest.approx(expected / deformation)


def test_it_is_saved_with_the_result(grey, tmp_path):
    result = found(nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh()), grey, layers="all")
    result.save(tmp_path / "a.diffstab")
    again = StabilityResult.load(tmp_path / "a.diffstab")
    assert (again.E, again.E_over_G, again.E_floor) == (result.E, result.E_over_G, result.E_floor)
    assert again.layers == result.layers
    assert (again.raw.floor == result.raw.floor).all()
    assert "E_f / G_f" in str(again)


def test_another_average_of_it_comes_from_the_store(grey, tmp_path):
    network, store = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh()), Store(tmp_path, create=True)
    one, other = (
        found(network, grey, layers="all", average=average, noise_radius="per-image") for average in ("median", "mean")
    )
    store.add(one)
    row = recompute(store, store.rows()[0], average="mean").row
    assert row["E"] == other.E._asdict()
    assert row["E_floor"] == other.E_floor
    assert row["layers"] == [layer.to_dict() for layer in other.layers]


def test_linear_displacements_are_the_same_on_any_grid():
    """A shift by a share of the side; a rotation as seen from pixel (k, l) at k / (W - 1), l / (H - 1)."""
    for name in ("translation", "rotation", "scale"):
        own = transformation_named(name, (25, 17), 1.0)
        sample = own.sample(StreamKeys(0, torch.arange(4)), dtype=torch.float64)
        coarse = on_grid(sample, (13, 9))
        shares = torch.tensor([9 / 17, 13 / 25], dtype=torch.float64).view(2, 1, 1)
        assert torch.allclose(coarse, sample[..., ::2, ::2] * shares)


class Contrast:
    name, size, delta = "contrast", SIZE, None

    def sample(self, keys, *, dtype, device):
        return torch.linspace(0.5, 1.5, len(keys.images), dtype=dtype)

    def apply(self, images, factors, interpolation):
        return images * factors.view(-1, 1, 1, 1)


def test_what_moves_no_pixel_has_none(grey):
    assert found(nn.Identity(), grey, Contrast()).E is None
    with pytest.raises(ValueError, match=r"transformation contrast are no displacements .* take 'still'"):
        found(nn.Identity(), grey, Contrast(), against="moved")
    with pytest.raises(ValueError, match="against is 'along'; allowed: still, moved"):
        found(nn.Identity(), grey, against="along")
