"""The augmentation for kornia: images along fields, parameters, devices, what is refused."""

import importlib
import itertools
import pickle
import sys

import pytest
import torch
from kornia.augmentation import AugmentationSequential, VideoSequential
from support.kornia_inputs import KEYS, ROUNDING, SIZE, boxes, field_of, inputs, points, rand
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from diffstab import deform
from diffstab.transforms.kornia import RandomDiffeomorphism

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_images_are_deformed_along_the_fields(interpolation, dtype):
    augmentation = RandomDiffeomorphism(delta=2.0, interpolation=interpolation, p=1.0)
    images = rand(5, 3, *SIZE).to(dtype)
    found = augmentation(images)
    assert (found.shape, found.dtype) == (images.shape, dtype)
    assert torch.equal(found, deform(images, field_of(augmentation), interpolation))
    assert not torch.equal(found, images)


@pytest.mark.parametrize("arguments", [{"temperature": 0, "p": 1.0}, {"delta": 3.0, "p": 0.0}])
@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
def test_what_is_not_moved_is_the_same_bit_for_bit(arguments, interpolation):
    augmentation = AugmentationSequential(
        RandomDiffeomorphism(**arguments, interpolation=interpolation), data_keys=KEYS
    )
    for found, before in zip(augmentation(*inputs(4)), inputs(4), strict=True):
        assert torch.equal(found, before)
        assert found.dtype == before.dtype


def assert_same(values, one):
    """To rounding: where a field stands in its batch, some processors' products order their sums in another way."""
    torch.testing.assert_close(values, one.expand_as(values), rtol=0, atol=ROUNDING)


def test_each_image_has_its_own_field_and_one_on_request():
    images = rand(1, 3, *SIZE).expand(6, -1, -1, -1)
    found = RandomDiffeomorphism(delta=2.0, p=1.0)(images)
    assert min((one - other).abs().max() for one, other in itertools.combinations(found, 2)) > 0.1
    found = RandomDiffeomorphism(delta=2.0, p=1.0, same_on_batch=True)(images)
    assert_same(found, found[:1])
    assert not torch.equal(found, images)


def test_p_is_the_chance_of_each_image():
    images = rand(1, 1, *SIZE).expand(1000, -1, -1, -1)
    torch.manual_seed(0)
    augmentation = RandomDiffeomorphism(delta=2.0, p=0.3)
    moved = (augmentation(images) != images).flatten(1).any(1)
    assert moved.double().mean() == pytest.approx(0.3, abs=5 * (0.21 / 1000) ** 0.5)
    # and nothing is computed for the others
    assert torch.equal((augmentation._field_of(augmentation._params).coefficients != 0).flatten(1).any(1), moved)


def test_the_same_parameters_give_the_same_result():
    augmentation = AugmentationSequential(RandomDiffeomorphism(delta=(1.0, 2.0), p=0.5), data_keys=KEYS)
    torch.manual_seed(2)
    first = augmentation(*inputs(8))
    params = augmentation._params
    other = augmentation(*inputs(8))
    again = augmentation(*inputs(8), params=params)
    assert not torch.equal(first[0], other[0])
    for found, wanted in zip(again, first, strict=True):
        assert torch.equal(found, wanted)


def test_the_global_generator_decides():
    images, results = rand(4, 3, *SIZE), []
    for _ in range(2):
        torch.manual_seed(5)
        results.append(RandomDiffeomorphism(cutoff=(2, 5), p=0.7)(images))
    assert torch.equal(*results)


def test_keepdim_and_a_single_image():
    image = rand(3, *SIZE)
    assert RandomDiffeomorphism(delta=2.0, p=1.0, keepdim=True)(image).shape == (3, *SIZE)
    assert RandomDiffeomorphism(delta=2.0, p=1.0)(image).shape == (1, 3, *SIZE)
    assert RandomDiffeomorphism(delta=2.0, p=1.0)(rand(0, 3, *SIZE)).shape == (0, 3, *SIZE)


@pytest.mark.parametrize("same", [True, False])
def test_a_clip_has_one_field(same):
    torch.manual_seed(0)
    frame = rand(1, 1, 3, *SIZE).expand(2, 5, -1, -1, -1)
    where = points(1)[0].expand(2, 5, -1, -1).clone()
    augmentation = RandomDiffeomorphism(delta=2.0, p=0.9, same_on_batch=same)
    clips = VideoSequential(augmentation, data_format="BTCHW")
    both = AugmentationSequential(clips, data_keys=["input", "keypoints"])
    found, there = both(frame, where)
    assert_same(found, found[:, :1])
    assert_same(there, there[:, :1])
    assert ((found[0] - found[1]).abs().max() < ROUNDING) == same
    assert not torch.equal(found, frame)
    apart = VideoSequential(RandomDiffeomorphism(delta=2.0, p=1.0), same_on_frame=False)(frame)
    assert not torch.equal(apart[0, 0], apart[0, 1])


