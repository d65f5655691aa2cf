"""The compiled kernel against a slow loop in float64, and everything that goes torch's way all the same."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from diffstab import DisplacementField, MaxEntropyEnsemble, RandomDiffeomorphism, StreamKeys, deform
from diffstab.native import library
from diffstab.native.deform import takes
from diffstab.native.library import LEVELS, find, using

pytestmark = pytest.mark.skipif(find().library is None, reason=find().reason)
ABLE = LEVELS[: find().best + 1]


def loop(image, coefficients):
    """Eq. 15 pixel by pixel in Python's floats, of an image [C, H, W] and coefficients [2, I, J]."""
    _, height, width = image.shape
    i, j = (np.arange(1, n + 1) for n in coefficients.shape[1:])
    found = np.empty(image.shape)
    for y in range(height):
        for x in range(width):
            waves = np.outer(np.sin(np.pi * i * x / (width - 1)), np.sin(np.pi * j * y / (height - 1)))
            if x in (0, width - 1) or y in (0, height - 1):
                waves[:] = 0
            dx, dy = width * (coefficients[0] * waves).sum(), height * (coefficients[1] * waves).sum()
            at_x, at_y = np.clip(x - dx, 0, width - 1), np.clip(y - dy, 0, height - 1)
            x0, y0 = min(int(at_x), width - 2), min(int(at_y), height - 2)
            fx, fy = at_x - x0, at_y - y0
            square = image[:, y0 : y0 + 2, x0 : x0 + 2]
            weights = np.outer((1 - fy, fy), (1 - fx, fx))
            found[:, y, x] = (square * weights).sum((1, 2))
    return found


def example(size, channels, cutoff, delta, count=1, seed=0):
    images = torch.rand(count, channels, *size, generator=torch.Generator().manual_seed(seed))
    fields = MaxEntropyEnsemble(size, cutoff, delta=delta).sample(StreamKeys(seed, torch.arange(count)))
    return images, fields


@pytest.mark.parametrize("level", ABLE)
@settings(max_examples=12, deadline=None)
@given(
    size=st.tuples(st.integers(2, 40), st.integers(2, 70)),
    channels=st.integers(1, 5),
    cutoff=st.sampled_from([1.5, 3.0, 6.5, 10.0]),
    delta=st.floats(0.1, 5.0),
    seed=st.integers(0, 1000),
)
def test_the_kernel_equals_a_loop_in_float64(level, size, channels, cutoff, delta, seed):
    images, fields = example(size, channels, cutoff, delta, seed=seed)
    expected = loop(images[0].double().numpy(), fields.coefficients[0].double().numpy())
    with using(level):
        assert takes(images, fields.coefficients)
        found = deform(images, fields)[0].numpy()
        of_bytes = deform((255 * images).round().byte(), fields)[0].int().numpy()
    # four weights and their sum are rounded to 24 bits, positions and shares to more
    assert np.abs(found - expected).max() < 5e-7
    whole = loop((255 * images[0]).round().double().numpy(), fields.coefficients[0].double().numpy())
    assert np.abs(of_bytes - whole).max() < 0.5 + 1e-4


@pytest.mark.parametrize("level", ABLE)
@pytest.mark.parametrize("delta", [1.0, 5.0, 40.0])  # at the last, sources lie too far apart for a window
def test_the_kernel_equals_torch_in_float64_on_large_images(level, delta):
    for size, cutoff in (((224, 224), 3), ((225, 131), 10), ((33, 512), 5)):
        images, fields = example(size, 3, cutoff, delta, count=2)
        exact = deform(images.double(), DisplacementField(fields.coefficients.double(), size))
        with using(level):
            assert (deform(images, fields) - exact).abs().max() < 5e-7
            numbers = (255 * images).round().byte()
            off = (deform(numbers, fields).int() - deform(numbers.int(), fields)).abs()  # int32 is computed in float64
        assert off.max() <= 1
        assert (off > 0).double().mean() <= 1e-3


@pytest.mark.parametrize("level", ABLE)
def test_bits_depend_on_neither_threads_nor_batch_nor_layout(level, two_threads):
    images, fields = example((65, 97), 3, 5, 2.0, count=7)
    numbers = (255 * images).byte()
    with using(level):
        for batch in (images, numbers):
            together = deform(batch, fields)
            alone = torch.cat([deform(batch[k : k + 1], fields[k : k + 1]) for k in range(7)])
            torch.set_num_threads(1)
            assert torch.equal(together, deform(batch, fields))
            torch.set_num_threads(2)
            assert torch.equal(together, alone)
            assert torch.equal(together, deform(batch.permute(0, 3, 2, 1).contiguous().permute(0, 3, 2, 1), fields))
            one_field = torch.stack([deform(image, fields[0]) for image in batch])
            assert torch.equal(deform(batch, fields[0]), one_field)
            many = torch.stack([deform(batch[0], fields[k]) for k in range(7)])
            assert torch.equal(deform(batch[0], fields), many)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pictures_with_their_colours_together_keep_that_layout(channels):
    images, fields = example((40, 51), channels, 5, 1.5)
    planes = (255 * images).byte()
    picture = planes.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    found = deform(picture, fields)
    assert torch.equal(found, deform(planes, fields))
    if channels in (3, 4):
        assert found.permute(0, 2, 3, 1).is_contiguous()


