"""RandomDiffeomorphism on every kind of input that torchvision's transforms take."""

import copy
import pickle
import sys
import warnings
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from diffstab import deform
from diffstab.fields.deformation import deform_labels
from diffstab.transforms.random_diffeomorphism import RandomDiffeomorphism

SIZE = (17, 11)
MODES = "1 L P RGB RGBA CMYK YCbCr HSV LAB I F I;16 LA PA".split()
FORMATS = ("XYXY", "XYWH", "CXCYWH")
ROTATED = ("XYWHR", "CXCYWHR", "XYXYXYXY")


def rand(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(3))


def pil(mode: str, size: tuple[int, int] = SIZE) -> PIL.Image.Image:
    pixels = PIL.Image.fromarray((255 * rand(*size, 3)).byte().numpy())
    through = {"I;16": "I", "PA": "P"}.get(mode)
    return (
        pixels.convert("L").convert("I").convert(mode)
        if through == "I"
        else (pixels.convert(through).convert(mode) if through else pixels.convert(mode))
    )


def boxes(form: str = "XYXY", canvas: tuple[int, int] = SIZE) -> tv_tensors.BoundingBoxes:
    if form in ROTATED:
        data = torch.tensor([[5.0, 8.0, 4.0, 6.0, 30.0], [4.0, 9.0, 3.0, 2.0, -75.0], [5.5, 8.5, 5.0, 5.0, 0.0]])
        found = tv_tensors.BoundingBoxes(data, format="CXCYWHR", canvas_size=canvas)
    else:
        data = torch.tensor([[2.0, 3.0, 8.0, 9.5], [0.0, 0.0, 11.0, 17.0], [4.5, 6.0, 5.0, 16.0]])
        found = tv_tensors.BoundingBoxes(data, format="XYXY", canvas_size=canvas)
    return v2.ConvertBoundingBoxFormat(form)(found)


def keypoints(canvas: tuple[int, int] = SIZE) -> tv_tensors.KeyPoints:
    return tv_tensors.KeyPoints([[[3.0, 5.5], [0.0, 16.0]], [[9.2, 1.1], [-4.0, 30.0]]], canvas_size=canvas)


INPUTS: dict[str, Any] = {
    **{f"PIL {mode}": pil(mode) for mode in MODES},
    **{
        str(dtype): rand(2, 3, *SIZE).to(dtype)
        for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64)
    },
    **{
        str(dtype): (100 * rand(2, 3, *SIZE)).to(dtype) for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32)
    },
    "uint16": (60_000 * rand(3, *SIZE)).to(torch.uint16),
    "image": tv_tensors.Image(rand(3, *SIZE)),
    "video": tv_tensors.Video(rand(2, 5, 3, *SIZE)),
    "mask": tv_tensors.Mask((5 * rand(4, *SIZE)).long()),
    "bool mask": tv_tensors.Mask(rand(*SIZE) > 0.5),
    **{form: boxes(form) for form in (*FORMATS, *ROTATED)},
    "keypoints": keypoints(),
}


def same(one: Any, other: Any) -> bool:
    if isinstance(one, PIL.Image.Image):
        return one.mode == other.mode and np.array_equal(np.array(one), np.array(other))
    return type(one) is type(other) and one.dtype == other.dtype and torch.equal(one, other)


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize(
    "arguments", [{"temperature": 0}, {"delta": 3.0, "p": 0}, {"delta": 0, "interpolation": "gaussian"}]
)
def test_what_is_not_moved_is_the_same_bit_for_bit(name, arguments):
    assert same(RandomDiffeomorphism(**arguments)(INPUTS[name]), INPUTS[name])


@pytest.mark.parametrize("name", INPUTS)
def test_kind_and_shape_stay(name):
    before = copy.deepcopy(INPUTS[name])
    found = RandomDiffeomorphism(delta=2.0)(INPUTS[name])
    assert same(INPUTS[name], before)  # inputs are not changed
    assert not same(found, before)
    if isinstance(found, PIL.Image.Image):
        assert (found.mode, found.size) == (before.mode, before.size)
        assert found.getpalette() == before.getpalette()
    else:
        assert (type(found), found.dtype, found.shape) == (type(before), before.dtype, before.shape)
    if isinstance(found, (tv_tensors.BoundingBoxes, tv_tensors.KeyPoints)):
        assert found.canvas_size == before.canvas_size
    if isinstance(found, tv_tensors.BoundingBoxes):
        assert found.format == before.format


