"""Which images train: balanced by class, nested in size, disjoint from those held out; labels as noisy as asked."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from diffstab.data.load import load_dataset
from diffstab.options.train import TrainOptions
from diffstab.training.images import balanced, noisy_labels, prepare_images
from diffstab.training.start import epochs_of

LABELS = np.repeat(np.arange(5), [40, 41, 42, 43, 60])[np.random.default_rng(0).permutation(226)]


@pytest.mark.parametrize(("size", "holdout"), [(50, 0.1), (200, 0.25), (None, 0.1), (100, 0.0), (5, 0.0)])
def test_every_class_has_its_part_in_both(size, holdout):
    train, held = balanced(LABELS, 5, size, holdout, seed=3)
    assert not set(train) & set(held)
    assert len(train) + len(held) == (size or 226)
    whole = np.bincount(LABELS, minlength=5) if size is None else np.full(5, size // 5)
    np.testing.assert_array_equal(np.bincount(LABELS[held], minlength=5), np.round(holdout * whole))
    np.testing.assert_array_equal(np.bincount(LABELS[train], minlength=5), whole - np.round(holdout * whole))
    for part in (train, held):
        assert (np.diff(part) > 0).all()


def test_a_smaller_size_is_a_part_of_a_larger_one_and_seeds_differ():
    parts = [set(np.concatenate(balanced(LABELS, 5, size, 0.1, seed=0))) for size in (30, 50, 200, None)]
    assert all(small < large for small, large in pairwise(parts))
    assert parts[1] != set(np.concatenate(balanced(LABELS, 5, 50, 0.1, seed=1)))
    again = balanced(LABELS, 5, 50, 0.1, seed=0)
    assert parts[1] == set(np.concatenate(again))


def test_all_images_train_where_nothing_is_asked():
    train, held = balanced(LABELS, 5, None, 0.0, seed=0)
    np.testing.assert_array_equal(train, np.arange(226))
    assert not len(held)


@pytest.mark.parametrize(
    ("size", "holdout", "message"),
    [
        (230, 0.1, "train_size is 230, and there are 226 training images"),
        (52, 0.1, "train_size is 52, which 5 classes don't divide; take 50 or 55"),
        (3, 0.1, "train_size is 3, which 5 classes don't divide; take 5"),
        (225, 0.1, "train_size is 225, 45 of each class, and one class has 40 images only"),
        (20, 0.1, "holdout is 0.1, which is no image of 20 with 5 classes"),
        (20, 0.9, "holdout is 0.9, which leaves none of 20 images to train on"),
    ],
)
def test_what_can_not_be_had_is_told(size, holdout, message):
    with pytest.raises(ValueError, match=message):
        balanced(LABELS, 5, size, holdout, seed=0)


def test_label_noise_replaces_its_share_by_the_other_classes_alike():
    labels = np.repeat(np.arange(10), 2000)
    noisy = noisy_labels(labels, 0.3, 10, seed=0)
    replaced = noisy != labels
    # 5 sigma of 20,000 draws of probability 0.3; of 9 shifts of probability 1/9 each
    assert abs(replaced.mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 20000)
    shifts = np.bincount((noisy - labels)[replaced] % 10, minlength=10) / replaced.sum()
    assert shifts[0] == 0
    assert (abs(shifts[1:] - 1 / 9) < 5 * np.sqrt(1 / 9 / replaced.sum())).all()
    np.testing.assert_array_equal(noisy_labels(labels, 0.0, 10, seed=0), labels)
    more = noisy_labels(labels, 0.5, 10, seed=0)
    assert (more[replaced] == noisy[replaced]).all()  # what little noise replaces, more noise does alike


def test_validation_images_come_from_the_training_split():
    digits = {split: load_dataset("mnist5k", split=split) for split in ("train", "test")}
    kinds = {select: prepare_images(TrainOptions(select=select)) for select in ("validation", "last", "test")}
    assert [len(images.train) for images in kinds.values()] == [3600, 4000, 4000]
    assert len(kinds["validation"].watched) == 400
    assert kinds["last"].watched is kinds["last"].test
    split = kinds["validation"]
    together = torch.cat([split.train.images, split.watched.images]).flatten(1)
    whole = digits["train"].images.flatten(1)
    assert sorted(map(hash, map(bytes, together.numpy()))) == sorted(map(hash, map(bytes, whole.numpy())))
    assert torch.equal(split.test.images, digits["test"].images)


def test_fewer_images_keep_the_number_of_steps():
    for size in (10, 100, 250, 1000, 4000):
        options = TrainOptions(train_size=size, epochs=20, batch_size=128, select="last")
        images = prepare_images(options)
        assert (len(images.train), images.full) == (size, 4000)
        per_epoch = -(-size // 128)
        steps = epochs_of(options, size, images.full) * per_epoch
        assert 20 * 32 <= steps < 20 * 32 + per_epoch  # whole epochs


def test_noise_is_in_the_training_labels_alone():
    clean, noisy = (prepare_images(TrainOptions(label_noise=share)) for share in (0.0, 0.4))
    assert 0.3 < (clean.train.labels != noisy.train.labels).double().mean() < 0.5
    assert torch.equal(clean.train.images, noisy.train.images)
    assert torch.equal(clean.test.labels, noisy.test.labels)
