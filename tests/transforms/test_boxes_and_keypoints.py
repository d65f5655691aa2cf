"""Masks, boxes and keypoints follow their image."""

from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.deformed_inputs import FORMATS, ROTATED, SIZE, boxes, pil, rand
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from diffstab.fields.deformation import deform_labels
from diffstab.transforms.random_diffeomorphism import RandomDiffeomorphism


@pytest.mark.parametrize("mode", ["1", "P", "PA"])
def test_indices_of_colours_are_not_mixed(mode):
    few = pil(mode)
    if mode == "P":  # two colours far apart in the palette
        few = PIL.Image.fromarray(200 * (rand(*SIZE) > 0.5).byte().numpy())
        few.putpalette(list(range(256)) * 3)
    found = RandomDiffeomorphism(delta=2.0, p=1.0)(few)
    assert found.mode == mode
    assert set(np.unique(np.array(found))) <= set(np.unique(np.array(few)))
    assert found.getpalette() == few.getpalette()


def test_masks_take_the_nearest_label():
    labels = torch.randint(0, 7, (4, *SIZE), generator=torch.Generator().manual_seed(1))
    transform = RandomDiffeomorphism(delta=2.0, p=1.0)
    params = transform.make_params([rand(3, *SIZE)])
    found = transform.transform(tv_tensors.Mask(labels), params)
    x, y = params["field"].to(dtype=torch.float64).source_positions()
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            k, line = float(x[0, row, column]), float(y[0, row, column])
            near = [
                labels[:, r, c]
                for r in range(SIZE[0])
                for c in range(SIZE[1])
                if max(abs(r - min(max(line, 0), 16)), abs(c - min(max(k, 0), 10))) <= 0.5 + 1e-5
            ]
            assert any(torch.equal(found[:, row, column], label) for label in near)


def test_masks_of_a_batch_follow_their_images():
    labels = torch.randint(0, 7, (5, 2, *SIZE), generator=torch.Generator().manual_seed(1))
    transform = RandomDiffeomorphism(delta=2.0, p=1.0)
    params = transform.make_params([rand(5, 3, *SIZE)])
    for shape in (labels, labels[:, 0]):
        found = transform.transform(tv_tensors.Mask(shape), params)
        for place in range(5):
            assert torch.equal(found[place], deform_labels(shape[place], params["field"][place]))


def dot(x: float, y: float, size: tuple[int, int]) -> Tensor:
    """A bright dot at (x, y), `[1, H, W]`."""
    rows, columns = (torch.arange(n, dtype=torch.float64) for n in size)
    return torch.exp(-((columns - x) ** 2 + (rows[:, None] - y) ** 2) / 2 / 1.5**2)[None]


def centroid(image: Tensor) -> tuple[float, float]:
    rows, columns = (torch.arange(n, dtype=torch.float64) for n in image.shape[-2:])
    total = image.sum()
    return float((image * columns).sum() / total), float((image * rows[:, None]).sum() / total)


@pytest.mark.parametrize("seed", range(10))
def test_a_dot_goes_where_its_keypoint_goes(seed):
    size = (180, 140)
    transform = RandomDiffeomorphism(cutoff=3, delta=3.0, generator=torch.Generator().manual_seed(seed), p=1.0)
    points = torch.tensor([[40.0, 60.0], [70.3, 123.7], [100.0, 40.5], [80.0, 90.0]], dtype=torch.float64)
    images = torch.stack([dot(x, y, size) for x, y in points.tolist()])
    found, there = transform(tv_tensors.Image(images), tv_tensors.KeyPoints(points[:, None], canvas_size=size))
    for image, point in zip(found, there[:, 0].tolist(), strict=True):
        # where the field is curved the dot's own width adds 1.5^2 / 2 times the curvature, some 0.02 pixels
        assert centroid(image) == pytest.approx(point, abs=0.1)


def test_keypoints_of_whole_numbers_and_outside():
    transform = RandomDiffeomorphism(delta=2.0, p=1.0)
    points = tv_tensors.KeyPoints([[3, 5], [-4, 30], [0, 16], [10, 0]], canvas_size=SIZE)
    params = transform.make_params([points])
    found = transform.transform(points, params)
    exact = transform.transform(tv_tensors.KeyPoints(points.double(), canvas_size=SIZE), params)
    assert found.dtype == torch.int64
    assert torch.equal(found, exact.round().long())
    assert torch.equal(found[1:], points[1:])  # outside, and on the frame


def outline(corners: Tensor, field: Any) -> Tensor:
    """Where 500 points on each side of a box go, in its own edge coordinates: `[2000, 2]`."""
    share = torch.linspace(0, 1, 500, dtype=torch.float64)[:, None]
    sides = [torch.lerp(corners[k], corners[(k + 1) % 4], share) for k in range(4)]
    return field.destination_of(torch.cat(sides) - 0.5).points + 0.5


