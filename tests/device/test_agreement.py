"""A device gives the numbers of the CPU: draws bit for bit, the rest within rounding.

`make gpu` runs these with DIFFSTAB_DEVICE=cuda. On the CPU they hold of themselves, and keep the code alive.
"""

import math

import pytest
import torch
from torch import nn
from torchvision import tv_tensors

from diffstab import MaxEntropyEnsemble, RandomDiffeomorphism, StreamKeys, deform, measure, streams
from diffstab.fields import deform_labels
from diffstab.options import INTERPOLATIONS
from diffstab.perturbations import Rotation

SIZE = (17, 11)
ENSEMBLE = MaxEntropyEnsemble(SIZE, 5, delta=1.0)
KEYS = StreamKeys(7, torch.arange(40), 1)
READINGS = "displacement gradient jacobian_determinant xi clamped_fraction squared_norm gradient_norm folds".split()
MEASURED = {
    "plain": {},
    "draws": {"draws": 3, "average": "mean"},
    "gaussian": {"interpolation": "gaussian"},
    "layers": {"layers": "all"},
    "batch norm on its batch": {"batch_norm": "batch", "batch_size": 20},
    "layers and batch norm": {"layers": "auto", "batch_norm": "batch", "batch_size": 20},
    "rotation": {"transformation": Rotation(SIZE, 1.0)},
    "reference": {"transformation": MaxEntropyEnsemble(SIZE, 5, delta=1.0, convention="reference")},
    "noise of a norm": {"noise_norm": 0.5, "noise_radius": None},
}


def test_words_of_streams_are_the_same_bits(device):
    blocks = torch.arange(9)
    here, there = (streams.philox(streams._counter(KEYS, blocks.to(where), 0), KEYS.seed) for where in ("cpu", device))
    for one, other in zip(here, there, strict=True):
        assert torch.equal(one, other.cpu())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fields_are_the_same_bits(device, dtype):
    here, there = (ENSEMBLE.sample(KEYS, dtype=dtype, device=where) for where in ("cpu", device))
    assert there.coefficients.device.type == device.type
    assert torch.equal(here.coefficients, there.coefficients.cpu())


def test_noise_agrees(device):
    here, there = (streams.sphere_noise(KEYS, (3, *SIZE), where) for where in ("cpu", device))
    torch.testing.assert_close(there.cpu(), here, rtol=0, atol=2e-7)


@pytest.mark.parametrize("reading", READINGS)
def test_readings_of_fields_agree(device, reading):
    field = ENSEMBLE.sample(KEYS, dtype=torch.float64)
    there = getattr(field.to(device=device), reading)()
    torch.testing.assert_close(there.cpu(), getattr(field, reading)(), rtol=1e-12, atol=1e-12)


def test_points_go_where_they_go(device):
    field, points = ENSEMBLE.sample(KEYS, dtype=torch.float64), torch.rand(40, 5, 2, dtype=torch.float64) * 10
    there = field.to(device=device).destination_of(points.to(device))
    torch.testing.assert_close(there.points.cpu(), field.destination_of(points).points, rtol=0, atol=1e-5)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize(
    ("dtype", "atol"),
    [(torch.float64, 1e-12), (torch.float32, 2e-5), (torch.float16, 2e-3), (torch.bfloat16, 1.6e-2)],
)
def test_deformed_images_agree(device, images, dtype, atol, interpolation):
    field = ENSEMBLE.sample(KEYS, dtype=torch.float64)
    there = deform(images.to(device, dtype), field.to(device=device), interpolation)
    assert (there.device.type, there.dtype) == (device.type, dtype)
    torch.testing.assert_close(there.cpu(), deform(images.to(dtype), field, interpolation), rtol=0, atol=atol)


def test_whole_numbers_and_labels_agree(device, images):
    field, numbers = ENSEMBLE.sample(KEYS), (255 * images.clamp(0, 1)).byte()
    there = deform(numbers.to(device), field.to(device=device))
    assert (there.cpu().int() - deform(numbers, field).int()).abs().max() <= 1
    labels = deform_labels(numbers[:, 0].to(device), field.to(device=device))
    assert (labels.cpu() != deform_labels(numbers[:, 0], field)).float().mean() < 1e-3  # ties alone