@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
def test_images_are_deformed_along_the_fields(interpolation):
    transform = RandomDiffeomorphism(delta=2.0, interpolation=interpolation)
    images = rand(5, 3, *SIZE)
    params = transform.make_params([images])
    assert params["field"].shape == (5,)
    assert torch.equal(transform.transform(images, params), deform(images, params["field"], interpolation))


def test_pil_and_whole_numbers_are_rounded_floats():
    transform = RandomDiffeomorphism(delta=2.0)
    image = pil("RGB")
    params = transform.make_params([image])
    pixels = v2.functional.pil_to_tensor(image)
    wanted = deform(pixels.double(), params["field"][0])
    for found in (v2.functional.pil_to_tensor(transform.transform(image, params)), transform.transform(pixels, params)):
        assert found.dtype == torch.uint8
        torch.testing.assert_close(found.double(), wanted, rtol=0, atol=0.5001)
    # batches that are floats a few at a time
    many = (255 * rand(40, 3, 150, 160)).byte()
    params = transform.make_params([many])
    wanted = deform(many.float(), params["field"])
    torch.testing.assert_close(transform.transform(many, params).float(), wanted, rtol=0, atol=0.501)


def moved(found: Tensor, images: Tensor) -> Tensor:
    return (found != images).flatten(1).any(1)


def test_each_image_of_a_batch_has_its_own_field():
    images = rand(1, 3, *SIZE).expand(6, -1, -1, -1)
    found = RandomDiffeomorphism(delta=2.0)(images)
    assert len({tuple(one.flatten().tolist()) for one in found}) == 6
    found = RandomDiffeomorphism(delta=2.0, per_image=False)(images)
    assert all(torch.equal(one, found[0]) for one in found[1:])
    nested = RandomDiffeomorphism(delta=2.0)(images.view(2, 3, 3, *SIZE))
    assert len({tuple(one.flatten().tolist()) for one in nested.flatten(0, 1)}) == 6


def test_a_clip_has_one_field():
    frame = rand(3, *SIZE)
    found = RandomDiffeomorphism(delta=2.0)(tv_tensors.Video(frame.expand(2, 5, 3, *SIZE)))
    assert all(torch.equal(one, found[0, 0]) for one in found[0])
    assert not torch.equal(found[0, 0], found[1, 0])


def test_p_is_the_chance_of_each_image():
    images = rand(1, 3, *SIZE).expand(1000, -1, -1, -1)
    found = moved(RandomDiffeomorphism(delta=2.0, p=0.3)(images), images)
    assert found.double().mean() == pytest.approx(0.3, abs=5 * (0.21 / 1000) ** 0.5)


def test_those_that_are_moved_are_moved_along_their_own_fields():
    images = rand(12, 3, *SIZE)
    transform = RandomDiffeomorphism(delta=2.0, p=0.5, generator=torch.Generator().manual_seed(0))
    params = transform.make_params([images])
    found = transform.transform(images, params)
    assert 0 < params["moved"].sum() < 12
    for place, is_moved in enumerate(params["moved"].tolist()):
        alone = deform(images[place], params["field"][place])
        torch.testing.assert_close(found[place], alone if is_moved else images[place], rtol=0, atol=1e-6)


@pytest.mark.parametrize("mode", ["1", "P", "PA"])
def test_indices_of_colours_are_not_mixed(mode):
    few = pil(mode)
    if mode == "P":  # two colours far apart in the palette
        few = PIL.Image.fromarray(200 * (rand(*SIZE) > 0.5).byte().numpy())
        few.putpalette(list(range(256)) * 3)
    found = RandomDiffeomorphism(delta=2.0)(few)
    assert found.mode == mode
    assert set(np.unique(np.array(found))) <= set(np.unique(np.array(few)))
    assert found.getpalette() == few.getpalette()


