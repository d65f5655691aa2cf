"""RandomDiffeomorphism among albumentations' transforms."""

import importlib
import pickle
import sys
from typing import Any

import albumentations as A
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors

from diffstab import DisplacementField, deform
from diffstab.fields.deformation import deform_labels
from diffstab.transforms.albumentations import RandomDiffeomorphism
from diffstab.transforms.random_diffeomorphism import RandomDiffeomorphism as ForTorchvision

pytestmark = pytest.mark.slow

SIZE = (17, 11)
RANDOM = np.random.default_rng(3)
PIXELS = RANDOM.random((*SIZE, 3), np.float32)
LABELS = RANDOM.integers(0, 7, SIZE)
# (left, top, right, bottom) in pixels from edge to edge, a class beside each
BOXES = np.array([[0.0, 0.0, 11.0, 17.0], [2.0, 3.0, 8.0, 9.5], [4.5, 6.0, 6.5, 16.0]])
POINTS = np.array([[3.0, 5.5], [0.0, 16.0], [9.2, 1.1]])
IMAGES: dict[str, np.ndarray] = {
    "uint8": (255 * PIXELS).astype(np.uint8),
    "float32": PIXELS,
    "uint16": (60_000 * PIXELS).astype(np.uint16),
    "float64": PIXELS.astype(np.float64),
    "grey": PIXELS[..., 0].copy(),
    "grey with its channel": (255 * PIXELS[..., :1]).astype(np.uint8),
    "five channels": np.concatenate([PIXELS, PIXELS[..., :2]], -1),
}
SHARES = BOXES / [11, 17, 11, 17]
SAMPLE = {"mask": LABELS, "bboxes": SHARES, "classes": [4, 2, 3], "keypoints": POINTS}


def field_of(transform: RandomDiffeomorphism, size: tuple[int, int] = SIZE) -> DisplacementField:
    return DisplacementField(torch.from_numpy(transform.get_applied_params()["coefficients"]), size)


def channels(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels if pixels.ndim == 3 else pixels[..., None]).permute(2, 0, 1)


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
def test_images_are_deformed_along_the_field(name, interpolation):
    transform = RandomDiffeomorphism(delta=2.0, interpolation=interpolation, p=1.0)
    before = IMAGES[name].copy()
    found = transform(image=IMAGES[name])["image"]
    assert np.array_equal(before, IMAGES[name])  # inputs are not changed
    assert (found.shape, found.dtype, found.flags.c_contiguous) == (before.shape, before.dtype, True)
    wanted = deform(channels(before), field_of(transform), interpolation)
    assert torch.equal(channels(found), wanted)
    assert not np.array_equal(found, before)


def test_images_masks_and_keypoints_of_any_byte_order_and_strides_are_taken():
    def found(change):
        sample = {"image": PIXELS, "mask": LABELS.astype(np.int32), "keypoints": POINTS}
        transform = whole(RandomDiffeomorphism(delta=2.0, p=1.0), seed=3)
        return transform(**{name: change(array) for name, array in sample.items()}, bboxes=SHARES, classes=[4, 2, 3])

    wanted = found(lambda array: array)
    for change in (lambda array: array.astype(array.dtype.newbyteorder("S")), lambda array: array[::-1].copy()[::-1]):
        other = found(change)
        assert other["image"].dtype == change(PIXELS).dtype
        assert all(np.array_equal(other[name], wanted[name]) for name in wanted)


def whole(transform: RandomDiffeomorphism, **more: Any) -> A.Compose:
    """With boxes, in shares of the image, and keypoints."""
    boxes = A.BboxParams(format=more.pop("form", "albumentations"), label_fields=["classes"])
    return A.Compose([transform], bbox_params=boxes, keypoint_params=A.KeypointParams(format="xy"), **more)


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("arguments", [{"temperature": 0, "p": 1.0}, {"delta": 3.0, "p": 0.0}])
@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
def test_what_is_not_moved_is_the_same_bit_for_bit(name, arguments, interpolation):
    alone, same = (
        whole(one)(image=IMAGES[name], **SAMPLE)
        for one in (A.NoOp(), RandomDiffeomorphism(**arguments, interpolation=interpolation))
    )
    for key in alone:
        assert np.array_equal(alone[key], same[key]), key


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.float32, bool])
@pytest.mark.parametrize("shape", [SIZE, (*SIZE, 2)])
def test_masks_take_the_nearest_label(dtype, shape):
    transform = RandomDiffeomorphism(delta=2.0, p=1.0)
    mask = RANDOM.integers(0, 7, shape).astype(dtype)
    found = transform(image=PIXELS, mask=mask, masks=np.stack([mask, mask]))
    assert (found["mask"].shape, found["mask"].dtype) == (mask.shape, mask.dtype)
    assert torch.equal(channels(found["mask"]), deform_labels(channels(mask), field_of(transform)))
    assert np.array_equal(found["masks"], [found["mask"]] * 2)


