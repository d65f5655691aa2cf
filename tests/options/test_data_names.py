"""Data sets and splits under the names that other libraries give them."""

import pytest

from diffstab.data.load import EMBEDDED_SETS, LAYOUTS, STORED_SETS
from diffstab.options.data_names import DATASETS, EMBEDDED, SPLITS, dataset_named, split_named, split_of


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("MNIST", "mnist"),
        ("torch/mnist", "mnist"),
        ("Fashion-MNIST", "fashionmnist"),
        ("torch/fashion_mnist", "fashionmnist"),
        ("CIFAR-10", "cifar10"),
        ("torch/cifar100", "cifar100"),
        ("SVHN", "svhn"),
        ("tiny-imagenet-200", "tinyimagenet"),
        ("Tiny ImageNet", "tinyimagenet"),
        ("torch/ImageNet", "imagenet"),
        ("imagenette", "imagenette"),
        ("torch/image_folder", "folder"),
        *((name, name) for name in DATASETS),
    ],
)
def test_names_of_data_sets(spec, name):
    assert dataset_named(spec) == name


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mnist6k", r"dataset is 'mnist6k'; allowed: mnist5k, photos, mnist, .*, folder \(did you mean 'mnist5k'\?\)"),
        ("train", "dataset is 'train'; allowed"),
        ("", "dataset is ''; allowed"),
        (
            "tfds/mnist",
            r"dataset is 'tfds/mnist'; of timm's prefixes only torch/ is known, so give one of mnist5k",
        ),
        ("hfds/user/mnist", "only torch/ is known"),
        ("/mnist", "only torch/ is known"),
    ],
)
def test_unknown_data_sets_are_refused(spec, message):
    with pytest.raises(ValueError, match=message):
        dataset_named(spec)


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("train", "train"),
        ("Training", "train"),
        ("val", "val"),
        ("valid", "val"),
        ("Validation", "val"),
        ("eval", "val"),
        ("evaluation", "val"),
        ("TEST", "test"),
        ("testing", "test"),
        ("TrainSet", "train"),
        ("dev", "val"),
        ("extra", "extra"),
    ],
)
def test_a_split_has_one_name_whatever_it_is_called(spec, name):
    assert split_named(spec) == name


def test_unknown_splits_are_refused():
    for spec in ("trian", "folder", ""):
        with pytest.raises(ValueError, match=f"split is '{spec}'; allowed: train, val, test, extra"):
            split_named(spec)


@pytest.mark.parametrize(
    ("split", "has", "meant"),
    [
        ("train", ("train", "val"), "train"),
        ("val", ("train", "val"), "val"),
        ("test", ("train", "val"), "val"),
        ("val", ("train", "test"), "test"),
        ("val", ("train", "val", "test"), "val"),
        ("test", ("train", "val", "test"), "test"),
        ("extra", ("train", "test", "extra"), "extra"),
    ],
)
def test_val_and_test_stand_for_each_other_only_where_one_lacks(split, has, meant):
    assert split_of("x", split, has) == meant


@pytest.mark.parametrize(("split", "has"), [("train", ("test",)), ("extra", ("train", "val")), ("val", ("train",))])
def test_splits_that_a_data_set_lacks_are_refused(split, has):
    with pytest.raises(ValueError, match=f"split is '{split}'; the data set x has {', '.join(has)}$"):
        split_of("x", split, has)


def test_every_name_has_a_loader_and_every_stored_set_a_layout():
    assert (set(EMBEDDED_SETS), set(STORED_SETS)) == (set(EMBEDDED), set(DATASETS) - set(EMBEDDED))
    assert set(LAYOUTS) == set(STORED_SETS)
    assert [split_named(split) for split in SPLITS] == list(SPLITS)
