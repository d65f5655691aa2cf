"""deform: against loops over pixels, exact identities, broadcasting, gradients, dtypes and refusals."""

import numpy as np
import pytest
import torch
from support import reference

from diffstab import DisplacementField, MaxEntropyEnsemble, StreamKeys, deform
from diffstab.fields import deformation as module
from diffstab.fields.gaussian import WINDOW, gather_window

SIZE = (17, 11)
DOUBLE = torch.float64


def draw(count: int, *, size=SIZE, cutoff=5.0, delta=1.5, dtype=DOUBLE) -> DisplacementField:
    return MaxEntropyEnsemble(size, cutoff, delta=delta).sample(StreamKeys(0, torch.arange(count)), dtype=dtype)


def random_images(*shape: int, dtype=DOUBLE) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(3), dtype=DOUBLE).to(dtype)


@pytest.mark.parametrize("cutoff", [3, 5])  # few modes and many: two ways to the grid
@pytest.mark.parametrize("delta", [0.3, 2.5])
@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
def test_equals_the_loop_over_pixels(interpolation, delta, cutoff):
    images, fields = random_images(2, 3, *SIZE), draw(2, delta=delta, cutoff=cutoff)
    slow = getattr(reference, interpolation)
    found = deform(images, fields, interpolation)
    by_displacement = deform(images, fields.displacement(), interpolation)
    for k in range(2):
        moved = reference.displacement(fields[k].coefficients.numpy(), *SIZE)
        expected = slow(images[k].numpy(), moved)
        np.testing.assert_allclose(found[k].numpy(), expected, rtol=0, atol=1e-12)
        np.testing.assert_allclose(by_displacement[k].numpy(), expected, rtol=0, atol=1e-12)


def test_gaussian_window_of_six_is_within_3e_9_of_the_dense_sum(monkeypatch):
    images, fields = random_images(2, 3, *SIZE), draw(2)
    monkeypatch.setitem(WINDOW, DOUBLE, 6)
    found = deform(images, fields, "gaussian")
    errors = [
        np.abs(found[k].numpy() - reference.gaussian(images[k].numpy(), fields[k].displacement().numpy())).max()
        for k in range(2)
    ]
    assert 1e-11 < max(errors) < 3e-9  # not better either: the window is what limits it


@pytest.mark.parametrize("size", [(2, 3), (5, 4), (7, 9)])
@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
def test_images_smaller_than_the_window(interpolation, size):
    images, fields = random_images(1, 2, *size), draw(1, size=size, cutoff=2, delta=0.5)
    expected = getattr(reference, interpolation)(images[0].numpy(), fields[0].displacement().numpy())
    np.testing.assert_allclose(deform(images, fields, interpolation)[0].numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (DOUBLE, 1e-14)])
def test_a_still_field_is_the_identity_and_the_frame_stays(dtype, tolerance):
    images = random_images(3, 2, *SIZE, dtype=dtype)
    for cutoff in (3, 5):
        assert torch.allclose(deform(images, draw(3, delta=0.0, cutoff=cutoff, dtype=dtype)), images, atol=tolerance)
        moved = deform(images, draw(3, cutoff=cutoff, dtype=dtype))
        for edge in (..., 0), (..., -1), (..., 0, slice(None)), (..., -1, slice(None)):
            assert torch.allclose(moved[edge], images[edge], atol=tolerance)


@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (DOUBLE, 1e-14)])
def test_constant_images_are_fixed_points(interpolation, dtype, tolerance):
    images = torch.full((2, 1, *SIZE), 0.7, dtype=dtype)
    assert torch.allclose(deform(images, draw(2, dtype=dtype), interpolation), images, atol=tolerance, rtol=0)


@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
def test_commutes_with_normalisation_per_channel(interpolation):
    images, fields = random_images(2, 3, *SIZE), draw(2)
    mean, std = torch.tensor([0.1, 0.5, 0.9], dtype=DOUBLE).view(3, 1, 1), torch.tensor(0.3, dtype=DOUBLE)
    first = deform((images - mean) / std, fields, interpolation)
    assert torch.allclose(first, (deform(images, fields, interpolation) - mean) / std, atol=1e-13)


def test_a_linear_ramp_moves_by_dx_along_x_and_dy_along_y():
    fields = draw(2, delta=0.4)
    assert float(fields.clamped_fraction().max()) == 0
    height, width = SIZE
    x = torch.arange(width, dtype=DOUBLE).expand(2, 1, height, width)
    y = torch.arange(height, dtype=DOUBLE)[:, None].expand(2, 1, height, width)
    assert torch.allclose(deform(x, fields)[:, 0], x[:, 0] - fields.dx, atol=1e-12)
    assert torch.allclose(deform(y, fields)[:, 0], y[:, 0] - fields.dy, atol=1e-12)