@pytest.mark.parametrize("form", [*FORMATS, *ROTATED])
def test_boxes_bound_their_outline_and_no_more(form):
    transform = RandomDiffeomorphism(cutoff=3, delta=0.8, generator=torch.Generator().manual_seed(0), p=1.0)
    to_corners = v2.ConvertBoundingBoxFormat("XYXYXYXY" if form in ROTATED else "XYXY")
    for _ in range(5):
        params = transform.make_params([boxes(form)])
        found = to_corners(transform.transform(boxes(form), params))
        for start, box in zip(to_corners(boxes(form)).double(), found.double(), strict=True):
            corners, (p, q, _, s) = quad(start), quad(box)
            before, after = corners[1] - corners[0], q - p
            torch.testing.assert_close(after / after.norm(), before / before.norm(), rtol=0, atol=1e-4)  # its angle
            points = outline(corners, params["field"][0]) - p
            for side in (q - p, s - p):
                along = points @ (side / side.norm())
                assert -0.01 < along.min() < 0.01
                assert side.norm() - 0.01 < along.max() < side.norm() + 0.01


def quad(box: Tensor) -> Tensor:
    """Its corners in turn, `[4, 2]`."""
    if len(box) == 8:
        return box.view(4, 2)
    left, top, right, bottom = box
    return torch.stack([torch.stack(corner) for corner in ((left, top), (right, top), (right, bottom), (left, bottom))])


@pytest.mark.parametrize("form", FORMATS)
def test_boxes_of_whole_numbers_contain_the_exact_ones(form):
    transform = RandomDiffeomorphism(cutoff=3, delta=0.8, generator=torch.Generator().manual_seed(1), p=1.0)
    corner = v2.ConvertBoundingBoxFormat("XYXY")
    whole = v2.ConvertBoundingBoxFormat(form)(
        tv_tensors.BoundingBoxes([[2, 4, 8, 10], [1, 1, 3, 5]], format="XYXY", canvas_size=SIZE)
    )
    for _ in range(20):
        params = transform.make_params([whole])
        found = corner(transform.transform(whole, params))
        exact = corner(transform.transform(tv_tensors.wrap(whole.double(), like=whole), params))
        assert found.dtype == torch.int64
        assert (found[:, :2] <= exact[:, :2]).all()
        assert (found[:, 2:] >= exact[:, 2:]).all()
        assert (found - exact).abs().max() < (2.001 if form == "CXCYWH" else 1)


def test_boxes_at_the_edge_stay_there():
    whole = tv_tensors.BoundingBoxes([[0.0, 0.0, 11.0, 17.0], [0.0, 5.0, 4.0, 17.0]], format="XYXY", canvas_size=SIZE)
    found = RandomDiffeomorphism(delta=2.0, p=1.0)(whole)
    assert torch.equal(found[0], whole[0])
    assert (found[1, 0], found[1, 3]) == (0, 17)
    empty = tv_tensors.BoundingBoxes(torch.zeros(0, 4), format="XYWH", canvas_size=SIZE)
    assert RandomDiffeomorphism(delta=2.0, p=1.0)(empty).shape == (0, 4)


def test_one_field_for_a_batch_moves_its_boxes():
    transform = RandomDiffeomorphism(delta=1.0, per_image=False, p=1.0)
    images, around = transform(tv_tensors.Image(rand(4, 3, *SIZE)), boxes())
    assert images.shape == (4, 3, *SIZE)
    assert not torch.equal(around, boxes())


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(2, 60),
    width=st.integers(2, 60),
    data=st.lists(st.tuples(*[st.floats(-0.2, 1.2)] * 4), max_size=5),
    form=st.sampled_from(FORMATS),
)
def test_any_boxes_hold_where_their_middle_goes(height, width, data, form):
    """Boxes contain where their middle goes, never leave the image if they were inside, and are in order."""
    ends = torch.tensor(data, dtype=torch.float64).view(-1, 2, 2).sort(1).values * torch.tensor([width, height])
    before = tv_tensors.BoundingBoxes(ends.flatten(1), format="XYXY", canvas_size=(height, width))
    transform = RandomDiffeomorphism(cutoff=2, delta=min(height, width) / 60, p=1.0)
    given_form = v2.ConvertBoundingBoxFormat(form)(before)
    params = transform.make_params([given_form])
    found = v2.ConvertBoundingBoxFormat("XYXY")(transform.transform(given_form, params))
    assert (found[:, :2] <= found[:, 2:] + 1e-9).all()
    inside = (ends >= 0).all((1, 2)) & (ends <= torch.tensor([width, height])).all((1, 2))
    assert (found[inside] >= -1e-9).all()
    assert (found[inside].view(-1, 2, 2) <= torch.tensor([width, height], dtype=torch.float64) + 1e-9).all()
    middle = params["field"][0].destination_of(ends.mean(1) - 0.5).points + 0.5
    assert (found[:, :2] - 1e-3 <= middle).all()
    assert (middle <= found[:, 2:] + 1e-3).all()