def test_gradients_agree(device, images):
    def gradients(where):
        coefficients = ENSEMBLE.sample(KEYS, dtype=torch.float64).coefficients.to(where).requires_grad_()
        inputs = images.double().to(where).requires_grad_()
        field = type(ENSEMBLE.sample(1))(coefficients, SIZE)
        deform(inputs, field).square().sum().backward()
        return inputs.grad.cpu(), coefficients.grad.cpu()

    for one, other in zip(gradients("cpu"), gradients(device), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", MEASURED)
def test_measurements_agree(device, network, images, name):
    how = {"transformation": ENSEMBLE, "seed": 3, **MEASURED[name]}
    here = measure(network, images, device="cpu", **how)
    there = measure(network.to(device), images, device=device, **how)
    assert there.device.startswith(device.type)
    assert (there.data_sha256, there.fold_fraction) == (here.data_sha256, here.fold_fraction)
    torch.testing.assert_close(
        *(torch.from_numpy(one.raw.displacement_norm) for one in (there, here)), rtol=1e-5, atol=0
    )
    for letter in "DGR":
        assert getattr(there, letter).value == pytest.approx(getattr(here, letter).value, rel=1e-3)
    for one, other in zip(there.layers or (), here.layers or (), strict=True):
        assert one.R.value == pytest.approx(other.R.value, rel=1e-3), one.name


def test_batches_and_images_that_lie_there_change_nothing(device, network, images):
    network.to(device)
    whole = measure(network, images, ENSEMBLE, device=device)
    parts = measure(network, images.to(device), ENSEMBLE, device=device, batch_size=7)
    assert parts.R.value == pytest.approx(whole.R.value, rel=1e-4)


def test_autocast_runs_and_tells_its_error(device, network, images):
    notes = []
    found = measure(network.to(device), images, ENSEMBLE, device=device, amp=True, note=notes.append)
    assert found.precision.startswith("amp-")
    assert "leave amp out" in " ".join(notes)


def test_channels_last_changes_rounding_alone(device, network, images):
    network.to(device)
    before = measure(network, images, ENSEMBLE, device=device)
    last = measure(network.to(memory_format=torch.channels_last), images, ENSEMBLE, device=device)
    assert last.R.value == pytest.approx(before.R.value, rel=1e-3)


@pytest.mark.slow
def test_a_compiled_network_changes_rounding_alone(device, network, images):
    network.to(device)
    before = measure(network, images, ENSEMBLE, device=device)
    compiled = measure(torch.compile(network), images, ENSEMBLE, device=device)
    assert compiled.R.value == pytest.approx(before.R.value, rel=1e-3)


def test_a_batch_is_augmented_where_it_lies(device, images):
    transform = RandomDiffeomorphism(cutoff=(2, 5), delta=(0.5, 2.0), p=0.8)
    found = []
    for where in ("cpu", device):
        torch.manual_seed(3)
        found.append(transform(tv_tensors.Image(images.to(where))))
    assert found[1].device.type == device.type
    torch.testing.assert_close(found[1].cpu(), found[0], rtol=0, atol=2e-5)


def test_boxes_and_keypoints_follow_there(device):
    transform = RandomDiffeomorphism(cutoff=3, delta=1.0, p=1.0)
    boxes = tv_tensors.BoundingBoxes([[2.0, 3.0, 8.0, 9.5]], format="XYXY", canvas_size=SIZE)
    points = tv_tensors.KeyPoints([[3.0, 5.5], [9.2, 1.1]], canvas_size=SIZE)
    found = []
    for where in ("cpu", device):
        torch.manual_seed(3)
        found.append(transform(torch.zeros(3, *SIZE, device=where), boxes.to(where), points.to(where)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(other.cpu(), one, rtol=0, atol=1e-3)


def test_a_linear_network_has_the_closed_form(device):
    """f(x) = x: the squared change by noise is its squared norm, whatever the image."""
    images = torch.rand(30, 1, *SIZE, dtype=torch.float64)
    found = measure(nn.Flatten(), images, ENSEMBLE, device=device)
    assert math.sqrt(found.raw.noise.mean()) == pytest.approx(found.noise_radius, rel=1e-6)