def test_boxes_and_keypoints_are_those_of_the_torchvision_transform():
    transform = RandomDiffeomorphism(cutoff=4, delta=0.8, only_diffeomorphisms=True, p=1.0)
    compose = whole(transform)
    for _ in range(10):
        found = compose(image=PIXELS, **SAMPLE)
        field = field_of(transform)
        params = {"field": field, "moved": torch.ones(1, dtype=torch.bool), "lead": torch.Size()}
        params["field"] = DisplacementField(field.coefficients[None], SIZE)
        boxes = tv_tensors.BoundingBoxes(torch.from_numpy(BOXES), format="XYXY", canvas_size=SIZE)
        wanted = ForTorchvision(delta=1.0).transform(boxes, params).numpy()
        np.testing.assert_allclose(found["bboxes"] * [11, 17, 11, 17], wanted, rtol=0, atol=1e-5)
        assert list(found["classes"]) == [4, 2, 3]
        exact = field.destination_of(torch.from_numpy(POINTS)).points.numpy()
        np.testing.assert_allclose(found["keypoints"], exact, rtol=0, atol=1e-5)
        assert np.abs(found["bboxes"][1:] - SHARES[1:]).max() > 0.01
        np.testing.assert_allclose(found["bboxes"][0], [0, 0, 1, 1], rtol=0, atol=1e-7)


@pytest.mark.parametrize("form", ["coco", "pascal_voc", "albumentations", "yolo"])
def test_boxes_of_all_formats_contain_their_deformed_outline(form):
    left, top, right, bottom = BOXES.T
    width, height = right - left, bottom - top
    middle = np.stack([left + width / 2, top + height / 2, width, height], 1)
    given = {"coco": np.stack([left, top, width, height], 1), "pascal_voc": BOXES, "albumentations": SHARES}
    given["yolo"] = middle / [11, 17, 11, 17]
    transform = RandomDiffeomorphism(cutoff=4, delta=0.8, only_diffeomorphisms=True, p=1.0)
    found = whole(transform, form=form)(image=PIXELS, **{**SAMPLE, "bboxes": given[form]})["bboxes"]
    if form == "yolo":
        found = found * [11, 17, 11, 17]
        found = np.concatenate([found[:, :2] - found[:, 2:] / 2, found[:, :2] + found[:, 2:] / 2], 1)
    found = found * [11, 17, 11, 17] if form == "albumentations" else found
    found = np.concatenate([found[:, :2], found[:, :2] + found[:, 2:]], 1) if form == "coco" else found
    share = np.linspace(0, 1, 300)[:, None]
    for start, box in zip(BOXES, found, strict=True):
        corners = np.array([start[:2], start[[2, 1]], start[2:], start[[0, 3]]])
        edge = np.concatenate([corners[k] + share * (corners[(k + 1) % 4] - corners[k]) for k in range(4)])
        there = field_of(transform).destination_of(torch.from_numpy(edge - 0.5)).points.numpy() + 0.5
        np.testing.assert_allclose(box, [*there.min(0), *there.max(0)], rtol=0, atol=0.02)


def test_no_boxes_and_no_keypoints():
    empty = {"bboxes": np.zeros((0, 4)), "classes": [], "keypoints": np.zeros((0, 2))}
    found = whole(RandomDiffeomorphism(delta=1.0, p=1.0))(image=PIXELS, **empty)
    assert len(found["bboxes"]) == len(found["keypoints"]) == 0


def test_keypoints_keep_their_angle_and_scale():
    given = np.concatenate([POINTS, [[0.5, 2.0], [1.5, 3.0], [3.0, 4.0]]], 1)
    params = A.KeypointParams(format="xyas", angle_in_degrees=False)
    compose = A.Compose([RandomDiffeomorphism(delta=1.0, p=1.0)], keypoint_params=params)
    found = compose(image=PIXELS, keypoints=given)["keypoints"]
    np.testing.assert_allclose(found[:, 2:], given[:, 2:], rtol=1e-6)
    assert np.abs(found[0, :2] - given[0, :2]).max() > 0.01


def test_a_dot_goes_where_its_keypoint_goes():
    height, width = 90, 70
    rows, columns = np.arange(height)[:, None], np.arange(width)
    compose = whole(RandomDiffeomorphism(cutoff=3, delta=2.5, p=1.0), seed=0)
    for x, y in ((20.0, 30.0), (35.3, 61.7), (50.0, 20.5), (40.0, 45.0)):
        dot = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 2).astype(np.float32)
        found = compose(image=dot, keypoints=np.array([[x, y]]), bboxes=np.zeros((0, 4)), classes=[])
        image = found["image"].astype(np.float64)
        centroid = (image * columns).sum() / image.sum(), (image * rows).sum() / image.sum()
        assert found["keypoints"][0] == pytest.approx(centroid, abs=0.1)


