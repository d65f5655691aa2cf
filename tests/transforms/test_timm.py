"""A diffeomorphism among timm's training transforms."""

from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from timm.data import AugMixDataset, create_loader, create_transform
from timm.data.transforms import MaybeToTensor
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.transforms import v2

from diffstab.transforms.random_diffeomorphism import RandomDiffeomorphism
from diffstab.transforms.timm import insert

PIXELS = np.random.default_rng(3).integers(0, 256, (40, 50, 3), np.uint8)
MOVED = RandomDiffeomorphism(delta=2.0, p=1.0)
STILL = RandomDiffeomorphism(temperature=0, p=1.0)


class Photographs(Dataset[Any]):
    """The same image many times; the transform is timm's to set."""

    def __init__(self, transform: Any = None) -> None:
        self.transform = transform

    def __len__(self) -> int:
        return 16

    def __getitem__(self, place: int) -> tuple[Any, int]:
        image = PIL.Image.fromarray(PIXELS)
        return (image if self.transform is None else self.transform(image)), place


def names(pipeline: Any) -> list[str]:
    return [type(step).__name__ for step in pipeline.transforms]


def before_it(pipeline: Any) -> str:
    there = names(pipeline)
    return there[there.index("RandomDiffeomorphism") - 1]


@pytest.mark.parametrize(
    ("arguments", "last"),
    [
        ({}, "RandomHorizontalFlip"),
        ({"hflip": 0.0}, "RandomResizedCropAndInterpolation"),
        ({"vflip": 0.5, "use_prefetcher": True}, "RandomVerticalFlip"),
        ({"train_crop_mode": "rkrc", "hflip": 0.0}, "CenterCropOrPad"),
        ({"train_crop_mode": "rkrr", "hflip": 0.0}, "RandomCropOrPad"),
        ({"auto_augment": "rand-m9-mstd0.5", "re_prob": 0.25}, "RandomHorizontalFlip"),
        ({"grayscale_prob": 0.1, "gaussian_blur_prob": 0.1, "normalize": False}, "RandomHorizontalFlip"),
        ({"no_aug": True}, "CenterCrop"),
    ],
)
def test_it_comes_right_after_crops_and_flips(arguments, last):
    plain = create_transform(24, is_training=True, **arguments)
    there = names(plain)
    found = insert(plain, MOVED)
    assert before_it(found) == last
    assert names(plain) == there  # which is not changed
    assert [name for name in names(found) if name != "RandomDiffeomorphism"] == there
    image = found(PIL.Image.fromarray(PIXELS))
    assert tuple(image.shape) == (3, 24, 24)


def test_it_deforms_and_at_no_temperature_does_not():
    plain = create_transform(24, is_training=True, hflip=0.0, color_jitter=None, scale=(1, 1), ratio=(1, 1))

    def seen(pipeline: Any) -> Tensor:
        torch.manual_seed(0)
        found: Tensor = pipeline(PIL.Image.fromarray(PIXELS[:, :40]))
        return found

    assert torch.equal(seen(insert(plain, STILL)), seen(plain))
    assert not torch.equal(seen(insert(plain, MOVED)), seen(plain))


@pytest.mark.parametrize(
    ("plain", "place"),
    [
        ([transforms.RandomCrop(8), transforms.ColorJitter(0.4), transforms.ToTensor()], 1),
        ([transforms.ColorJitter(0.4), transforms.ToTensor()], 1),
        ([transforms.ColorJitter(0.4), MaybeToTensor()], 1),
        ([v2.ToImage(), v2.RandomResizedCrop(8), v2.ToDtype(torch.float32, scale=True)], 2),
        ([v2.RandomHorizontalFlip()], 1),
    ],
)
@pytest.mark.parametrize("kind", [transforms.Compose, v2.Compose])
def test_the_place_among_torchvisions_transforms(plain, place, kind):
    found = insert(kind(plain), MOVED)
    assert type(found) is kind
    assert names(found).index("RandomDiffeomorphism") == place
    found(PIL.Image.fromarray(PIXELS))