@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
def test_leading_dimensions_broadcast(interpolation):
    images, fields = random_images(4, 2, 3, *SIZE), draw(2)
    each = torch.stack(
        [torch.stack([deform(images[a, b], fields[b], interpolation) for b in range(2)]) for a in range(4)]
    )
    assert torch.allclose(deform(images, fields, interpolation), each, atol=1e-13)
    one = deform(images, fields[1], interpolation)
    assert torch.allclose(one[2, 0], deform(images[2, 0], fields[1], interpolation), atol=1e-13)
    many = deform(images[0, 0], fields, interpolation)
    assert many.shape == (2, 3, *SIZE)
    assert torch.allclose(many[1], deform(images[0, 0], fields[1], interpolation), atol=1e-13)
    assert deform(images[0, :1], fields, interpolation).shape == (2, 3, *SIZE)
    assert deform(images[0], fields[:1], interpolation).shape == (2, 3, *SIZE)


@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
@pytest.mark.parametrize("cutoff", [2.3, 3, 5, 10])
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_an_image_does_not_see_its_batch(interpolation, cutoff, dtype):
    """To rounding, whatever the size of the batch, by which some processors' products order their sums."""
    images, fields = random_images(37, 1, *SIZE, dtype=dtype), draw(37, cutoff=cutoff, dtype=dtype)
    whole = deform(images, fields, interpolation)
    for size in (1, 2, 3, 5, 8, 19):
        parts = [deform(images[k : k + size], fields[k : k + size], interpolation) for k in range(0, 37, size)]
        few_roundings = 64 * torch.finfo(dtype).eps
        torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=few_roundings)


@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
@pytest.mark.parametrize("cutoff", [3, 5])
def test_an_empty_batch_stays_empty(interpolation, cutoff):
    assert deform(torch.zeros(0, 3, *SIZE), draw(0, cutoff=cutoff), interpolation).shape == (0, 3, *SIZE)


@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
@pytest.mark.parametrize("cutoff", [2, 3])
def test_gradients_in_images_and_coefficients(interpolation, cutoff):
    size = (6, 5)
    images = random_images(2, 1, *size).requires_grad_()
    start = draw(2, size=size, cutoff=cutoff, delta=0.3).coefficients.requires_grad_()

    def through_series(x, c):
        return deform(x, DisplacementField(c, size), interpolation)

    assert torch.autograd.gradcheck(through_series, (images, start))
    displacement = DisplacementField(start.detach(), size).displacement()[..., 1:-1, 1:-1].requires_grad_()

    def through_displacement(x, inner):
        return deform(x, torch.nn.functional.pad(inner, [1, 1, 1, 1]), interpolation)[..., 1:-1, 1:-1]

    assert torch.autograd.gradcheck(through_displacement, (images, displacement))


@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(interpolation, dtype):
    images, fields = random_images(2, 3, *SIZE, dtype=dtype), draw(2)
    expected = deform(images.float(), fields, interpolation).to(dtype)
    found = deform(images, fields, interpolation)
    assert found.dtype == dtype
    assert torch.equal(found, expected)


def test_autocast_and_lowered_precision_change_nothing():
    images, fields = random_images(2, 3, *SIZE, dtype=torch.float32), draw(2, dtype=torch.float32)
    expected = deform(images, fields)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(deform(images, fields), expected)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        assert torch.equal(deform(images, fields), expected)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_bases_cached_in_inference_mode_serve_gradients_later():
    size = (13, 19)  # no other test's, so that the bases are made here
    images, field = random_images(1, 1, *size), draw(1, size=size)
    with torch.inference_mode():
        deform(images, field)
        field.gradient()
    coefficients = field.coefficients.clone().requires_grad_()
    deform(images, DisplacementField(coefficients, size)).sum().backward()
    assert coefficients.grad is not None


def test_channels_last_images_give_the_same():
    images, fields = random_images(2, 3, *SIZE), draw(2)
    assert torch.allclose(deform(images.contiguous(memory_format=torch.channels_last), fields), deform(images, fields))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
def test_cuda_equals_cpu(interpolation):
    images, fields = random_images(2, 3, *SIZE), draw(2)
    found = deform(images.cuda(), fields.to(device="cuda"), interpolation)
    assert torch.allclose(found.cpu(), deform(images, fields, interpolation), atol=1e-12)


