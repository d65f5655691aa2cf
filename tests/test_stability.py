"""measure(): against a plain loop, invariances of engineering, and the state it leaves behind."""

import random
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import reference
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from diffstab import MaxEntropyEnsemble, StreamKeys, deform, measure
from diffstab.measuring.network_state import batch_norms
from diffstab.precision import ieee_float32
from diffstab.streams import in_random_order, sphere_noise

SIZE = (17, 11)
ENSEMBLE = MaxEntropyEnsemble(SIZE, 5, delta=1.0)


def estimates(result):
    return np.array([result.D, result.G, result.R])


def plain_loop(network, images, ensemble, *, draws, seed, per_image, interpolation):
    """a and b of each image and draw, one forward pass at a time, and f(x)."""
    still = torch.zeros(2, *ensemble.size, dtype=images.dtype)
    bases = [deform(x, still, interpolation) if interpolation == "gaussian" else x for x in images]
    moved, norms = {}, {}
    for n, x in enumerate(images):
        for k in range(draws):
            field = ensemble.sample(StreamKeys(seed, torch.tensor([n]), k), dtype=images.dtype)[0]
            moved[n, k] = deform(x, field, interpolation)
            norms[n, k] = float((moved[n, k] - bases[n]).norm())
    radius = reference.median(list(norms.values()))
    a, b = np.zeros((2, len(images), draws))
    outputs = [network(x[None])[0] for x in bases]
    for n, k in moved:
        eta = sphere_noise(StreamKeys(seed, torch.tensor([n]), k), tuple(images.shape[1:]))[0]
        noisy = bases[n] + (norms[n, k] if per_image else radius) * eta
        a[n, k] = float((network(moved[n, k][None])[0] - outputs[n]).square().sum())
        b[n, k] = float((network(noisy[None])[0] - outputs[n]).square().sum())
    return a, b, torch.stack(outputs).numpy(), radius


@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
@pytest.mark.parametrize("per_image", [False, True])
def test_equals_a_plain_loop_over_images(network, images, interpolation, per_image):
    network, images = network.double().eval(), images.double()
    with torch.no_grad():
        options = {"draws": 3, "seed": 11, "interpolation": interpolation}
        a, b, outputs, radius = plain_loop(network, images, ENSEMBLE, per_image=per_image, **options)
    rule = "per-image" if per_image else "ensemble"
    found = measure(network, images, ENSEMBLE, noise_radius=rule, batch_size=7, **options)
    np.testing.assert_allclose(found.raw.deformation, a, rtol=1e-9)
    np.testing.assert_allclose(found.raw.noise, b, rtol=1e-6)  # the noise is drawn in float32
    np.testing.assert_allclose(found.raw.outputs, outputs, rtol=1e-12)
    pairs = [np.square(x - z).sum() for n, x in enumerate(outputs) for z in outputs[:n]]
    expected = [reference.median(list(v)) for v in (a.ravel(), b.ravel(), pairs)]
    assert found.R.value == pytest.approx(expected[0] / expected[1], rel=1e-6)
    assert found.D.value == pytest.approx(expected[0] / expected[2], rel=1e-6)
    assert found.G.value == pytest.approx(expected[1] / expected[2], rel=1e-6)
    if not per_image:
        assert found.noise_radius == pytest.approx(radius, rel=1e-12)


