"""The augmentation deforms images of any kind along fields of their own, drawn as its arguments say."""

import copy
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.deformed_inputs import FORMATS, ROTATED, SIZE, boxes, keypoints, moved, pil, rand
from torchvision import tv_tensors
from torchvision.transforms import v2

from diffstab import deform
from diffstab.transforms.law import FieldLaw
from diffstab.transforms.random_diffeomorphism import RandomDiffeomorphism

MODES = "1 L P RGB RGBA CMYK YCbCr HSV LAB I F I;16 LA PA".split()
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
    found = RandomDiffeomorphism(delta=2.0, p=1.0)(INPUTS[name])
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
    transform = RandomDiffeomorphism(delta=2.0, interpolation=interpolation, p=1.0)
    images = rand(5, 3, *SIZE)
    params = transform.make_params([images])
    assert params["field"].shape == (5,)
    assert torch.equal(transform.transform(images, params), deform(images, params["field"], interpolation))


def test_pil_and_whole_numbers_are_rounded_floats():
    transform = RandomDiffeomorphism(delta=2.0, p=1.0)
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


def test_each_image_of_a_batch_has_its_own_field():
    images = rand(1, 3, *SIZE).expand(6, -1, -1, -1)
    found = RandomDiffeomorphism(delta=2.0, p=1.0)(images)
    assert len({tuple(one.flatten().tolist()) for one in found}) == 6
    found = RandomDiffeomorphism(delta=2.0, per_image=False, p=1.0)(images)
    assert all(torch.equal(one, found[0]) for one in found[1:])
    nested = RandomDiffeomorphism(delta=2.0, p=1.0)(images.view(2, 3, 3, *SIZE))
    assert len({tuple(one.flatten().tolist()) for one in nested.flatten(0, 1)}) == 6


def test_a_clip_has_one_field():
    frame = rand(3, *SIZE)
    found = RandomDiffeomorphism(delta=2.0, p=1.0)(tv_tensors.Video(frame.expand(2, 5, 3, *SIZE)))
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


def test_nested_inputs_share_a_field_and_the_rest_passes():
    transform = RandomDiffeomorphism(delta=2.0, p=1.0)
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
    transform = RandomDiffeomorphism(cutoff=5, temperature=0.006, only_diffeomorphisms=True, p=1.0)
    field = transform.make_params([rand(200, 1, 32, 32)])["field"]
    assert not field.folds().any()
    assert transform.rejected > 0


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


@pytest.mark.slow  # imports the libraries
def test_all_libraries_shapes_share_one_default():
    import diffstab.transforms.albumentations as of_albumentations
    import diffstab.transforms.kornia as of_kornia

    transforms = (RandomDiffeomorphism(), of_kornia.RandomDiffeomorphism(), of_albumentations.RandomDiffeomorphism())
    assert {one.law for one in transforms} == {FieldLaw(temperature="mild")}
    assert {one.p for one in transforms} == {0.5}
