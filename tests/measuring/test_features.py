"""f(x) from inside the network: its features or a layer's output, and the test error by nearest neighbours."""

import numpy as np
import pytest
import timm
import torch
from click.testing import CliRunner
from support.hugging_face import network_of, saved
from torch import nn
from torchvision.models import resnet18
from transformers import ViTImageProcessor

from diffstab import measure
from diffstab.cli import main
from diffstab.options import MeasureOptions
from diffstab.statistics import classes_by_neighbours
from diffstab.sweep.jobs import measure_job


@pytest.fixture
def images():
    return torch.rand(30, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def network():
    torch.manual_seed(0)
    conv = nn.Conv2d(1, 4, 3, padding=1)
    return nn.Sequential(conv, nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(256, 6), nn.ReLU(), nn.Linear(6, 5))


def numbers(found):
    return found.D, found.G, found.R, found.E


def same(found, other):
    assert numbers(found) == numbers(other)
    assert np.array_equal(found.raw.outputs, other.raw.outputs)


def test_features_are_those_of_the_network_without_its_last_layer(network, images):
    found = measure(network, images, delta=1.0, of="features")
    same(found, measure(network[:-1], images, delta=1.0))
    assert (found.output, found.raw.outputs.shape) == ("the input of 5", (30, 6))
    unit = measure(network, images, delta=1.0, of="unit-features")
    body = network[:-1]
    same(unit, measure(lambda x: body(x) / body(x).norm(dim=1, keepdim=True), images, delta=1.0))
    assert unit.R != found.R


@pytest.mark.parametrize("layer", ["0", "2", "4"])
def test_a_layer_is_the_output_of_the_network_up_to_it(network, images, layer):
    found = measure(network, images, delta=1.0, of=layer)
    same(found, measure(network[: int(layer) + 1], images, delta=1.0))
    assert found.output == f"the output of {layer}"
    assert (found.E is None) == (layer != "0")  # a map can move along with the image


def _resnet():
    torch.manual_seed(0)
    return resnet18(num_classes=5)


def _vit():
    torch.manual_seed(0)
    sizes = {"img_size": 16, "patch_size": 4, "embed_dim": 24, "num_heads": 2, "depth": 2}
    return timm.create_model("vit_tiny_patch16_224", num_classes=5, **sizes)


@pytest.mark.parametrize("made", [_resnet, _vit])
def test_features_of_library_networks_are_what_their_heads_get(made):
    network = made()
    images = torch.rand(12, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    found = measure(network, images, delta=0.5, of="features")
    if isinstance(network, timm.models.VisionTransformer):
        network.reset_classifier(0)
    else:
        network.fc = nn.Identity()
    same(found, measure(network, images, delta=0.5))
    again = measure(network, images, delta=0.5, of="features")  # there is no linear layer at its end any more
    assert again.R == found.R
    assert again.output == "the output itself, since no linear layer returns it"


class Scaled(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return {"aux": images.flatten(1), "out": self.network(images).mul_(2)}


def test_a_linear_layer_whose_output_was_changed_does_not_return_the_output(network, images):
    found = measure(Scaled(network), images, delta=1.0, of="features")
    same(found, measure(Scaled(network), images, delta=1.0))
    assert found.output == "'out' of aux, out"


def test_a_convolution_can_be_the_last_linear_layer(images):
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(1, 5, 1), nn.Flatten())
    assert measure(network, images, delta=1.0, of="features").output == "the input of 1"


def test_the_worst_deformation_is_that_of_the_features(network, images):
    chosen = {"delta": 1.0, "worst": "deformation", "ascent_steps": 3, "ascent_starts": 1}
    found = measure(network, images, of="features", **chosen)
    assert pytest.approx(measure(network[:-1], images, **chosen).D.value, rel=1e-6) == found.D.value
    assert found.D.value > measure(network, images, delta=1.0, of="features").D.value


def test_layers_are_measured_beside_features_and_no_hook_stays(network, images):
    found = measure(network, images, delta=1.0, of="features", layers="all", batch_size=90)
    profile = measure(network, images, delta=1.0, layers="all", batch_size=90)
    others = {layer.name: layer.R for layer in profile.layers if layer.name not in ("4", "5")}
    assert {layer.name: layer.R for layer in found.layers}.items() >= others.items()
    assert not any(module._forward_hooks for module in network.modules())


def test_the_error_is_that_of_the_nearest_other_images(network, images):
    labels = torch.arange(30) % 3
    found = measure(network, images, delta=1.0, of="features", labels=labels, neighbours=7)
    f = network[:-1](images).detach().double().numpy()
    wrong = sum(_class_of(place, f, labels.numpy(), 7) != labels[place] for place in range(30))
    assert found.test_error.value == pytest.approx(float(wrong) / 30)
    assert found.test_error.low < found.test_error.value < found.test_error.high
    one = measure(network, images, delta=1.0, labels=labels, neighbours=1)
    f = network(images).detach().double().numpy()
    wrong = sum(_class_of(place, f, labels.numpy(), 1) != labels[place] for place in range(30))
    assert one.test_error.value == pytest.approx(float(wrong) / 30)
    assert one.R == measure(network, images, delta=1.0).R


def _class_of(place, features, labels, neighbours):
    """The class of one image, written out anew."""
    cosine = {
        other: features[place] @ features[other] / np.sqrt((features[place] ** 2).sum() * (features[other] ** 2).sum())
        for other in range(len(labels))
        if other != place
    }
    nearest = sorted(cosine, key=cosine.get, reverse=True)[:neighbours]
    votes = [labels[other] for other in nearest]
    most = max(votes.count(label) for label in votes)
    return next(label for label in votes if votes.count(label) == most)


def test_copies_of_an_image_do_not_vote_for_it():
    features = np.array([[1.0, 0.0], [1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    labels, copies = np.array([1, 1, 2, 3]), np.array([0, 0, 1, 2])
    assert classes_by_neighbours(features, labels, 1).tolist() == [1, 1, 1, 2]
    assert classes_by_neighbours(features, labels, 1, copies).tolist() == [2, 2, 1, 2]


def test_the_command_gives_a_vision_transformers_error_by_neighbours():
    asked = ["--model", "timm:vit_tiny_patch16_224", "--weights", "init", "--images", "40", "--of", "features"]
    sizes = [part for size in ("img_size=28", "patch_size=7", "depth=2") for part in ("--model-kwargs", size)]
    done = CliRunner().invoke(main, ["measure", *asked, *sizes])
    assert done.exit_code == 0, done.output
    assert "test error" in done.stdout
    assert "of 40 images" in done.stdout
    assert "f(x) is the input of head" in done.stderr
    assert "a class has 4 images on average, and 20 nearest neighbours vote, so the test error is too" in done.stderr


def test_a_network_without_a_classifier_has_an_error_by_neighbours_and_no_flips(tmp_path):
    spec = saved(tmp_path, network_of("ViT", task=""), ViTImageProcessor(size={"height": 32, "width": 32}))
    done = CliRunner().invoke(main, ["measure", spec, "--neighbours", "3", "--images", "60"])
    assert done.exit_code == 0, done.output
    assert "test error" in done.stdout
    assert "flips" not in done.stdout  # the largest feature is no class


def test_they_count_in_the_key_and_old_jobs_keep_their_names():
    usual = measure_job(MeasureOptions()).id
    asked = [{"of": "features"}, {"of": "features", "neighbours": 5}, {"of": "layer3"}, {"neighbours": 5}]
    assert len({usual, *(measure_job(MeasureOptions(**one)).id for one in asked)}) == 5
    assert MeasureOptions(of="features") == MeasureOptions(of="features", neighbours=20)


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.same = nn.Flatten()

    def forward(self, images):
        return self.same(self.same(images))


@pytest.mark.parametrize(
    ("given", "asked", "message"),
    [
        (None, {"of": "featuers"}, "no layer is called 'featuers'; .*logits, probabilities, features, unit-features"),
        (None, {"of": "*"}, r"of is '\*', which means 6 layers \(0, 1, 2, ...\); name one"),
        (Twice(), {"of": "same"}, "of is 'same', a layer that runs 2 times in a forward pass; name one that runs once"),
        (lambda x: x.mean((2, 3)), {"of": "features"}, "of is 'features' but the network is a function; an nn.Module"),
        (None, {"of": "features", "neighbours": 30}, "neighbours is 30 and an image has 29 others"),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), {"of": ""}, "of is ''; a name is needed"),
        (None, {"neighbours": 3, "interpolation": "gaussian"}, "neighbours is 3 and interpolation is 'gaussian'"),
        (None, {"neighbours": 0}, "neighbours is 0"),
    ],
)
def test_what_can_not_be_measured_is_refused(network, images, given, asked, message):
    with pytest.raises((ValueError, TypeError), match=message):
        measure(given or network, images, labels=torch.arange(30) % 3, delta=1.0, **asked)


def test_features_that_are_zero_have_no_direction(images):
    network = nn.Sequential(nn.Flatten(), nn.Threshold(0.5, 0.0), nn.Linear(64, 2))
    images[3] = 0
    with pytest.raises(ValueError, match=r"image 3 .*not finite"):
        measure(network, images, delta=1.0, of="unit-features")
    with pytest.raises(ValueError, match="features of image 3 are 0, without direction"):
        measure(network, images, delta=1.0, labels=torch.arange(30) % 3, of="features")


def test_smoothed_images_have_no_classes_by_neighbours(network, images):
    found = measure(network, images, delta=1.0, labels=torch.arange(30) % 3, of="features", interpolation="gaussian")
    assert (found.test_error, found.neighbours) == (None, None)