def test_reference_convention_takes_lower_medians_per_coordinate(network, images):
    network = network.eval()
    ensemble = MaxEntropyEnsemble(SIZE, 3, delta=1.0, convention="reference")
    found = measure(network, images, ensemble)
    assert (found.convention, found.cutoff_rule, found.delta_rule) == ("reference", "half-integer", "asymptotic")
    assert found.noise_radius_rule == "per-image"
    keys = StreamKeys(0, torch.arange(len(images)))
    moved = deform(images, ensemble.sample(keys))
    norms = (moved - images).flatten(1).norm(dim=1)
    eta = sphere_noise(keys, tuple(images.shape[1:])) * norms.view(-1, 1, 1, 1)
    with torch.no_grad():
        f, f_tau, f_eta = (network(x).double() for x in (images, moved, images + eta))
    middles = [(changed - f).square().median(dim=0).values.sum() for changed in (f_tau, f_eta)]  # torch's is the lower
    everything = (f[:, None] - f[None]).square().flatten(0, 1).median(dim=0).values.sum()
    assert found.R.value == pytest.approx(float(middles[0] / middles[1]), rel=1e-5)
    assert found.D.value == pytest.approx(float(middles[0] / everything), rel=1e-5)
    np.testing.assert_allclose(found.raw.deformation[:, 0], (f_tau - f).square().sum(1), rtol=1e-3)


@pytest.mark.parametrize("average", ["median", "mean"])
def test_batch_size_workers_order_and_source_of_images_change_nothing(network, images, average):
    labels = torch.arange(len(images)) % 7
    options = {"draws": 2, "average": average, "seed": 3}
    one = measure(network, images, ENSEMBLE, labels=labels, **options)
    dataset = TensorDataset(images, labels)
    shuffled = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    others = [
        measure(network, images, ENSEMBLE, labels=labels, batch_size=3, **options),
        measure(network, images, ENSEMBLE, labels=labels, indices=shuffled, batch_size=9, **options),
        measure(network, dataset, ENSEMBLE, batch_size=16, workers=2, **options),
        measure(network, DataLoader(dataset, batch_size=11), ENSEMBLE, **options),
        measure(network, [(images[:25], labels[:25]), (images[25:], labels[25:])], ENSEMBLE, **options),
    ]
    for other in others:
        np.testing.assert_allclose(estimates(other), estimates(one), rtol=1e-4)
        # the deformed images and the noise are the same bit for bit; only f's own rounding differs
        np.testing.assert_array_equal(other.raw.displacement_norm, one.raw.displacement_norm)
        assert (other.fold_fraction, other.clamped_fraction) == (one.fold_fraction, one.clamped_fraction)
        assert other.test_error == one.test_error
        assert other.data_sha256 == one.data_sha256
        assert other.weights_sha256 == one.weights_sha256
    assert {other.key for other in others[:2]} == {one.key}


def test_an_image_keeps_its_draws_when_fewer_are_measured(network, images):
    whole = measure(network, images, ENSEMBLE, noise_radius="per-image")
    few = measure(network, images, ENSEMBLE, noise_radius="per-image", indices=torch.tensor([30, 4, 17]))
    np.testing.assert_array_equal(few.raw.indices, [4, 17, 30])
    np.testing.assert_array_equal(few.raw.displacement_norm, whole.raw.displacement_norm[[4, 17, 30]])
    np.testing.assert_allclose(few.raw.noise, whole.raw.noise[[4, 17, 30]], rtol=1e-4)


def test_the_first_draw_is_the_same_whatever_their_number(network, images):
    one, three = (measure(network, images, ENSEMBLE, draws=n, noise_radius="per-image") for n in (1, 3))
    np.testing.assert_array_equal(one.raw.deformation, three.raw.deformation[:, :1])
    assert len(np.unique(three.raw.displacement_norm)) == 3 * len(images)


def test_a_threads_count_changes_nothing(network, images):
    one = measure(network, images, ENSEMBLE)
    torch.set_num_threads(1)
    try:
        np.testing.assert_allclose(estimates(measure(network, images, ENSEMBLE)), estimates(one), rtol=1e-4)
    finally:
        torch.set_num_threads(2)


def test_scaling_and_shifting_the_network_changes_nothing(network, images):
    rotation = torch.linalg.qr(torch.randn(7, 7, generator=torch.Generator().manual_seed(0))).Q
    network.eval()
    one = measure(network, images, ENSEMBLE)
    other = measure(lambda x: 5 * network(x) @ rotation + 2, images, ENSEMBLE)
    np.testing.assert_allclose(estimates(other), estimates(one), rtol=1e-3)


