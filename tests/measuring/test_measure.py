"""The measuring loop equals a plain loop over images, in any batches, order, precision and number of threads."""

import numpy as np
import pytest
import torch
from support import reference
from torch.utils.data import DataLoader, TensorDataset

from diffstab import MaxEntropyEnsemble, StreamKeys, deform, measure
from diffstab.streams import sphere_noise

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


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_cpu(network, images):
    cpu = measure(network, images, ENSEMBLE)
    cuda = measure(network.cuda(), images, ENSEMBLE)
    np.testing.assert_allclose(estimates(cuda), estimates(cpu), rtol=1e-3)
