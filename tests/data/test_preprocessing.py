"""From an image to a network's input: bit for bit as timm's and torchvision's own evaluations."""

import json
import math

import pytest
import timm.data
import torch
import torchvision.models
from PIL import Image

from diffstab.data.preprocessing import Preprocessing

SIZES = [(301, 157), (97, 211), (64, 64), (40, 23), (19, 50), (96, 63), (200, 41)]  # width and height, pixels
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
DIGITS = Preprocessing(size=(28, 28), mean=(0.1307,), std=(0.3081,), source="mnist")
PHOTOGRAPHS = Preprocessing(size=(224, 224), resize=(256, 256), **IMAGENET, source="imagenet")


def noise(size, mode="RGB"):
    """An image whose pixels all differ."""
    content = torch.randint(256, (size[1], size[0], 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return Image.fromarray(content.numpy()).convert(mode)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos", "nearest"])
@pytest.mark.parametrize("crop_mode", ["center", "squash", "border"])
@pytest.mark.parametrize(
    ("size", "crop_pct"),
    [
        ((64, 64), 0.875),
        ((64, 64), 1.0),
        ((63, 41), 0.9),
        ((40, 64), 1.0),
        ((37, 37), 0.71),
        ((60, 60), 1.15),
        ((41, 60), 1.15),
    ],
)
def test_as_timm_does_it(crop_mode, interpolation, size, crop_pct):
    told = {"input_size": (3, *size), "crop_pct": crop_pct, "crop_mode": crop_mode, "interpolation": interpolation}
    told |= {"mean": (0.5, 0.4, 0.45), "std": (0.2, 0.25, 0.3)}
    timms = timm.data.create_transform(**timm.data.resolve_data_config({}, pretrained_cfg=told), is_training=False)
    own = Preprocessing(
        size=size,
        resize=tuple(math.floor(side / crop_pct) for side in size),
        crop_mode=crop_mode,
        interpolation=interpolation,
        mean=told["mean"],
        std=told["std"],
        source="timm",
    )
    for image in map(noise, SIZES):
        expected = timms(image)
        assert expected.shape == own.shape
        assert torch.equal(own(image), expected), image.size


@pytest.mark.parametrize(
    ("weights", "resize", "crop", "interpolation"),
    [
        ("ResNet50_Weights.IMAGENET1K_V2", 232, 224, "bilinear"),
        ("ResNet18_Weights.IMAGENET1K_V1", 256, 224, "bilinear"),
        ("EfficientNet_B0_Weights.IMAGENET1K_V1", 256, 224, "bicubic"),
        ("ViT_B_16_Weights.IMAGENET1K_SWAG_E2E_V1", 384, 384, "bicubic"),
        ("ConvNeXt_Tiny_Weights.IMAGENET1K_V1", 236, 224, "bilinear"),
    ],
)
def test_as_torchvision_does_it(weights, resize, crop, interpolation):
    name, tag = weights.split(".")
    theirs = getattr(torchvision.models, name)[tag].transforms()
    own = Preprocessing(
        size=(crop, crop), resize=(resize, resize), interpolation=interpolation, **IMAGENET, source=weights
    )
    for image in map(noise, [(300, 500), (701, 333), (256, 256), (80, 700), (65, 40), (232, 231)]):
        assert torch.equal(own(image), theirs(image)), image.size


def test_images_that_keep_their_size_are_only_normalised():
    image = noise((31, 17))
    own = Preprocessing(size=(17, 31), **IMAGENET, source="x")
    red, *_ = image.getpixel((30, 2))
    assert own(image).shape == own.shape == (3, 17, 31)
    assert float(own(image)[0, 2, 30]) == pytest.approx((red / 255 - 0.485) / 0.229, abs=1e-6)
    message = "'a.png' has 17 x 31 pixels and the first one 31 x 17; images must have one size"
    with pytest.raises(ValueError, match=message):
        own(noise((17, 31)), "'a.png'")


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "CMYK", "1"])
def test_any_kind_of_image_becomes_gray_or_colour(mode):
    image = noise((28, 28), mode)
    for own, kind in ((DIGITS, "L"), (DIGITS.with_channels(3), "RGB")):
        assert torch.equal(own(image), own(image.convert(kind)))
        assert own(image).shape == own.shape


def test_an_image_much_longer_than_wide_lies_as_a_line_within_the_border():
    own = Preprocessing(size=(16, 16), resize=(16, 16), crop_mode="border", mean=(0.0,), std=(1.0,), source="x")
    assert own(Image.new("L", (900, 3), 255))[0].sum(1).tolist() == [0.0] * 7 + [16.0] + [0.0] * 8


def test_gray_images_take_the_mean_of_the_channels():
    assert PHOTOGRAPHS.with_channels(3) is PHOTOGRAPHS
    gray = PHOTOGRAPHS.with_channels(1)
    assert (gray.shape, gray.size, gray.resize) == ((1, 224, 224), (224, 224), (256, 256))
    assert gray.mean == pytest.approx([(0.485 + 0.456 + 0.406) / 3])
    assert gray.std == pytest.approx([(0.229 + 0.224 + 0.225) / 3])
    image = noise((28, 28), "L")
    assert torch.equal(DIGITS.with_channels(3)(image), DIGITS(image).expand(3, 28, 28))
    with pytest.raises(ValueError, match="the network takes 4 channels; images have 1 or 3"):
        PHOTOGRAPHS.with_channels(4)