def test_float32_and_float64_agree(network, images):
    single = measure(network.eval(), images, ENSEMBLE)
    double = measure(network.double(), images.double(), ENSEMBLE)
    assert (single.precision, double.precision) == ("float32", "float64")
    np.testing.assert_allclose(estimates(double), estimates(single), rtol=1e-3)


def test_a_linear_network_seeing_all_noise_has_the_closed_form_g():
    """f = identity: b = r^2 for every image, so G = r^2 / <c> and D = <||tau x - x||^2> / <c>."""
    images = torch.rand(30, 1, *SIZE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = measure(lambda x: x, images, ENSEMBLE, average="mean")
    variance = images.flatten(1).var(dim=0).sum()
    np.testing.assert_allclose(found.raw.noise, found.noise_radius**2, rtol=1e-6)
    assert found.G.value == pytest.approx(found.noise_radius**2 / float(2 * variance), rel=1e-6)
    assert found.raw.deformation == pytest.approx(found.raw.displacement_norm**2, rel=1e-10)


def random_states():
    return random.getstate(), np.random.get_state()[1].tolist(), torch.random.get_rng_state().tolist()  # noqa: NPY002


class Consuming(nn.Module):
    """Uses every global generator in its forward pass, and fails on demand."""

    def __init__(self, network, fails):
        super().__init__()
        self.network, self.fails, self.calls = network, fails, 0

    def forward(self, x):
        torch.rand(3), np.random.rand(2), random.random()  # noqa: NPY002
        self.calls += 1
        if self.fails is not None and self.calls == 6:  # in the second batch, after batch norm has seen the first
            raise self.fails("planted failure")
        return self.network(x)


@pytest.mark.parametrize("amp", [False, True])
@pytest.mark.parametrize("fails", [None, RuntimeError, ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("batch_norm", ["running", "batch"])
@pytest.mark.filterwarnings("ignore:amp")
def test_the_model_and_the_global_state_come_back_as_they_were(network, images, batch_norm, fails, amp):
    """Also when a run fails or is interrupted half-way."""
    network[3].eval()  # a mixture of modes must come back too
    model = Consuming(network, fails)
    model.register_forward_hook(lambda *_: None)
    modes = [module.training for module in model.modules()]
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    torch.set_float32_matmul_precision("medium")
    settings = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    before = random_states()
    try:
        if fails is not None:
            with pytest.raises(fails, match="planted failure"):
                measure(model, images, ENSEMBLE, batch_norm=batch_norm, batch_size=20, amp=amp)
        else:
            measure(model, TensorDataset(images), ENSEMBLE, batch_norm=batch_norm, workers=1, amp=amp)
        assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == settings
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert random_states() == before
    assert [module.training for module in model.modules()] == modes
    assert all(norm.track_running_stats for norm in batch_norms(model))
    assert len(model._forward_hooks) == 1
    assert torch.is_grad_enabled()
    assert not torch.is_autocast_enabled("cpu")
    for name, buffer in model.named_buffers():
        assert torch.equal(buffer, buffers[name]), name


def test_batch_norm_in_batch_mode_normalises_each_batch_and_dropout_stays_off(network, images):
    found = measure(network, images, ENSEMBLE, batch_norm="batch", batch_size=20)
    norm = network[1]
    with torch.no_grad():
        network.eval()
        norm.train()
        norm.momentum = 0.0
        order = in_random_order(torch.arange(len(images)), seed=0)
        expected = torch.cat([network(images[part]) for part in order.split(20)])[order.argsort()]
    np.testing.assert_allclose(found.raw.outputs, expected.numpy(), atol=1e-5)
    assert (found.batch_order, replace(found, batch_order=None).key != found.key) == ("seeded", True)
    assert (found.batch_norm, found.batch_size) == ("batch", 20)
    running = measure(network, images, ENSEMBLE)
    assert running.key != found.key
    assert not np.allclose(running.raw.outputs, found.raw.outputs)
    assert replace(found, batch_size=40).key != found.key  # the batch is part of f
    assert replace(running, batch_size=40).key == running.key


def test_products_are_ieee_float32_inside(images):
    """With bfloat16 products allowed, a linear network's changes would be off by percents."""
    weight = torch.randn(64, 3 * 17 * 11, generator=torch.Generator().manual_seed(0))
    linear = nn.Sequential(nn.Flatten(), nn.Linear(3 * 17 * 11, 64, bias=False))
    linear[1].weight.data = weight
    exact = measure(linear, images, MaxEntropyEnsemble(SIZE, 3, delta=0.01))
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = measure(linear, images, MaxEntropyEnsemble(SIZE, 3, delta=0.01))
        with ieee_float32(torch.device("cpu")):
            assert not torch.is_autocast_enabled("cpu")
    finally:
        torch.set_float32_matmul_precision("highest")
    np.testing.assert_array_equal(found.raw.deformation, exact.raw.deformation)


def test_a_network_that_changes_its_input_in_place_is_measured_right(images):
    weight = torch.randn(3 * 17 * 11, 5, generator=torch.Generator().manual_seed(0))

    def in_place(x):
        return x.sub_(0.5).div_(0.25).flatten(1) @ weight

    kept = images.clone()
    found = measure(in_place, [images], ENSEMBLE)
    expected = measure(lambda x: ((x - 0.5) / 0.25).flatten(1) @ weight, images, ENSEMBLE)
    np.testing.assert_array_equal(found.raw.deformation, expected.raw.deformation)
    assert torch.equal(images, kept)


def test_a_network_that_uses_its_outputs_memory_again_is_measured_right(images):
    buffer = torch.zeros(40, 3, dtype=torch.float64)

    def reusing(x):
        return buffer.copy_(x.mean((2, 3)))

    found = measure(reusing, images.double(), ENSEMBLE, batch_size=40)
    expected = measure(lambda x: x.mean((2, 3)), images.double(), ENSEMBLE)
    np.testing.assert_array_equal(found.raw.deformation, expected.raw.deformation)


def test_one_bright_image_does_not_stop_the_others(images):
    bright = images.clone()
    bright[0] *= 1e7
    assert measure(nn.Flatten(), bright, ENSEMBLE).images == 40


def test_keys_tell_networks_images_and_labels_apart(images):
    def key(network=None, x=images, **options):
        return measure(network or nn.Flatten(), x, MaxEntropyEnsemble(x.shape[-2:], 3, delta=1.0), **options).key

    keys = [
        key(),
        key(nn.Sequential(nn.Tanh(), nn.Flatten())),
        key(nn.Sequential(nn.ReLU(), nn.Flatten())),
        key(labels=torch.arange(40) % 2),
        key(x=images.mT.contiguous()),
        key(x=images.reshape(40, 3, 11, 17)),
        key(x=images.double()),
    ]
    assert len(set(keys)) == len(keys)
    assert key() == keys[0]
    assert key(lambda x: x) is None  # nothing tells one callable from another


def test_batch_norm_without_running_statistics_is_named_batch(images):
    network = nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False), nn.Flatten())
    one, other = (measure(network, images, ENSEMBLE, batch_size=size) for size in (40, 10))
    assert one.batch_norm == "batch"
    assert one.key != other.key
    assert measure(nn.Flatten(), images, ENSEMBLE).batch_norm == "none"


class Counting(nn.Module):
    """Changes its buffers in each forward pass, in place and by assignment."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("last", torch.zeros(1))

    def forward(self, x):
        self.calls += 1
        self.last = x[:1, 0, 0, 0].clone()
        return x.flatten(1)


def test_buffers_changed_by_the_network_come_back(images):
    model = Counting()
    calls, last = model.calls, model.last
    first, again = (measure(model, images, ENSEMBLE) for _ in range(2))
    assert (model.calls is calls, float(calls), model.last is last, float(last)) == (True, 0, True, 0)
    assert first.weights_sha256 == again.weights_sha256


def test_networks_may_ask_cudnns_settings(images):
    def asking(x):
        assert torch.backends.cudnn.allow_tf32 is False
        with torch.backends.cudnn.flags(enabled=False):
            return x.flatten(1)

    before = torch.backends.cudnn.allow_tf32
    measure(asking, images, ENSEMBLE)
    assert torch.backends.cudnn.allow_tf32 == before


@pytest.mark.skipif(not hasattr(torch.backends, "fp32_precision"), reason="torch before 2.9")
def test_inherited_precision_is_inherited_again():
    """In a process of its own: torch's old and new settings don't mix well."""
    code = """
import torch
from diffstab.precision import ieee_float32
torch.backends.fp32_precision = "tf32"
with ieee_float32(torch.device("cpu")):
    assert torch.backends.cuda.matmul.fp32_precision == torch.backends.mkldnn.conv.fp32_precision == "ieee"
assert torch.backends.cuda.matmul.fp32_precision == torch.backends.mkldnn.conv.fp32_precision == "tf32"
torch.backends.fp32_precision = "ieee"
assert torch.backends.cuda.matmul.fp32_precision == torch.backends.mkldnn.conv.fp32_precision == "ieee"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_labels_and_indices_may_be_lists_or_arrays(images, kind):
    labels, indices = kind([k % 2 for k in range(40)]), kind([3, 1, 8])
    found = measure(lambda x: x.mean((2, 3)), images, ENSEMBLE, labels=labels, indices=indices, seed=np.int64(2))
    assert found.test_error.images == 3


def test_outputs_that_are_no_classes_give_no_test_error(images):
    labels = torch.arange(40) % 2
    for network in (lambda x: x.mean((1, 2, 3)), lambda x: x, lambda x: x.mean((1, 2, 3))[:, None]):
        assert measure(network, images, ENSEMBLE, labels=labels).test_error is None


def test_labels_give_the_test_error_and_its_interval(images):
    labels = torch.arange(40) % 2
    found = measure(lambda x: torch.stack([x.mean((1, 2, 3)), 0 * x[:, 0, 0, 0]], 1), images, ENSEMBLE, labels=labels)
    assert found.test_error is not None
    assert (found.test_error.value, found.test_error.images) == (0.5, 40)
    assert found.test_error.low < 0.5 < found.test_error.high
    assert measure(nn.Flatten(), images, ENSEMBLE).test_error is None


def test_gaussian_test_error_is_that_of_the_images_themselves(images):
    """The class is whether the image is sharp: smoothed images would all be misclassified."""
    sharp = images + 0.5 * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))

    def roughness(x):
        rough = (x[..., 1:] - x[..., :-1]).square().mean((1, 2, 3))
        return torch.stack([0 * rough, rough - 0.35], 1)

    labels = torch.ones(40, dtype=torch.int64)
    assert measure(roughness, sharp, ENSEMBLE, labels=labels, interpolation="gaussian").test_error.value == 0
    smooth = deform(sharp, torch.zeros(2, *SIZE), "gaussian")
    assert measure(roughness, smooth, ENSEMBLE, labels=labels).test_error.value == 1