def test_it_is_pickled_and_told():
    augmentation = RandomDiffeomorphism(cutoff=(2, 5), delta=(1, 2), p=0.5)
    results = []
    for one in (augmentation, pickle.loads(pickle.dumps(augmentation))):
        torch.manual_seed(5)
        results.append(one(rand(4, 3, *SIZE)))
    assert torch.equal(*results)
    assert "cutoff=(2.0, 5.0), temperature=None, delta=(1.0, 2.0), interpolation=bilinear" in repr(augmentation)


def test_on_another_device_nothing_stays_on_the_cpu():
    """torch's meta device refuses to mix with the CPU, as a GPU does."""
    augmentation = RandomDiffeomorphism(delta=2.0, p=0.5)
    torch.manual_seed(0)
    found = augmentation(torch.empty(6, 3, *SIZE, device="meta"))
    masks = augmentation.transform_masks(torch.empty(6, 1, *SIZE, device="meta"), augmentation._params, {})
    assert (found.device.type, masks.device.type) == ("meta", "meta")
    assert not augmentation._params["batch_prob"].all()


def test_gradients_reach_the_images():
    images = rand(2, 3, *SIZE).requires_grad_()
    RandomDiffeomorphism(delta=2.0, p=1.0)(images).sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


def test_only_diffeomorphisms():
    augmentation = RandomDiffeomorphism(cutoff=5, temperature=0.006, only_diffeomorphisms=True, p=1.0)
    augmentation(rand(200, 1, 32, 32))
    assert not field_of(augmentation, (32, 32)).folds().any()
    assert augmentation.rejected > 0


class Images(Dataset[Tensor]):
    """The same image many times, augmented."""

    def __init__(self) -> None:
        self.augmentation = RandomDiffeomorphism(cutoff=(2, 5), delta=(1.0, 2.0), p=1.0, keepdim=True)

    def __len__(self) -> int:
        return 16

    def __getitem__(self, place: int) -> Tensor:
        found: Tensor = self.augmentation(rand(3, *SIZE))
        return found


def test_workers_of_a_data_loader_draw_their_own():
    found = torch.cat(list(DataLoader(Images(), batch_size=4, num_workers=2)))
    assert len({tuple(one.flatten().tolist()) for one in found}) == 16


def test_what_has_no_matrix_is_not_inverted():
    both = AugmentationSequential(RandomDiffeomorphism(delta=1.0, p=1.0), data_keys=KEYS)
    found = both(*inputs(2))
    assert torch.equal(both.transform_matrix, torch.eye(3).expand(2, 3, 3))
    with pytest.raises(NotImplementedError, match="can't be inverted; keep the images"):
        both.inverse(*found)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"temperature": 0.1, "delta": 1}, ValueError, "both of temperature and delta given"),
        ({"delta": 1, "p": 1.5}, ValueError, "p is 1.5; a probability"),
        ({"delta": 1, "interpolation": "nearest"}, ValueError, "allowed: bilinear, gaussian"),
    ],
)
def test_bad_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        RandomDiffeomorphism(**arguments)


def test_whole_numbers_and_other_batches_are_refused():
    with pytest.raises(TypeError, match=r"torch\.uint8"):
        RandomDiffeomorphism(delta=1.0)(rand(2, 3, *SIZE).byte())
    both = AugmentationSequential(RandomDiffeomorphism(delta=1.0, p=1.0), data_keys=["input", "keypoints"])
    with pytest.raises(ValueError, match=r"keypoints \(3, 4, 2\) are those of 3 images, and there are 2 fields"):
        both(rand(2, 3, *SIZE), points(3))
    both = AugmentationSequential(RandomDiffeomorphism(delta=1.0, p=1.0), data_keys=["input", "bbox_xyxy"])
    with pytest.raises(ValueError, match=r"boxes \(3, 3, 4, 2\) are those of 3 images, and there are 2 fields"):
        both(rand(2, 3, *SIZE), boxes(3))


def test_without_kornia_the_message_tells_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "diffstab.transforms.kornia")
    monkeypatch.setitem(sys.modules, "kornia.augmentation", None)
    with pytest.raises(ImportError, match=r"needs the package kornia: pip install 'diffstab\[kornia\]'"):
        importlib.import_module("diffstab.transforms.kornia")