@pytest.mark.parametrize("level", ABLE)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("size", [(30, 44), (64, 90)])
def test_nan_and_infinity_spread_as_by_torch(level, value, size):
    images, fields = example(size, 2, 5, 1.0, count=4)
    height, width = size
    for y, x in ((0, 0), (height // 2, width // 2), (height - 1, width - 1), (height - 2, width - 2), (0, width - 2)):
        spoiled = images.clone()
        spoiled[:, :, y, x] = value
        with using(level):
            found = deform(spoiled, fields)
        with using("off"):
            expected = deform(spoiled, fields)
        # where a position is whole but for rounding, either neighbour may count; both sides of the frame are exact
        at = [p.clamp(0, n - 1) for p, n in zip(fields.source_positions(), (width, height), strict=True)]
        near = torch.stack(
            [((p - p.round()).abs() < 1e-4) & (p > 0) & (p < n - 1) for p, n in zip(at, (width, height), strict=True)]
        ).any(0)
        sure = ~near.unsqueeze(1).expand_as(found)
        assert sure.double().mean() > 0.85
        assert torch.equal(found.isnan()[sure], expected.isnan()[sure])
        assert torch.equal(found.isposinf()[sure], expected.isposinf()[sure])
        assert torch.equal(found.isneginf()[sure], expected.isneginf()[sure])
        assert expected.isfinite().any()


@pytest.mark.parametrize("level", ABLE)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30, -1e30, 3e38])
def test_fields_without_bounds_read_no_pixel_outside(level, value):
    images, fields = example((40, 60), 3, 3, 1.0, count=2)
    coefficients = fields.coefficients.clone()
    coefficients[0, 0, 0, 0] = value
    spoiled = DisplacementField(coefficients, (40, 60))
    with using(level):
        found = deform(images, spoiled)
        numbers = deform((255 * images).byte(), spoiled)
    with using("off"):
        expected = deform(images, spoiled)
    assert found.isfinite().all()
    assert torch.allclose(found[1], expected[1], atol=3e-5)
    if value != 3e38:  # which overflows in torch
        assert torch.allclose(found[0], expected[0], atol=3e-5)
    assert (numbers.float() - 255 * found).abs().max() < 1.5  # bytes were cut off, then rounded


def test_gradients_go_by_torch_and_are_as_without_the_kernel():
    images, fields = example((20, 30), 2, 3, 1.0, count=3)

    def gradients():
        x, c = images.clone().requires_grad_(), fields.coefficients.clone().requires_grad_()
        deform(x, DisplacementField(c, (20, 30))).square().sum().backward()
        return x.grad, c.grad

    found = gradients()
    with using("off"):
        assert all(map(torch.equal, found, gradients()))
    parameter = torch.nn.Parameter(images)
    with torch.no_grad():
        assert takes(parameter, fields.coefficients)
    assert not takes(parameter, fields.coefficients)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:.torch.jit:FutureWarning")
def test_whatever_looks_on_sees_torch():
    images, fields = example((20, 30), 2, 3, 1.0, count=3)
    field = fields[0]
    expected = deform(images, field)
    ways = {
        "vmap": lambda: torch.func.vmap(lambda x: deform(x, field))(images),
        "trace": lambda: torch.jit.trace(lambda x: deform(x, field), (images,), check_trace=False)(images + 0),
        "float64": lambda: deform(images.double(), field).float(),
    }
    for name, way in ways.items():
        assert torch.allclose(way(), expected, atol=1e-5), name
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(images, torch.ones_like(images))
        with pytest.raises(NotImplementedError, match="grid_sampler"):  # torch has no forward derivative of it
            deform(dual, field)
    with torch._subclasses.FakeTensorMode() as mode:
        assert not takes(mode.from_tensor(images), fields.coefficients)


@pytest.mark.parametrize("away", ["library", "variable"])
def test_without_the_library_torch_does_the_same(monkeypatch, away):
    images, fields = example((32, 32), 3, 3, 1.0, count=5)
    keys = StreamKeys(3, torch.arange(5))
    before = deform(images, fields)
    if away == "library":
        monkeypatch.setattr(library, "find_spec", lambda name: None)
    else:
        monkeypatch.setenv(library.VARIABLE, "off")
    clear()
    try:
        assert library.running() == "off"
        assert not takes(images, fields.coefficients)
        assert torch.allclose(deform(images, fields), before, atol=1e-5)
        again = MaxEntropyEnsemble((32, 32), 3, delta=1.0).sample(keys).coefficients
    finally:
        monkeypatch.undo()
        clear()
    assert torch.equal(again, MaxEntropyEnsemble((32, 32), 3, delta=1.0).sample(keys).coefficients)


def clear():
    library.find.cache_clear()
    library._place.cache_clear()


@pytest.mark.slow
def test_forked_workers_deform_as_the_process_that_used_threads(two_threads):
    images, fields = example((224, 224), 3, 3, 1.0, count=8)
    deform(images, fields)  # starts torch's threads
    loader = DataLoader(Deformed(images, fields), batch_size=2, num_workers=2, multiprocessing_context="fork")
    assert torch.equal(torch.cat(list(loader)), deform(images, fields))
    assert RandomDiffeomorphism(p=1.0)(images[0]).shape == images[0].shape


class Deformed(torch.utils.data.Dataset):
    """Images, deformed in the worker."""

    def __init__(self, images, fields):
        self.images, self.fields = images, fields

    def __len__(self):
        return len(self.images)

    def __getitem__(self, k):
        return deform(self.images[k], self.fields[k])