def test_progress_counts_forward_passes(network, images):
    seen = []
    measure(network, images, ENSEMBLE, draws=2, batch_size=16, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(70, 200), (135, 200), (200, 200)]


class Endless(IterableDataset):
    """Gives images without end."""

    def __iter__(self):
        return iter(lambda: torch.rand(3, 17, 11), None)


class Shrinking:
    """Gives a batch less in each pass."""

    def __init__(self, images):
        self.images, self.left = images, 5

    def __iter__(self):
        self.left -= 1
        return iter(self.images.split(10)[: self.left])


def nan_at(index: int, images: torch.Tensor) -> torch.Tensor:
    broken = images.clone()
    broken[index, 0, 3, 3] = float("nan")
    return broken


def fails_on(call: int, image: int):
    """A network whose output for one image of a batch is NaN at its n-th call."""
    calls = iter(range(1000))

    def network(x):
        out = x.flatten(1).clone()
        if next(calls) == call:
            out[image, 0] = float("nan")
        return out

    return network


@pytest.mark.parametrize(
    ("network", "change", "options", "error", "message"),
    [
        (nn.Flatten(), lambda x: x[:1], {}, ValueError, r"1 image\(s\) came"),
        (nn.Flatten(), lambda x: x[:0], {}, ValueError, r"0 image\(s\) came"),
        (nn.Flatten(), lambda x: (x * 255).byte(), {}, TypeError, "images are torch.uint8; floats"),
        (nn.Flatten(), lambda x: nan_at(29, x), {}, ValueError, "image 29 holds NaN or infinite values before"),
        (nn.Flatten(), lambda x: x[..., :9], {}, ValueError, "images have 17 x 9 pixels"),
        (nn.Flatten(), lambda x: x[..., :1, :], {}, ValueError, "each side needs at least 2"),
        (nn.Flatten(), lambda x: x[0], {}, ValueError, r"\[N, C, H, W\] is needed"),
        (nn.Flatten(), lambda x: torch.ones_like(x), {}, ValueError, "change the images by no more than rounding"),
        (fails_on(0, 5), None, {}, ValueError, r"image 5 is not finite, at f\(x\)"),
        (fails_on(5, 5), None, {"batch_size": 20}, ValueError, r"image 25 is not finite, at f\(x\)"),
        (fails_on(1, 7), None, {}, ValueError, r"image 7 is not finite, at f\(tau x\), draw 0"),
        (fails_on(4, 7), None, {"draws": 2}, ValueError, r"image 7 is not finite, at f\(x \+ eta\), draw 1"),
        (lambda x: [1, "two"], None, {}, TypeError, "the network returned a list"),
        (lambda x: x.sum(), None, {}, ValueError, "for 40 images"),
        (lambda x: 0 * x, None, {}, ValueError, "does not change under noise"),
        ("resnet18", None, {}, TypeError, "model is a str"),
        (nn.Linear(3, 2).half(), None, {}, ValueError, r"the network is in torch.float16; .*\(network.float\(\)\)"),
        (nn.Flatten(), None, {"draws": 0}, ValueError, "draws is 0; it must be at least 1"),
        (nn.Flatten(), None, {"seed": -1}, ValueError, "seed is -1"),
        (nn.Flatten(), None, {"seed": 0.5}, TypeError, "seed is 0.5; a whole number"),
        (nn.Flatten(), None, {"average": "mode"}, ValueError, "average is 'mode'; allowed: median, mean"),
        (nn.Flatten(), None, {"noise_radius": "x"}, ValueError, "noise_radius is 'x'; allowed: ensemble, per-image"),
        (nn.Flatten(), None, {"interpolation": "x"}, ValueError, "interpolation is 'x'"),
        (nn.Flatten(), None, {"batch_norm": "x"}, ValueError, "batch_norm is 'x'; allowed: running, batch"),
        (nn.Flatten(), None, {"batch_size": 0}, ValueError, "batch_size is 0"),
        (nn.Linear(3, 2), None, {"device": "meta"}, ValueError, "device is meta but the network is on cpu"),
        (nn.Flatten(), None, {"labels": torch.arange(3)}, ValueError, r"labels are torch.int64 \(3,\)"),
        (lambda x: x[:, :, 0, 0], None, {"labels": torch.arange(40)}, ValueError, "label .* but the network has 3"),
        (nn.Flatten(), None, {"indices": torch.tensor([1, 40])}, ValueError, "there are 40 images"),
        (nn.Flatten(), None, {"indices": torch.tensor([1, 1])}, ValueError, "name an image twice"),
        (nn.Flatten(), None, {"indices": torch.tensor([1.0])}, ValueError, r"int64 \[M\] is needed"),
        (nn.Flatten(), lambda x: [x], {"indices": torch.arange(3)}, ValueError, "a loader brings its own"),
        (nn.Flatten(), lambda x: TensorDataset(x), {"labels": torch.arange(40)}, ValueError, "carry them"),
        (nn.Flatten(), iter, {}, TypeError, "gone through once"),
        (nn.Flatten(), lambda x: [(x, torch.zeros(40, 2).long())], {}, ValueError, r"labels are torch.int64 \(40, 2\)"),
        (nn.Flatten(), lambda x: TensorDataset(x, torch.rand(40)), {}, ValueError, "labels are torch.float32"),
        (nn.Flatten(), lambda x: TensorDataset(x, x, x), {}, TypeError, "gave 3 things at once"),
        (nn.Flatten(), Shrinking, {}, ValueError, "gave 40 images on its first pass and 30 on its second"),
        (nn.Flatten(), lambda x: Endless(), {}, TypeError, "wrap it in a DataLoader"),
        (lambda x: x[:, :0], None, {}, ValueError, r"the network returned torch.float32 \(40, 0"),
        (nn.Flatten(), lambda x: 7, {}, TypeError, "images are a int"),
        (nn.Flatten(), lambda x: [x.numpy()], {}, TypeError, "the loader gave images as ndarray"),
        (
            nn.Flatten(),
            lambda x: DataLoader(TensorDataset(x), batch_size=8, shuffle=True),
            {},
            ValueError,
            "other images on its second pass",
        ),
    ],
)
def test_bad_input_is_refused(images, network, change, options, error, message):
    given = images if change is None else change(images)
    with pytest.raises(error, match=message):
        measure(network, given, ENSEMBLE, **options)


