"""Masks, boxes and keypoints in kornia's shapes are those of the torchvision transform."""

import pytest
import torch
from kornia.augmentation import AugmentationSequential, RandomHorizontalFlip, RandomRotation
from kornia.constants import DataKey, Resample
from kornia.geometry.boxes import Boxes
from support.kornia_inputs import EDGES, KEYS, PLUS, SIZE, boxes, field_of, inputs, labels, points, rand
from torch import Tensor
from torchvision import tv_tensors

from diffstab import deform
from diffstab.fields.deformation import deform_labels
from diffstab.transforms.kornia import RandomDiffeomorphism
from diffstab.transforms.random_diffeomorphism import RandomDiffeomorphism as ForTorchvision

pytestmark = pytest.mark.slow


def test_a_turned_box_that_is_not_moved_stays_turned():
    rotation, still = RandomRotation((30.0, 30.0), p=1.0), RandomDiffeomorphism(temperature=0, p=1.0)
    around = Boxes.from_tensor(boxes(2), mode="xyxy_plus")
    both = AugmentationSequential(rotation, still, data_keys=["input", "bbox"])
    alone = AugmentationSequential(rotation, data_keys=["input", "bbox"])
    corners = alone(rand(2, 3, *SIZE), around.clone())[1].data
    assert torch.equal(both(rand(2, 3, *SIZE), around)[1].data, corners)
    assert (corners[..., 0, 1] - corners[..., 1, 1]).abs().max() > 0.1


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32])
def test_masks_take_the_nearest_label(dtype):
    augmentation = RandomDiffeomorphism(delta=2.0, p=1.0)
    mask = labels(5, 2, *SIZE).to(dtype)
    _, found = AugmentationSequential(augmentation, data_keys=["input", "mask"])(rand(5, 3, *SIZE), mask)
    assert found.dtype == dtype
    field = field_of(augmentation)
    for place in range(5):
        assert torch.equal(found[place], deform_labels(mask[place], field[place]))
    listed = AugmentationSequential(augmentation, data_keys=["input", "mask"])(rand(5, 3, *SIZE), list(mask.float()))[1]
    field = field_of(augmentation)
    assert torch.equal(listed[3].view(2, *SIZE), deform_labels(mask[3].float(), field[3]))


def test_soft_masks_on_request():
    augmentation = RandomDiffeomorphism(delta=2.0, p=1.0)
    extra = {DataKey.MASK: {"resample": Resample.BILINEAR}}
    both = AugmentationSequential(augmentation, data_keys=["input", "mask"], extra_args=extra)
    mask = rand(4, 1, *SIZE)
    assert torch.equal(both(rand(4, 3, *SIZE), mask)[1], deform(mask, field_of(augmentation)))


def test_boxes_and_keypoints_are_those_of_the_torchvision_transform():
    augmentation = RandomDiffeomorphism(cutoff=4, delta=0.8, only_diffeomorphisms=True, p=1.0)
    _, _, around, there = AugmentationSequential(augmentation, data_keys=KEYS)(*inputs(4))
    field = field_of(augmentation)
    twin = ForTorchvision(delta=1.0)
    for place in range(4):
        params = {"field": field[place : place + 1], "moved": torch.ones(1, dtype=torch.bool), "lead": torch.Size()}
        wanted = twin.transform(tv_tensors.BoundingBoxes(EDGES, format="XYXY", canvas_size=SIZE), params)
        torch.testing.assert_close(around[place] + PLUS, wanted.as_subclass(Tensor), rtol=0, atol=1e-5)
        exact = field[place].destination_of(points(1)[0].double()).points
        torch.testing.assert_close(there[place].double(), exact, rtol=0, atol=1e-5)
    assert torch.equal(around[:, 0], boxes(4)[:, 0])  # the image's edges stay
    assert (around[:, 1:] - boxes(4)[:, 1:]).abs().max() > 0.1


def test_boxes_contain_their_deformed_outline():
    augmentation = RandomDiffeomorphism(cutoff=4, delta=0.8, only_diffeomorphisms=True, p=1.0)
    found = AugmentationSequential(augmentation, data_keys=["input", "bbox_xyxy"])(rand(3, 1, *SIZE), boxes(3))[1]
    share = torch.linspace(0, 1, 300, dtype=torch.float64)
    for place in range(3):
        for box, start in zip((found[place] + PLUS).double(), EDGES.double(), strict=True):
            left, top, right, bottom = start
            x, y = torch.lerp(left, right, share), torch.lerp(top, bottom, share)
            sides = [(x, top.expand(300)), (x, bottom.expand(300)), (left.expand(300), y), (right.expand(300), y)]
            edge = torch.cat([torch.stack(side, 1) for side in sides])
            there = field_of(augmentation)[place].destination_of(edge - 0.5).points + 0.5
            wanted = torch.cat([there.amin(0), there.amax(0)])
            torch.testing.assert_close(box, wanted, rtol=0, atol=0.02)


def test_vertices_and_padded_lists_of_boxes():
    augmentation = RandomDiffeomorphism(delta=1.5, p=1.0)
    both = AugmentationSequential(augmentation, data_keys=["input", "bbox_xyxy"])
    images, around = rand(2, 1, *SIZE), boxes(2)
    whole = both(images, around)[1]
    short = both(images, [around[0], around[1, :1]], params=both._params)[1]
    assert [len(one) for one in short] == [3, 1]
    torch.testing.assert_close(short[0], whole[0])
    x, y, right, bottom = around.unbind(-1)
    corners = torch.stack([x, y, right, y, right, bottom, x, bottom], -1).view(2, 3, 4, 2)
    turn = both(images, corners, params=both._params, data_keys=["input", "bbox"])[1]
    torch.testing.assert_close(turn[..., 0, :], whole[..., :2])
    torch.testing.assert_close(turn[..., 2, :], whole[..., 2:])


def test_a_dot_goes_where_its_keypoint_goes():
    size = (90, 70)
    start = torch.tensor([[20.0, 30.0], [35.3, 61.7], [50.0, 20.5], [40.0, 45.0]], dtype=torch.float64)
    rows, columns = (torch.arange(n, dtype=torch.float64) for n in size)
    squared = (columns - start[:, 0, None, None]) ** 2 + (rows[:, None] - start[:, 1, None, None]) ** 2
    dots = torch.exp(-squared / 2)[:, None]
    both = AugmentationSequential(
        RandomDiffeomorphism(cutoff=3, delta=2.5, p=1.0), RandomHorizontalFlip(p=0.5), data_keys=["input", "keypoints"]
    )
    for seed in range(5):
        torch.manual_seed(seed)
        found, there = both(dots, start[:, None])
        total = found.sum((1, 2, 3))
        x = (found * columns).sum((1, 2, 3)) / total
        y = (found * rows[:, None]).sum((1, 2, 3)) / total
        assert (torch.stack([x, y], 1) - there[:, 0]).abs().max() < 0.1
