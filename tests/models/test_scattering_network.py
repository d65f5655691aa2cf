"""The scattering network: what it learns, takes and refuses."""

import copy
import pickle

import pytest
import torch
from torch import nn

from diffstab import load_dataset
from diffstab.models.paper import PAPER_NETS
from diffstab.models.scattering import Scattering, scattering

pytestmark = pytest.mark.usefixtures("one_thread")
DOUBLE = torch.float64


def noise(*shape, seed=0, dtype=DOUBLE):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def centres(side, stride):
    count = -(-side // stride)
    first = (side - 1 - (count - 1) * stride) / 2
    return [first + i * stride for i in range(count)]


@pytest.mark.usefixtures("_in_double")
def test_a_stride_leaves_windows_out():
    images = noise(2, 1, 21, 13)
    whole, some = Scattering((21, 13), 2, 4, 1)(images), Scattering((21, 13), 2, 4)(images)
    assert some.shape[2:] == (6, 4)
    torch.testing.assert_close(whole[:, :, ::4, ::4], some, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("side", "stride", "first"), [(28, 4, 1.5), (29, 4, 0), (30, 4, 0.5), (27, 4, 1), (64, 8, 3.5)]
)
def test_windows_are_symmetric_in_the_image(side, stride, first):
    transform = Scattering(side, 2, 2, stride)
    assert centres(side, stride)[0] == first
    torch.testing.assert_close(transform.rows[:, :side], transform.rows.flip(0)[:, :side].flip(1))
    torch.testing.assert_close(transform.rows.sum(1), torch.ones(transform.grid[0]))


def test_without_gradients_the_same_every_time_and_in_every_batch():
    transform, images = Scattering(20), noise(5, 3, 20, 20, dtype=torch.float32)
    with torch.no_grad():
        found = transform(images)
    assert torch.equal(found, transform(images))
    alone = torch.cat([transform(images[i : i + 1, c : c + 1]) for i in range(5) for c in range(3)])
    torch.testing.assert_close(found, alone.reshape(found.shape), rtol=0, atol=1e-6)
    assert transform(images[:0]).shape == (0, *found.shape[1:])


def test_filters_follow_and_are_no_weights(tmp_path):
    transform, images = Scattering(16), noise(2, 1, 16, 16)
    assert transform.state_dict() == {}
    assert not list(transform.parameters())
    double = copy.deepcopy(transform).double()
    assert double.wavelets.dtype == double.rows.dtype == double(images).dtype == DOUBLE
    assert transform(images.float()).dtype == torch.float32
    torch.testing.assert_close(transform(images.float()).double(), double(images), rtol=0, atol=1e-6)
    again = pickle.loads(pickle.dumps(transform))
    assert torch.equal(again(images.float()), transform(images.float()))
    shapes = transform.to("meta")(torch.empty(3, 2, 16, 16, device="meta"))
    assert (shapes.device.type, shapes.shape) == ("meta", (3, 162, 4, 4))
    with torch.device("meta"):
        assert scattering(1, 16, 3)(torch.empty(2, 1, 16, 16)).shape == (2, 3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_transformed_in_single(dtype):
    transform, images = Scattering(16), noise(2, 1, 16, 16).to(dtype)
    exact = transform(images.float())
    assert torch.equal(transform(images), exact.to(dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(transform(images.float()), exact)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3,), ValueError, r"height is 3 pixels; 2 scales need at least 4"),
        (((16, 7), 3), ValueError, r"width is 7 pixels; 3 scales need at least 8"),
        ((16, 0), ValueError, r"scales is 0; it must be at least 1"),
        ((16, 2, 0), ValueError, r"orientations is 0; it must be at least 1"),
        ((16, 2, 8, 0), ValueError, r"stride is 0; it must be at least 1"),
        ((16.0,), TypeError, r"height is 16.0; a whole number"),
    ],
)
def test_impossible_transforms_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Scattering(*arguments)


@pytest.mark.parametrize(
    "images", [torch.rand(1, 1, 16, 18), torch.rand(1, 16, 16), torch.ones(1, 1, 16, 16, dtype=torch.uint8)]
)
def test_other_images_are_refused(images):
    with pytest.raises(
        ValueError, match=r"images are \[.*\] of torch.*; this scattering needs floats \[B, C, 16, 16\]"
    ):
        Scattering(16)(images)


def test_only_the_classifier_is_learnt():
    network = scattering(3, 32, 7)
    assert [name for name, _ in network.named_children()] == ["features", "norm", "flatten", "classifier"]
    assert {name for name, _ in network.named_parameters()} == {"classifier.weight", "classifier.bias"}
    assert set(network.state_dict()) == {
        *("classifier.weight", "classifier.bias"),
        *("norm.running_mean", "norm.running_var", "norm.num_batches_tracked"),
    }
    assert network.classifier.in_features == 3 * 81 * 8 * 8


def test_the_norm_brings_every_path_to_variance_1():
    network = PAPER_NETS["scattering"](1, 28, 10).train()
    images = 0.3 * load_dataset("mnist5k").images[:40]
    normed = network.norm(network.features(images))
    torch.testing.assert_close(normed.mean((0, 2, 3)), torch.zeros(81), rtol=0, atol=1e-4)
    torch.testing.assert_close(normed.var((0, 2, 3), unbiased=False), torch.ones(81), rtol=0, atol=0.01)


@pytest.mark.parametrize(("side", "scales"), [(16, 2), (28, 2), (32, 2), (45, 2), (46, 3), (64, 3), (96, 4)])
def test_windows_grow_with_the_image(side, scales):
    assert scattering(1, side, 10, width=0.01).features.scales == scales


@pytest.mark.parametrize(("width", "orientations"), [(1e-3, 2), (0.5, 4), (1.0, 8), (1.5, 12)])
def test_the_width_is_that_of_the_orientations(width, orientations):
    network = scattering(1, 16, 10, width=width)
    assert network.features.orientations == orientations
    assert isinstance(network.norm, nn.BatchNorm2d)


def test_small_images_are_refused():
    with pytest.raises(ValueError, match=r"images have 12 x 12 pixels; scattering needs at least 16 x 16"):
        scattering(1, 12, 10)
