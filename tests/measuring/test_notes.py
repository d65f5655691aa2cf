"""What could make the numbers mean something else than they seem to is told beside them."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from diffstab import MaxEntropyEnsemble, load_dataset, load_model, measure
from diffstab.streams import choose

ENSEMBLE = MaxEntropyEnsemble((17, 11), 5, delta=1.0)


def told(network, images, ensemble=ENSEMBLE, **options):
    notes = []
    return measure(network, images, ensemble, note=notes.append, **{"resamples": 100, **options}), notes


class Repeating(IterableDataset):
    """Every worker gives all images, as one does that was written without a look at get_worker_info()."""

    def __init__(self, images):
        self.images = images

    def __iter__(self):
        yield from self.images


class Sampled:
    """A sampler with replacement that gives the same again."""

    def __iter__(self):
        return iter(torch.randint(20, (40,), generator=torch.Generator().manual_seed(0)).tolist())

    def __len__(self):
        return 40


@pytest.mark.parametrize(
    ("loader", "copies"),
    [
        (lambda images: DataLoader(Repeating(images), batch_size=10, num_workers=2), 40),
        (lambda images: DataLoader(TensorDataset(images), batch_size=10, sampler=Sampled()), 40 - len(set(Sampled()))),
        (lambda images: images[torch.arange(40) % 10], 30),
        (lambda images: images, 0),
    ],
)
def test_images_that_come_twice_are_told(network, images, loader, copies):
    found, notes = told(network, loader(images))
    assert found.copies == copies
    assert found.raw.copies is None or len(set(found.raw.copies.tolist())) == found.images - copies
    expected = [f"{copies} of {found.images} images are copies of others"] if copies else []
    assert [text[: len(one)] for text, one in zip(notes, expected, strict=True)] == expected


def test_images_that_were_not_divided_by_255_are_told(network, images):
    _, scaled = told(network, 5 * images - 2.5)  # more than any usual normalisation
    _, levels = told(network, 255 * images)
    assert scaled == []
    assert [text.partition(";")[0].partition(", ")[2] for text in levels] == ["as before a division by 255"]


def test_copies_make_no_interval_narrower(network, images):
    once, _ = told(network, images, draws=8)
    many, _ = told(network, images.repeat(8, 1, 1, 1))
    assert many.images == 8 * once.images
    for letter in "DR":
        narrow, wide = (getattr(one, letter) for one in (many, once))
        assert narrow.high / narrow.low == pytest.approx(wide.high / wide.low, rel=0.25)


def test_only_copies_of_one_image_are_refused(network, images):
    with pytest.raises(ValueError, match="5 copies of 1 image; D_f and G_f compare images"):
        told(network, images[:1].repeat(5, 1, 1, 1))


@pytest.mark.filterwarnings("ignore:.*layers")
def test_layers_know_of_copies(network, images):
    found, _ = told(network.eval(), images[torch.arange(40) % 20], layers="6,0")
    assert found.layers[-1].D == found.D
    plain, _ = told(network, images[:20], layers="0", draws=2)
    wide, narrow = (one.layers[0].D for one in (plain, found))
    assert narrow.high / narrow.low == pytest.approx(wide.high / wide.low, rel=0.35)


def test_some_missing_labels_are_told(network, images):
    labels = torch.arange(40) % 3 - 1
    found, notes = told(network, images, labels=labels)
    assert found.test_error is None
    assert notes == ["14 of 40 images have a negative label, which is none, so there is no test error"]
    assert told(network, images, labels=torch.full((40,), -1))[1] == []


def test_a_last_batch_that_is_dropped_is_told(network, images):
    dataset = TensorDataset(images)
    for options, left in (({"drop_last": True}, 4), ({}, 0), ({"drop_last": True, "sampler": range(36)}, 0)):
        found, notes = told(network, DataLoader(dataset, batch_size=12, **options))
        assert (found.images, found.images_left) == (36 if options else 40, left)
        assert [text for text in notes if "drops its last batch" in text] == (
            ["4 of 40 images never came: the loader drops its last batch (drop_last=True)"] if left else []
        )


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"indices": torch.arange(100)}, "the 100 images are of 1 of the 10 classes"),
        ({"indices": torch.arange(200)}, "the 200 images are of 2 of the 10 classes"),
        ({"count": 100}, None),
        ({"count": 5}, None),
    ],
)
def test_images_of_few_classes_are_told(chosen, expected):
    """The digits are sorted by their class."""
    _, notes = told(nn.Flatten(), load_dataset("mnist5k"), MaxEntropyEnsemble(28, delta=1.0), **chosen)
    assert [text.partition(",")[0] for text in notes] == ([expected] if expected else [])


def test_count_chooses_as_the_command_does(network, images):
    asked, _ = told(network, images, count=15, seed=3)
    named, _ = told(network, images, indices=choose(15, 40, 3), seed=3)
    assert asked.key == named.key
    assert asked.R == named.R
    assert told(network, images, count=400)[0].images == 40
    with pytest.raises(ValueError, match="count is 5 and indices are given; give one of the two"):
        told(network, images, count=5, indices=torch.arange(5))
    with pytest.raises(ValueError, match="count is 5 and images are a loader's batches; a tensor or Dataset is needed"):
        told(network, [images], count=5)
    with pytest.raises(ValueError, match="count is 0"):
        told(network, images, count=0)


def test_maps_are_told(network, images):
    """Their values are compared place by place; one place, as of a pooled map, is no map."""
    for network, text in (
        (nn.Conv2d(3, 4, 3), "the output (4x15x9) has spatial extent"),
        (lambda x: x.flatten(2).transpose(1, 2), "the output (187x3) has spatial extent"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1)), None),
        (lambda x: x.flatten(1)[:, None], None),
    ):
        _, notes = told(network, images)
        assert [one.partition(",")[0] for one in notes] == ([text] if text else [])
    _, notes = told(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten()), images, layers="all")
    assert [one.partition(",")[0] for one in notes] == ["0 (4x15x9) and 1 more have spatial extent"]


IN_ORDER, ROTATED, SWAPPED = list(range(10)), [*range(1, 10), 0], [*range(7), 9, 8, 7]


@pytest.mark.parametrize(
    ("weights", "order", "is_told"),
    [("pretrained", IN_ORDER, 0), ("pretrained", ROTATED, 1), ("pretrained", SWAPPED, 1), ("init", IN_ORDER, 0)],
)
def test_labels_in_another_order_than_the_outputs_are_told(weights, order, is_told):
    digits = load_dataset("mnist5k")
    chosen = [digits[k] for k in choose(200, len(digits), 0)]
    images, labels = torch.stack([image for image, _ in chosen]), torch.tensor([label for _, label in chosen])
    network = load_model("lenet", dataset="mnist5k", weights=weights)
    found, notes = told(network, images, None, labels=torch.tensor(order)[labels])
    wrong = (network.eval()(images).argmax(1) != labels).float().mean().item()
    expected = (
        f"the test error is {found.test_error.value:.1%}, and would be {wrong:.1%} with the labels in another order"
    )
    assert [text.partition(";")[0] for text in notes] == [expected] * is_told


@pytest.mark.parametrize(
    ("copies", "labels", "bias"), [(1, torch.arange(10), 0), (5, torch.arange(10), 0), (1, torch.full((10,), 3), 1e4)]
)
def test_nothing_is_told_of_labels_that_fit_another_order_by_chance(copies, labels, bias):
    """So do those of few images, of which copies are one, and those of one class."""
    images = torch.randn(10, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    network = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 10))
    network[1].weight.data = images.flatten(1).roll(1, 0)  # image k has the class k + 1
    network[1].bias.data = bias * (torch.arange(10) == 7).float()
    found, notes = told(network, images.repeat(copies, 1, 1, 1), None, labels=labels.repeat(copies))
    assert found.test_error.value == 1
    assert not [text for text in notes if "another order" in text]