def test_temperature_zero_is_refused(images):
    with pytest.raises(ValueError, match="temperature is 0, so nothing moves"):
        measure(nn.Flatten(), images, MaxEntropyEnsemble(SIZE, 3, temperature=0.0))
    with pytest.raises(ValueError, match="one temperature per image"):
        measure(nn.Flatten(), images, MaxEntropyEnsemble(SIZE, 3, temperature=torch.ones(40)))


@pytest.mark.parametrize("workers", [0, 1])
def test_errors_of_a_data_set_come_whole_through_its_workers(workers):
    class Uneven(TensorDataset):
        def __getitem__(self, index):
            return torch.zeros(3, 17, 11 + (index == 5))

    with pytest.raises(ValueError, match=r"^images of \(3, 17, 11\) and \(3, 17, 12\); they must have one size$"):
        measure(nn.Flatten(), Uneven(torch.zeros(9)), ENSEMBLE, workers=workers)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_cpu(network, images):
    cpu = measure(network, images, ENSEMBLE)
    cuda = measure(network.cuda(), images, ENSEMBLE)
    np.testing.assert_allclose(estimates(cuda), estimates(cpu), rtol=1e-3)


class LeftOn(nn.Module):
    """Dropout that heeds no evaluation mode."""

    def __init__(self, network, share):
        super().__init__()
        self.network, self.share = network, share

    def forward(self, images):
        return nn.functional.dropout(self.network(images), self.share)