@pytest.mark.parametrize(
    ("images", "field", "interpolation", "error", "message"),
    [
        (torch.zeros(1, 17, 11, dtype=torch.bool), draw(1), "bilinear", TypeError, "images are torch.bool"),
        (torch.zeros(1, 17, 11, dtype=torch.int64), draw(1), "bilinear", TypeError, "images are torch.int64"),
        (np.zeros((1, 17, 11)), draw(1), "bilinear", TypeError, "images are ndarray"),
        (torch.zeros(1, 11, 17), draw(1), "bilinear", ValueError, r"images are \(1, 11, 17\); the field is for"),
        (torch.zeros(17, 11), draw(1), "bilinear", ValueError, r"the field is for \[..., C, 17, 11\]"),
        (torch.zeros(3, 1, 17, 11), draw(2), "bilinear", ValueError, r"leading dimensions \(3,\) and fields \(2,\)"),
        (torch.zeros(1, 17, 11), draw(1), "cubic", ValueError, "interpolation is 'cubic'; allowed: bilinear, gaussian"),
        (torch.zeros(1, 17, 11), "field", "bilinear", TypeError, "field is a str"),
        (torch.zeros(1, 17, 11), torch.zeros(3, 17, 11), "bilinear", ValueError, r"displacement is .* are needed"),
        (torch.zeros(1, 1, 11), torch.zeros(2, 1, 11), "bilinear", ValueError, "at least 2 pixels"),
    ],
)
def test_bad_input_is_refused(images, field, interpolation, error, message):
    with pytest.raises(error, match=message):
        deform(images, field, interpolation)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.uint16, torch.int16, torch.int32])
@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
def test_whole_numbers_are_deformed_as_floats_and_rounded(dtype, interpolation):
    field = draw(4)
    largest = min(torch.iinfo(dtype).max, 10**6)
    numbers = (largest * torch.rand(4, 3, *SIZE, generator=torch.Generator().manual_seed(2))).to(dtype)
    found = deform(numbers, field, interpolation)
    assert found.dtype == dtype
    exact = deform(numbers.double(), field.to(dtype=torch.float64), interpolation)
    # float32 grids are off by 1e-5 pixels of images whose neighbours differ by all there is
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=0.5 + 3e-5 * largest)
    one_for_all = deform(numbers, field[0], interpolation)
    assert torch.equal(one_for_all[1], deform(numbers[1], field[0], interpolation))


def test_whole_numbers_are_few_floats_at_a_time(monkeypatch):
    numbers = (255 * torch.rand(7, 3, *SIZE)).byte()
    field = draw(7)
    whole = [deform(numbers, field), deform(numbers, field[0])]
    monkeypatch.setattr(module, "AT_ONCE", 1000)
    assert torch.equal(deform(numbers, field), whole[0])
    assert torch.equal(deform(numbers, field[0]), whole[1])


@pytest.mark.parametrize("channels", [1, 3, 8, 24])
def test_threads_share_a_single_image(channels):
    """Large single images are sampled in parts; not a bit of them tells how many."""
    size = (140, 130)
    images = torch.rand(1, channels, *size, generator=torch.Generator().manual_seed(2)).requires_grad_()
    field = MaxEntropyEnsemble(size, cutoff=5, delta=2.0).sample(1, generator=torch.Generator().manual_seed(3))
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 4, 7):
            torch.set_num_threads(threads)
            for interpolation in ("bilinear", "gaussian"):
                deformed = deform(images, field, interpolation)
                (gradient,) = torch.autograd.grad(deformed.square().sum(), images)
                found.append((deformed.detach(), gradient))
    finally:
        torch.set_num_threads(before)
    for (deformed, gradient), (first, at_first) in zip(found, found[:2] * 4, strict=True):
        assert torch.equal(deformed, first)
        torch.testing.assert_close(gradient, at_first)


@pytest.mark.slow
@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
@pytest.mark.parametrize("cutoff", [3, 5])
@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`")  # of pure functions
def test_it_is_one_graph_for_torch_compile(interpolation, cutoff):
    images, fields = random_images(3, 2, *SIZE), draw(3, cutoff=cutoff)
    compiled = torch.compile(deform, backend="eager", fullgraph=True)
    for field in (fields, fields.displacement()):
        torch.testing.assert_close(compiled(images, field, interpolation), deform(images, field, interpolation))


@pytest.mark.parametrize("size", [SIZE, (5, 3), (2, 9)])
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_gathering_the_window_is_the_gaussian(size, dtype):
    """As torch.compile runs it; images smaller than the window too."""
    images, fields = random_images(3, 2, *size, dtype=dtype), draw(3, size=size, cutoff=2, dtype=dtype)
    x, y = (position.clamp(0, n - 1) for position, n in zip(fields.source_positions(), size[::-1], strict=True))
    tolerance = 1e-12 if dtype == DOUBLE else 1e-5
    found = gather_window(images, x, y)
    torch.testing.assert_close(found, deform(images, fields, "gaussian"), rtol=0, atol=tolerance)