def test_all_of_a_call_share_a_field():
    transform = RandomDiffeomorphism(delta=2.0, p=1.0)
    compose = A.Compose([transform], additional_targets={"second": "image"})
    found = compose(image=PIXELS, second=PIXELS)
    assert np.array_equal(found["image"], found["second"])
    clip = np.stack([PIXELS] * 4)
    frames = compose(images=clip)["images"]
    assert (frames.shape, frames.dtype) == (clip.shape, clip.dtype)
    assert all(np.array_equal(frame, frames[0]) for frame in frames)
    assert torch.equal(channels(frames[0]), deform(channels(PIXELS), field_of(transform)))
    volume = compose(volume=clip, mask3d=np.stack([LABELS] * 4))
    assert all(np.array_equal(one, volume["volume"][0]) for one in volume["volume"])
    assert torch.equal(channels(volume["mask3d"][2]), deform_labels(channels(LABELS), field_of(transform)))


def test_the_seed_of_a_compose_decides():
    def results(seed: int) -> list[np.ndarray]:
        compose = A.Compose([A.HorizontalFlip(), RandomDiffeomorphism(cutoff=(2, 5), p=0.8)], seed=seed)
        return [compose(image=PIXELS)["image"] for _ in range(6)]

    state = torch.random.get_rng_state()
    first, again, other = results(137), results(137), results(138)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({one.tobytes() for one in results(1)}) > 3


def test_a_call_is_played_again():
    compose = A.ReplayCompose([RandomDiffeomorphism(delta=2.0, p=1.0)])
    found = compose(image=PIXELS, mask=LABELS)
    again = A.ReplayCompose.replay(found["replay"], image=PIXELS, mask=LABELS)
    assert np.array_equal(found["image"], again["image"])
    assert np.array_equal(found["mask"], again["mask"])


def test_it_is_written_read_pickled_and_told(tmp_path):
    transform = RandomDiffeomorphism(cutoff=(2, 5), p=1.0, temperature_shape=(3.0, 2.0), cutoff_rule="half-integer")
    assert {"cutoff", "temperature", "delta", "p", "cutoff_shape"} <= set(transform.get_transform_init_args_names())
    compose = A.Compose([transform])
    A.save(compose, tmp_path / "compose.json")
    twins = [A.from_dict(A.to_dict(compose)), A.load(tmp_path / "compose.json"), pickle.loads(pickle.dumps(compose))]
    compose.set_random_seed(5)
    wanted = compose(image=PIXELS)["image"]
    for twin in twins:
        twin.set_random_seed(5)
        assert np.array_equal(twin(image=PIXELS)["image"], wanted)
        assert twin[0].law == transform.law
    assert "RandomDiffeomorphism(p=1.0, convention='paper', cutoff=(2.0, 5.0)" in repr(transform)


def test_only_diffeomorphisms():
    transform = RandomDiffeomorphism(cutoff=5, temperature=0.006, only_diffeomorphisms=True, p=1.0)
    for _ in range(40):
        transform(image=np.zeros((32, 32), np.uint8))
        assert not field_of(transform, (32, 32)).folds()
    assert transform.rejected > 0


class Images(Dataset[Tensor]):
    """The same image many times, augmented."""

    def __init__(self, seed: int | None) -> None:
        self.compose = A.Compose([RandomDiffeomorphism(cutoff=(2, 5), delta=(1.0, 2.0), p=1.0)], seed=seed)

    def __len__(self) -> int:
        return 16

    def __getitem__(self, place: int) -> Tensor:
        return torch.from_numpy(self.compose(image=PIXELS)["image"])


@pytest.mark.parametrize("seed", [None, 137])
def test_workers_of_a_data_loader_draw_their_own(seed):
    loader = DataLoader(Images(seed), batch_size=4, num_workers=2)
    torch.manual_seed(11)
    first, second = torch.cat(list(loader)), torch.cat(list(loader))
    assert len({tuple(one.flatten().tolist()) for one in torch.cat([first, second])}) == 32
    torch.manual_seed(11)
    assert torch.equal(torch.cat(list(loader)), first)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"temperature": 0.1, "delta": 1}, ValueError, "both of temperature and delta given"),
        ({"delta": 1, "p": 1.5}, ValueError, "p is 1.5; a probability"),
        ({"delta": 1, "interpolation": "nearest"}, ValueError, "allowed: bilinear, gaussian"),
        ({"delta": 1, "alpha": 2}, TypeError, "alpha"),
    ],
)
def test_bad_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        RandomDiffeomorphism(**arguments)


def test_inputs_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"labels are .*; the field is for"):
        RandomDiffeomorphism(delta=1.0, p=1.0)(image=PIXELS, mask=LABELS[:-1])
    with pytest.raises(TypeError, match=r"images are torch\.complex64"):
        RandomDiffeomorphism(delta=1.0, p=1.0)(image=PIXELS * 1j)


def test_without_albumentations_the_message_tells_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "diffstab.transforms.albumentations")
    monkeypatch.setitem(sys.modules, "albumentations.core.transforms_interface", None)
    with pytest.raises(ImportError, match=r"albumentations: pip install 'diffstab\[albumentations\]'"):
        importlib.import_module("diffstab.transforms.albumentations")