@pytest.mark.parametrize("batch_norm", ["running", "batch"])
def test_something_random_left_on_is_refused_and_told(network, images, batch_norm):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(ValueError, match=r"gives other outputs for the same images, by .*%: something random"):
        measure(LeftOn(network, 0.5), images, ENSEMBLE, batch_norm=batch_norm)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert measure(LeftOn(network, 0.0), images, ENSEMBLE).R == measure(network, images, ENSEMBLE).R


def test_a_network_made_for_one_size_of_batch_is_measured(network, images):
    def fixed(batch):
        if len(batch) != 20:
            raise RuntimeError("this network was exported for batches of 20")
        return network.eval()(batch)

    assert measure(fixed, images, ENSEMBLE, batch_size=20).R == measure(network, images, ENSEMBLE, batch_size=20).R


def test_amp_is_told_with_its_error_and_recorded(network, images):
    """The note's figures are R_f of the first batch, with and without autocast."""
    notes = []
    found = measure(network, images, ENSEMBLE, amp=True, batch_size=25, note=notes.append)
    exact = measure(network, images, ENSEMBLE, batch_size=25)
    first = {amp: raw_ratio(one.raw, 20) for amp, one in ((True, found), (False, exact))}
    (note,) = notes
    assert note.startswith(
        f"amp-bfloat16: on the first 20 images R_f is {first[True]:.3g}, and {first[False]:.3g} in float32 "
        f"({first[True] / first[False] - 1:+.1%})"
    )
    assert (found.precision, exact.precision) == ("amp-bfloat16", "float32")
    assert found.R != exact.R
    assert found.key != exact.key
    assert not torch.is_autocast_enabled("cpu")
    with pytest.raises(ValueError, match="amp is on and the network is in float64; take one"):
        measure(network.double(), images, ENSEMBLE, amp=True)