@pytest.mark.parametrize(
    ("before", "options", "size", "resize"),
    [
        (PHOTOGRAPHS, {"img_size": 112}, (112, 112), (128, 128)),  # the share of the crop stays
        (PHOTOGRAPHS, {"img_size": 288}, (288, 288), (329, 329)),
        (PHOTOGRAPHS, {"img_size": 160, "crop_pct": 1.0}, (160, 160), (160, 160)),
        (PHOTOGRAPHS, {"crop_pct": 0.95}, (224, 224), (235, 235)),
        (DIGITS, {"img_size": 32}, (32, 32), (32, 32)),
        (DIGITS, {"crop_pct": 0.5}, (28, 28), (56, 56)),
    ],
)
def test_another_size_or_crop(before, options, size, resize):
    after = before.overridden(**options)
    assert (after.size, after.resize) == (size, resize)
    assert (after.mean, after.std, after.crop_mode) == (before.mean, before.std, before.crop_mode)
    assert after.source == f"{before.source} + options"
    assert after.overridden(img_size=size[0]).resize == resize


@pytest.mark.parametrize("size", [47, 93, 98, 224])
def test_the_same_size_keeps_the_resize(size):
    for resize in range(size, 2 * size):  # for some, size / (size / resize) is a little below resize
        before = Preprocessing(size=(size, size), resize=(resize, resize), **IMAGENET, source="x")
        assert before.overridden(img_size=size).resize == (resize, resize)


@pytest.mark.parametrize(("size", "crop_pct"), [(224, 0.56), (224, 0.875), (252, 0.9), (404, 0.808)])
def test_a_given_crop_share_is_rounded_as_timm_does(size, crop_pct):
    timms = timm.data.create_transform(input_size=(3, size, size), crop_pct=crop_pct, is_training=False)
    own = PHOTOGRAPHS.overridden(img_size=size, crop_pct=crop_pct)
    assert own.resize == (timms.transforms[0].size,) * 2


def test_another_mean_or_std():
    assert PHOTOGRAPHS.overridden() is PHOTOGRAPHS
    one = PHOTOGRAPHS.overridden(mean=[0.5])
    assert (one.mean, one.std, one.source) == ((0.5, 0.5, 0.5), PHOTOGRAPHS.std, "imagenet + options")
    assert PHOTOGRAPHS.overridden(std=[0.1, 0.2, 0.3]).std == (0.1, 0.2, 0.3)
    assert DIGITS.overridden(mean=[0.5], std=[0.25]).shape == (1, 28, 28)


@pytest.mark.parametrize(
    ("before", "options", "message"),
    [
        (PHOTOGRAPHS, {"mean": [0.5, 0.5]}, r"mean is \(0.5, 0.5\); one value, or one for each of 3 channels"),
        (DIGITS, {"mean": [0.5] * 3, "std": [0.5] * 3}, "one for each of 1 channel"),
        (PHOTOGRAPHS, {"std": [0.0]}, "std is 0; it must be above 0"),
        (PHOTOGRAPHS, {"crop_pct": 0.0}, "crop_pct is 0; it must be 0.01 to 1, the whole image"),
        (PHOTOGRAPHS, {"crop_pct": 1.1}, "crop_pct is 1.1; it must be 0.01 to 1"),
        (PHOTOGRAPHS, {"img_size": 0}, r"size \(0, 0\)"),
    ],
)
def test_options_that_cannot_be_are_refused(before, options, message):
    with pytest.raises(ValueError, match=message):
        before.overridden(**options)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"crop_mode": "centre"},
            r"crop mode is 'centre'; allowed: center, squash, border \(did you mean 'center'\?\)",
        ),
        ({"interpolation": "cubic"}, "interpolation of resizing is 'cubic'; allowed: nearest, bilinear, bicubic"),
        ({"mean": (0.5,)}, r"mean is \(0.5,\) and std is \(0.229.*; as many of each"),
        ({"mean": (0.5, 0.5), "std": (1.0, 1.0)}, "as many of each as the input has channels, 1 or 3"),
        ({"std": (0.1, -0.1, 0.1)}, "it must be"),
    ],
)
def test_values_that_cannot_be_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Preprocessing(**{"size": (224, 224), **IMAGENET, "source": "x", **values})


@pytest.mark.parametrize("own", [DIGITS, PHOTOGRAPHS, PHOTOGRAPHS.overridden(img_size=64)], ids=str)
def test_a_round_trip_through_json(own):
    told = json.loads(json.dumps(own.to_dict(), allow_nan=False))
    assert (
        Preprocessing(**{name: tuple(value) if isinstance(value, list) else value for name, value in told.items()})
        == own
    )


def test_a_preprocessing_is_shown_in_one_line():
    assert str(DIGITS) == "1 x 28 x 28, as the images are, mean 0.1307, std 0.3081 (mnist)"
    squashed = Preprocessing(size=(384, 256), resize=(390, 260), crop_mode="squash", **IMAGENET, source="s")
    assert str(squashed).startswith("3 x 384 x 256, squashed to 390")
    assert str(PHOTOGRAPHS) == (
        "3 x 224 x 224, shorter side to 256 (bilinear), central crop, "
        "mean 0.485, 0.456, 0.406, std 0.229, 0.224, 0.225 (imagenet)"
    )