def test_masks_take_the_nearest_label():
    labels = torch.randint(0, 7, (4, *SIZE), generator=torch.Generator().manual_seed(1))
    transform = RandomDiffeomorphism(delta=2.0)
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
    transform = RandomDiffeomorphism(delta=2.0)
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
    transform = RandomDiffeomorphism(cutoff=3, delta=3.0, generator=torch.Generator().manual_seed(seed))
    points = torch.tensor([[40.0, 60.0], [70.3, 123.7], [100.0, 40.5], [80.0, 90.0]], dtype=torch.float64)
    images = torch.stack([dot(x, y, size) for x, y in points.tolist()])
    found, there = transform(tv_tensors.Image(images), tv_tensors.KeyPoints(points[:, None], canvas_size=size))
    for image, point in zip(found, there[:, 0].tolist(), strict=True):
        # where the field is curved the dot's own width adds 1.5^2 / 2 times the curvature, some 0.02 pixels
        assert centroid(image) == pytest.approx(point, abs=0.1)


def test_keypoints_of_whole_numbers_and_outside():
    transform = RandomDiffeomorphism(delta=2.0)
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
    transform = RandomDiffeomorphism(cutoff=3, delta=0.8, generator=torch.Generator().manual_seed(0))
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
    transform = RandomDiffeomorphism(cutoff=3, delta=0.8, generator=torch.Generator().manual_seed(1))
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
    found = RandomDiffeomorphism(delta=2.0)(whole)
    assert torch.equal(found[0], whole[0])
    assert (found[1, 0], found[1, 3]) == (0, 17)
    empty = tv_tensors.BoundingBoxes(torch.zeros(0, 4), format="XYWH", canvas_size=SIZE)
    assert RandomDiffeomorphism(delta=2.0)(empty).shape == (0, 4)


def test_nested_inputs_share_a_field_and_the_rest_passes():
    transform = RandomDiffeomorphism(delta=2.0)
    image = tv_tensors.Image(rand(3, *SIZE))
    sample = {"image": image, "more": [tv_tensors.Mask(rand(*SIZE) > 0.5), "text", 3, None, rand(2)], "again": (image,)}
    found = transform(sample)
    assert torch.equal(found["image"], found["again"][0])
    assert found["more"][1:4] == ["text", 3, None]
    assert found["more"][4] is sample["more"][4]  # a pure tensor beside an image is none
    assert not torch.equal(found["more"][0], sample["more"][0])
    assert transform("text") == "text"
    array = np.zeros((17, 11, 3))
    assert transform(array) is array


def test_it_is_pickled_copied_and_told():
    transform = RandomDiffeomorphism(cutoff=(2, 5), delta=(1, 2), p=0.5)
    images = rand(4, 3, *SIZE)
    results = []
    for one in (transform, pickle.loads(pickle.dumps(transform)), copy.deepcopy(transform)):
        torch.manual_seed(5)
        results.append(one(images))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])
    assert repr(transform) == (
        "RandomDiffeomorphism(cutoff=(2.0, 5.0), delta=(1.0, 2.0), p=0.5, interpolation=bilinear, per_image=True, "
        "only_diffeomorphisms=False)"
    )
    assert "temperature=range" in repr(RandomDiffeomorphism())
    both = v2.Compose([transform, v2.RandomApply([RandomDiffeomorphism(delta=1)], p=1.0)])
    assert both(images).shape == images.shape


def test_a_generator_takes_the_place_of_the_global_one():
    images = rand(4, 3, *SIZE)
    state = torch.random.get_rng_state()
    found = [
        RandomDiffeomorphism(
            cutoff=(2, 5),
            temperature="range",
            temperature_shape=(3.0, 1.0),
            p=0.5,
            generator=torch.Generator().manual_seed(7),
        )(images)
        for _ in range(2)
    ]
    assert torch.equal(*found)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.fixture