def raw_ratio(raw, count):
    return np.median(raw.deformation[:count]) / np.median(raw.noise[:count])


def test_labels_can_stand_for_any_output(network, images):
    """Classes 0, 1, 2 of the data are outputs 5, 3, 1; without a map there is no test error."""
    places = [5, 3, 1]
    labels = torch.arange(40) % 3
    found = measure(network, images, ENSEMBLE, labels=labels, label_outputs=lambda outputs: places)
    wrong = network.eval()(images).argmax(1) != torch.tensor(places)[labels]
    assert found.test_error.value == pytest.approx(float(wrong.double().mean()))
    without = measure(network, images, ENSEMBLE, labels=labels, label_outputs=lambda outputs: None)
    assert without.test_error is None
    assert without.R == found.R
    assert without.data_sha256 == found.data_sha256  # the same data, whatever the network


def test_which_images_were_measured_has_a_hash(network, images):
    some = torch.tensor([3, 7, 9])
    found = [measure(network, images, ENSEMBLE, indices=some[order]) for order in ([0, 1, 2], [2, 0, 1])]
    assert found[0].indices_sha256 == found[1].indices_sha256
    other = measure(network, images, ENSEMBLE, indices=torch.tensor([3, 7, 8]))
    assert other.indices_sha256 != found[0].indices_sha256
    assert measure(network, images[[3, 7, 9]], ENSEMBLE).indices_sha256 != found[0].indices_sha256