def test_a_clean_split_stays_clean():
    plain = create_transform(24, is_training=True, separate=True, auto_augment="augmix-m3-w3")
    primary, secondary, final = insert(plain, MOVED)
    assert (primary, final) == (plain[0], plain[2])
    assert names(secondary) == ["RandomDiffeomorphism", *names(plain[1])]


def test_a_loader_of_augmix():
    torch.manual_seed(0)
    dataset = AugMixDataset(Photographs(), num_splits=3)
    loader = create_loader(
        dataset, (3, 24, 24), 4, is_training=True, num_aug_splits=3, color_jitter=None, hflip=0.0,
        scale=(1, 1), ratio=(1.25, 1.25), interpolation="bilinear", num_workers=0, device=torch.device("cpu"),
    )  # fmt: skip
    assert insert(loader, MOVED) is loader
    images, _ = next(iter(loader))
    clean, first, second = images.view(3, 4, 3, 24, 24)
    assert torch.equal(clean, clean[:1].expand_as(clean))
    assert len({tuple(one.flatten().tolist()) for one in torch.cat([clean[:1], first, second])}) == 9


def of_timm(workers: int = 0, **more: Any) -> Any:
    """A loader whose images differ by nothing but what is inserted."""
    same = {"color_jitter": None, "hflip": 0.0, "scale": (1, 1), "ratio": (1.25, 1.25), "interpolation": "bilinear"}
    return create_loader(
        Photographs(), (3, 24, 24), 4, is_training=True, num_workers=workers, device=torch.device("cpu"), **same, **more
    )


@pytest.mark.parametrize("prefetcher", [True, False])
@pytest.mark.parametrize("epochs", [True, False])
def test_a_loader_with_workers(prefetcher, epochs):
    torch.manual_seed(1)
    loader = insert(of_timm(2, use_prefetcher=prefetcher, use_multi_epochs_loader=epochs), MOVED)
    assert before_it(loader.dataset.transform) == "RandomResizedCropAndInterpolation"
    images = torch.cat([batch for _ in range(2) for batch, _ in loader])
    assert (images.shape, images.dtype) == ((32, 3, 24, 24), torch.float32)
    assert len({tuple(one.flatten().tolist()) for one in images}) == 32
    with pytest.raises(ValueError, match="workers have started"):
        insert(loader, MOVED)


def test_a_loader_that_goes_on_through_all_epochs_has_its_workers_for_good():
    loader = of_timm(2, use_multi_epochs_loader=True, persistent_workers=False)
    next(iter(loader))
    with pytest.raises(ValueError, match="workers have started"):
        insert(loader, MOVED)


@pytest.mark.parametrize("epochs", [True, False])
def test_a_loader_without_workers_is_changed_at_any_time(epochs):
    loader = of_timm(use_multi_epochs_loader=epochs)
    plain = torch.cat([batch for batch, _ in loader])
    assert torch.equal(plain, plain[:1].expand_as(plain))
    insert(loader, MOVED)
    assert len({tuple(one.flatten().tolist()) for batch, _ in loader for one in batch}) == 16


def test_a_loader_of_several_sizes():
    loader = of_timm(input_size_choices=[24, 32])
    insert(loader, MOVED)
    assert [before_it(one) for one in loader.dataset.transforms] == ["RandomResizedCropAndInterpolation"] * 2
    assert len({tuple(one.flatten().tolist()) for batch, _ in loader for one in batch}) == 16


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        (
            transforms.Compose([transforms.ColorJitter(0.4), transforms.Grayscale()]),
            "transforms: ColorJitter, Grayscale",
        ),
        (transforms.Compose([]), "transforms: none"),
        (transforms.ToTensor(), "pipeline is a ToTensor"),
        ((transforms.Compose([]), None, None), "pipeline is a NoneType"),
        (DataLoader(Photographs()), "a Photographs, has no transform"),
    ],
)
def test_pipelines_without_a_place_are_refused(pipeline, message):
    with pytest.raises(ValueError, match=message):
        insert(pipeline, MOVED)


def test_what_is_no_v2_transform_is_refused():
    with pytest.raises(TypeError, match=r"augmentation is a torchvision\.transforms\.transforms\.ToTensor"):
        insert(create_transform(24, is_training=True), transforms.ToTensor())
