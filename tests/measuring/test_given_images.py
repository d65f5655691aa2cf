"""measure() takes images as users have them, and makes the ensemble for their size: the numbers are the same."""

import random

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, TensorDataset

import diffstab
from diffstab import MaxEntropyEnsemble, measure
from diffstab.measuring.given_images import image_size
from diffstab.perturbations import transformation_named


class Foreign:
    """A data set that is no Dataset of torch's, whose rows are dicts."""

    name = "foreign"

    def __init__(self, images, labels):
        self.rows = [{"pixel_values": image, "label": int(label)} for image, label in zip(images, labels, strict=True)]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, place):
        return self.rows[place]


class Drawing(Dataset):
    """Whose first item draws from every global generator."""

    def __len__(self):
        return 4

    def __getitem__(self, place):
        return torch.rand(1, 6, 9) + random.random() + np.random.rand()  # noqa: NPY002


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.LazyLinear(5))


@pytest.fixture(scope="module")
def images(network):
    images = torch.rand(24, 3, 10, 14, generator=torch.Generator().manual_seed(1))
    network(images)
    return images


@pytest.fixture(scope="module")
def usual(network, images):
    return measure(network, images, MaxEntropyEnsemble((10, 14), cutoff=3, delta=1.0), labels=torch.arange(24) % 5)


FORMS = {
    "numpy's": lambda images, labels: images.numpy(),
    "a list": lambda images, labels: list(images),
    "a list of pairs": lambda images, labels: list(zip(images, labels, strict=True)),
    "a Dataset": lambda images, labels: TensorDataset(images, labels),
    "a loader": lambda images, labels: DataLoader(TensorDataset(images, labels), batch_size=7),
    "a foreign data set": Foreign,
    "a loader of dicts": lambda images, labels: DataLoader(Foreign(images, labels), batch_size=7),
    "dict batches": lambda images, labels: [{"images": images[:12], "x": 1}, {"images": images[12:], "x": 2}],
}
UNLABELLED = ("numpy's", "a list", "dict batches")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_images_gives_the_numbers_of_a_tensor(network, images, usual, form):
    labels = torch.arange(24) % 5
    result = measure(network, FORMS[form](images, labels))
    np.testing.assert_allclose([*result.D, *result.G, *result.R], [*usual.D, *usual.G, *usual.R], rtol=1e-5)
    assert result.test_error == (None if form in UNLABELLED else usual.test_error)


def test_the_ensemble_of_the_settings_is_made_for_the_size_of_the_images(network, images):
    for given in ({"delta": 0.7, "cutoff": 4}, {"temperature": 1e-3}, {"cutoff": 5}, {"convention": "reference"}):
        amount = given if {"delta", "temperature"} & set(given) else {**given, "delta": 1.0}
        assert measure(network, images, **given).R == measure(network, images, MaxEntropyEnsemble((10, 14), **amount)).R


def test_a_perturbation_can_be_named(network, images):
    wanted = measure(network, images, transformation_named("rotation", (10, 14), delta=0.5))
    result = measure(network, images, "rotation", delta=0.5)
    assert (result.R, result.transform) == (wanted.R, "rotation")


def test_a_name_is_the_results_and_tells_networks_apart(network, images, usual):
    result = measure(network, images, name="wide")
    assert result.model == "wide"
    assert usual.model == "Sequential"
    assert result.key != measure(network, images).key


class Batches:
    """Batches by number, which a loader of another library has."""

    def __init__(self, images):
        self.batches = images.split(8)

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, place):
        return self.batches[place]

    def __iter__(self):
        return iter(self.batches)


def test_batches_by_number_are_batches_and_no_images(network, images, usual):
    np.testing.assert_allclose(measure(network, Batches(images)).R, usual.R, rtol=1e-5)


def test_a_name_is_looked_at_before_anything_runs(images):
    def never(batch):
        raise AssertionError("the network ran")

    with pytest.raises(TypeError, match="name is 5"):
        measure(never, images, name=5)


def test_looking_for_the_size_draws_nothing():
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    assert image_size(Drawing()) == image_size(DataLoader(Drawing(), batch_size=2)) == (6, 9)
    assert states == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # noqa: NPY002


def test_a_bar_changes_no_number_and_keeps_off_stdout(network, images, usual, capsys):
    assert measure(network, images, progress=True).R == usual.R
    assert capsys.readouterr().out == ""


PICTURES = [Image.new("RGB", (14, 10))] * 3
REFUSED = {
    "pictures of PIL": (lambda images: PICTURES, {}, r"torch\.stack\(\[transform\(picture\)"),
    "channels last": (lambda images: images.permute(0, 2, 3, 1).numpy(), {}, r"images\.transpose\(0, 3, 1, 2\)"),
    "an ensemble and its delta": (
        lambda images: images,
        {"transformation": MaxEntropyEnsemble((10, 14), delta=1.0), "delta": 1.0},
        "delta is 1.0 and a transformation is given",
    ),
    "a cutoff of rotations": (
        lambda images: images,
        {"transformation": "rotation", "cutoff": 3},
        "has none; give delta alone",
    ),
    "an unknown name": (lambda images: images, {"transformation": "squeeze"}, "transform is 'squeeze'"),
    "two amounts": (lambda images: images, {"delta": 1.0, "temperature": 1e-3}, "both of temperature and delta"),
    "nothing": (lambda images: [], {}, "there are no images"),
    "a text": (lambda images: "digits", {}, "images are str"),
    "a dict without images": (lambda images: [{"x": images}], {}, "a dict of x; an image under pixel_values"),
    "a number": (lambda images: 5, {}, "images are int"),
    "an empty name": (lambda images: images, {"name": ""}, "name is ''"),
}


@pytest.mark.parametrize("given", REFUSED)
def test_what_cant_be_measured_is_refused_with_a_cure(network, images, given):
    make, options, message = REFUSED[given]
    with pytest.raises((TypeError, ValueError), match=message):
        diffstab.measure(network, make(images), **options)