@pytest.mark.parametrize("error", [TypeError, ValueError, KeyError, IndexError, AttributeError])
def test_a_networks_own_error_tells_the_images(images, error):
    def network(batch):
        raise error("expected 5, got 4")

    with pytest.raises(ValueError, match=r"the network fails on images of 40x3x17x11 \(\w*Error: .*expected 5, got 4"):
        measure(network, images, ENSEMBLE)


def test_changes_within_rounding_are_told(images):
    """Outputs that are almost constant: in float32, R_f holds percents of rounding; in float64 it does not."""

    class Almost(nn.Module):
        def __init__(self, share):
            super().__init__()
            self.linear = nn.utils.skip_init(nn.Linear, 3 * 17 * 11, 5)
            nn.init.normal_(self.linear.weight, generator=torch.Generator().manual_seed(0))
            nn.init.zeros_(self.linear.bias)
            self.share = share

        def forward(self, x):
            return 1 + self.share * self.linear(x.flatten(1))

    notes = []
    for share in (1e-7, 1e-3):
        measure(Almost(share), images, ENSEMBLE, note=notes.append)
        measure(Almost(share).double(), images.double(), ENSEMBLE, note=notes.append)
    (note,) = notes
    assert "within 100 times the rounding of float32; measure in float64" in note
