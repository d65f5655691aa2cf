"""Augmentation: what comes out is a shifted, mirrored, deformed image of the batch, each drawn for itself."""

from itertools import product

import numpy as np
import pytest
import torch

from diffstab import MaxEntropyEnsemble, deform
from diffstab.options.train import TrainOptions
from diffstab.training.augment import Augmentation, shift_and_flip

FILL = torch.tensor([-1.0, -2.0])


def shifts_of(before, after, reach):
    """The shifts, and whether mirrored, that make one image of the other: by trying them all."""
    height, width = before.shape[1:]
    padded = {
        mirrored: np.stack(
            [
                np.pad(channel, reach, constant_values=float(value))
                for channel, value in zip(before[:, :, ::-1] if mirrored else before, FILL, strict=True)
            ]
        )
        for mirrored in (False, True)
    }
    kinds = product(range(2 * reach + 1), range(2 * reach + 1), padded)
    return [(dy, dx, m) for dy, dx, m in kinds if (padded[m][:, dy : dy + height, dx : dx + width] == after).all()]


@pytest.mark.parametrize("flip", [False, True])
def test_each_image_is_shifted_by_whole_pixels_within_reach(flip):
    images = torch.rand(60, 2, 7, 5)
    moved = shift_and_flip(images, 3, flip, FILL, torch.Generator().manual_seed(0))
    kinds = []
    for before, after in zip(images.numpy(), moved.numpy(), strict=True):
        (kind,) = shifts_of(before, after, 3)
        kinds.append(kind)
    assert len(set(kinds)) > 20  # of 49 shifts or 98 kinds, each image its own
    assert {dy for dy, _, _ in kinds} == {dx for _, dx, _ in kinds} == set(range(7))
    mirrored = sum(kind[2] for kind in kinds)
    assert (15 <= mirrored <= 45) if flip else mirrored == 0  # 60 fair coins: 4 sigma


def test_nothing_is_done_where_nothing_is_asked():
    images = torch.rand(3, 2, 7, 5)
    options = TrainOptions(translate=0, flip=False)
    assert Augmentation.of(options, (7, 5), FILL)(images, torch.Generator()) is images


def test_flips_alone_mirror_some_images_and_change_no_other():
    images = torch.rand(40, 2, 7, 5)
    moved = shift_and_flip(images, 0, True, FILL, torch.Generator().manual_seed(1))
    same, mirrored = ((moved == other).all(dim=(1, 2, 3)) for other in (images, images.flip(3)))
    assert (same ^ mirrored).all()
    assert same.any()
    assert mirrored.any()


def test_diffeomorphisms_are_those_of_the_ensemble():
    images = torch.rand(6, 2, 9, 9)
    options = TrainOptions(translate=0, flip=False, diffeo_temperature=1e-2, diffeo_cutoff=4)
    got = Augmentation.of(options, (9, 9), FILL)(images, torch.Generator().manual_seed(2))
    fields = MaxEntropyEnsemble(9, cutoff=4, temperature=1e-2).sample(6, generator=torch.Generator().manual_seed(2))
    assert torch.equal(got, deform(images, fields))
    assert len({tuple(c.flatten().tolist()) for c in fields.coefficients}) == 6  # one for each image


def test_one_mode_by_the_published_rule():
    """c = 1 keeps a mode under `half-integer`, as in the paper's Fig. 12, and none under `disk`."""
    images = torch.rand(6, 2, 9, 9)
    chosen = {"translate": 0, "flip": False, "diffeo_temperature": 1e-2, "diffeo_cutoff": 1}
    options = TrainOptions(**chosen, diffeo_cutoff_rule="half-integer")
    got = Augmentation.of(options, (9, 9), FILL)(images, torch.Generator().manual_seed(2))
    ensemble = MaxEntropyEnsemble(9, cutoff=1, temperature=1e-2, cutoff_rule="half-integer")
    assert ensemble.modes == 1
    assert torch.equal(got, deform(images, ensemble.sample(6, generator=torch.Generator().manual_seed(2))))


def test_all_three_are_drawn_in_turn():
    images = torch.rand(6, 2, 9, 9)
    options = TrainOptions(translate=2, flip=True, diffeo_temperature=1e-2)
    generator = torch.Generator().manual_seed(3)
    got = Augmentation.of(options, (9, 9), FILL)(images, generator)
    again = torch.Generator().manual_seed(3)
    moved = shift_and_flip(images, 2, True, FILL, again)
    fields = MaxEntropyEnsemble(9, cutoff=3, temperature=1e-2).sample(6, generator=again)
    assert torch.equal(got, deform(moved, fields))
    assert torch.equal(generator.get_state(), again.get_state())
    assert not torch.equal(got, Augmentation.of(options, (9, 9), FILL)(images, generator))