def scripting():
    """torch.jit.script is on its way out, and says so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("arguments", [{"delta": 2.0}, {"cutoff": 5, "temperature": 0.004}, {"delta": (0.5, 2.0)}])
def test_scripted_it_draws_the_same_law(scripting, arguments):
    """The mean squared change of coordinates is that of the transform within 5 standard errors of 2,000 fields."""
    transform = RandomDiffeomorphism(**arguments)
    scripted = torch.jit.script(transform)
    columns = torch.arange(11.0).expand(2000, 1, *SIZE)
    torch.manual_seed(1)
    changes = [(one(columns) - columns).square().mean((1, 2, 3)) for one in (transform, scripted)]
    error = (sum(change.var() for change in changes) / 2000) ** 0.5
    assert abs(changes[0].mean() - changes[1].mean()) < 5 * error
    image = (255 * rand(3, *SIZE)).byte()
    assert scripted(image).dtype == torch.uint8
    assert scripted(rand(2, 0, 3, *SIZE)).shape == (2, 0, 3, *SIZE)
    still = torch.jit.script(RandomDiffeomorphism(temperature=0))
    assert torch.equal(still(image), image)
    often = torch.jit.script(RandomDiffeomorphism(delta=2.0, p=0.3))(columns)
    assert moved(often, columns).double().mean() == pytest.approx(0.3, abs=5 * (0.21 / 2000) ** 0.5)
    one_field = torch.jit.script(RandomDiffeomorphism(delta=2.0, per_image=False))(columns)
    assert torch.equal(one_field, one_field[:1].expand_as(one_field))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "one cutoff and a given temperature or delta"),
        ({"cutoff": (2, 5), "delta": 1}, "one cutoff and"),
        ({"delta": 1, "only_diffeomorphisms": True}, "one cutoff and"),
        ({"delta": (1, 2), "temperature_shape": (3, 1)}, "uniform"),
        ({"delta": 1, "interpolation": "gaussian"}, "bilinear and without a generator"),
    ],
)
def test_what_cannot_be_scripted_is_refused(scripting, arguments, message):
    with pytest.raises(RuntimeError, match=message):
        torch.jit.script(RandomDiffeomorphism(**arguments))


def test_gradients_reach_the_images():
    images = rand(2, 3, *SIZE).requires_grad_()
    RandomDiffeomorphism(delta=2.0, p=0.9)(images).sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


@pytest.mark.parametrize("arguments", [{}, {"p": 0.5}, {"interpolation": "gaussian"}, {"per_image": False}])
def test_images_and_masks_stay_on_their_device(arguments):
    """On the meta device a stray CPU tensor is an error."""
    torch.manual_seed(0)
    transform = RandomDiffeomorphism(cutoff=(2, 4), delta=1.0, **arguments)
    images = tv_tensors.Image(torch.empty(8, 3, *SIZE, device="meta"))
    masks = tv_tensors.Mask(torch.empty(8, *SIZE, dtype=torch.uint8, device="meta"))
    for found, before in zip(transform(images, masks), (images, masks), strict=True):
        assert (found.device.type, found.shape, found.dtype) == ("meta", before.shape, before.dtype)
    whole = torch.empty(8, 3, *SIZE, dtype=torch.uint8, device="meta")
    assert transform(whole).device.type == "meta"


def test_only_diffeomorphisms():
    transform = RandomDiffeomorphism(cutoff=5, temperature=0.006, only_diffeomorphisms=True)
    field = transform.make_params([rand(200, 1, 32, 32)])["field"]
    assert not field.folds().any()
    assert transform.rejected > 0


class Images(Dataset[Tensor]):
    """The same image many times, augmented."""

    def __init__(self, transform: RandomDiffeomorphism) -> None:
        self.transform = transform

    def __len__(self) -> int:
        return 24

    def __getitem__(self, place: int) -> Tensor:
        found: Tensor = self.transform(rand(3, *SIZE))
        return found


def epoch(transform: RandomDiffeomorphism) -> Tensor:
    torch.manual_seed(11)
    return torch.cat(list(DataLoader(Images(transform), batch_size=4, num_workers=2)))


def test_workers_of_a_data_loader_draw_their_own():
    transform = RandomDiffeomorphism(cutoff=(2, 5), delta=(1.0, 2.0))
    first, second = epoch(transform), epoch(transform)
    assert torch.equal(first, second)
    assert len({tuple(one.flatten().tolist()) for one in first}) == 24


def test_a_generator_is_refused_in_workers(monkeypatch):
    monkeypatch.setattr(sys.modules[RandomDiffeomorphism.__module__], "get_worker_info", lambda: "a worker")
    assert RandomDiffeomorphism(delta=1.0)(rand(3, *SIZE)).shape == (3, *SIZE)
    with pytest.raises(ValueError, match="every worker of the data loader has a copy"):
        RandomDiffeomorphism(delta=1.0, generator=torch.Generator())(rand(3, *SIZE))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"temperature": 0.1, "delta": 1}, ValueError, "both of temperature and delta given"),
        ({"delta": (3, 1)}, ValueError, "reversed"),
        ({"delta": 1, "p": 1.5}, ValueError, "p is 1.5; a probability"),
        ({"delta": 1, "p": "often"}, TypeError, "p is 'often'"),
        (
            {"delta": 1, "interpolation": "nearest"},
            ValueError,
            "interpolation is 'nearest'; allowed: bilinear, gaussian",
        ),
    ],
)
def test_bad_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        RandomDiffeomorphism(**arguments)


NO_CANVAS = tv_tensors.wrap(torch.zeros(1, 4), like=boxes(), canvas_size=None)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([NO_CANVAS], "BoundingBoxes have no canvas_size"),
        ([tv_tensors.Image(rand(3, 8, 9)), boxes()], r"several sizes: 8 x 9 \(Image\), 17 x 11 \(BoundingBoxes\)"),
        ([tv_tensors.Image(rand(4, 3, *SIZE)), boxes()], r"a BoundingBoxes beside a batch \(4,\)"),
        ([tv_tensors.Image(rand(4, 3, *SIZE)), pil("RGB")], r"a Image beside a batch \(4,\)"),
        ([tv_tensors.Image(rand(4, 3, *SIZE)), keypoints()], r"shape \(2, 2, 2\) beside a batch \(4,\)"),
        (
            [tv_tensors.Image(rand(4, 3, *SIZE)), tv_tensors.Image(rand(3, *SIZE))],
            r"\(3, 17, 11\) beside a batch \(4,\)",
        ),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs, message):
    with pytest.raises(ValueError, match=message):
        RandomDiffeomorphism(delta=1.0)(inputs)


def test_one_field_for_a_batch_moves_its_boxes():
    transform = RandomDiffeomorphism(delta=1.0, per_image=False)
    images, around = transform(tv_tensors.Image(rand(4, 3, *SIZE)), boxes())
    assert images.shape == (4, 3, *SIZE)
    assert not torch.equal(around, boxes())


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(2, 40),
    width=st.integers(2, 40),
    lead=st.lists(st.integers(0, 3), max_size=2),
    channels=st.integers(1, 4),
    dtype=st.sampled_from([torch.uint8, torch.int16, torch.float16, torch.float32, torch.float64]),
    p=st.sampled_from([0.0, 0.5, 1.0]),
    cutoff=st.sampled_from([2, 3, (2, 4)]),
)
def test_any_shape_and_dtype(height, width, lead, channels, dtype, p, cutoff):
    images = (100 * rand(*lead, channels, height, width)).to(dtype)
    found = RandomDiffeomorphism(cutoff=cutoff, delta=1.0, p=p)(images)
    assert (found.shape, found.dtype) == (images.shape, dtype)
    if images.numel():
        assert images.min() - 0.1 <= found.min()
        assert found.max() <= images.max() + 0.1


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(2, 60),
    width=st.integers(2, 60),
    data=st.lists(st.tuples(*[st.floats(-0.2, 1.2)] * 4), max_size=5),
    form=st.sampled_from(FORMATS),
)
def test_any_boxes(height, width, data, form):
    """Boxes contain where their middle goes, never leave the image if they were inside, and are in order."""
    ends = torch.tensor(data, dtype=torch.float64).view(-1, 2, 2).sort(1).values * torch.tensor([width, height])
    before = tv_tensors.BoundingBoxes(ends.flatten(1), format="XYXY", canvas_size=(height, width))
    transform = RandomDiffeomorphism(cutoff=2, delta=min(height, width) / 60)
    given_form = v2.ConvertBoundingBoxFormat(form)(before)
    params = transform.make_params([given_form])
    found = v2.ConvertBoundingBoxFormat("XYXY")(transform.transform(given_form, params))
    assert (found[:, :2] <= found[:, 2:] + 1e-9).all()
    inside = (ends >= 0).all((1, 2)) & (ends <= torch.tensor([width, height])).all((1, 2))
    assert (found[inside] >= -1e-9).all()
    assert (found[inside].view(-1, 2, 2) <= torch.tensor([width, height]) + 1e-9).all()
    middle = params["field"][0].destination_of(ends.mean(1) - 0.5).points + 0.5
    assert (found[:, :2] - 1e-3 <= middle).all()
    assert (middle <= found[:, 2:] + 1e-3).all()
