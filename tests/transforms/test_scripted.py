"""The augmentation is pickled, copied, scripted and taken into the workers of a loader."""

import copy
import pickle

import pytest
import torch
from support.deformed_inputs import SIZE, moved, rand
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from diffstab.transforms.random_diffeomorphism import RandomDiffeomorphism


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
    assert "temperature=mild, p=0.5" in repr(RandomDiffeomorphism())
    both = v2.Compose([transform, v2.RandomApply([RandomDiffeomorphism(delta=1, p=1.0)], p=1.0)])
    assert both(images).shape == images.shape


@pytest.mark.parametrize("arguments", [{"delta": 2.0}, {"cutoff": 5, "temperature": 0.004}, {"delta": (0.5, 2.0)}])
def test_scripted_it_draws_the_same_law(scripting, arguments):
    """The mean squared change of coordinates is that of the transform within 5 standard errors of 2,000 fields."""
    transform = RandomDiffeomorphism(**arguments, p=1.0)
    scripted = torch.jit.script(transform)
    columns = torch.arange(11.0).expand(2000, 1, *SIZE)
    torch.manual_seed(1)
    changes = [(one(columns) - columns).square().mean((1, 2, 3)) for one in (transform, scripted)]
    error = (sum(change.var() for change in changes) / 2000) ** 0.5
    assert abs(changes[0].mean() - changes[1].mean()) < 5 * error
    image = (255 * rand(3, *SIZE)).byte()
    assert scripted(image).dtype == torch.uint8
    assert scripted(rand(2, 0, 3, *SIZE)).shape == (2, 0, 3, *SIZE)
    still = torch.jit.script(RandomDiffeomorphism(temperature=0, p=1.0))
    assert torch.equal(still(image), image)
    often = torch.jit.script(RandomDiffeomorphism(delta=2.0, p=0.3))(columns)
    assert moved(often, columns).double().mean() == pytest.approx(0.3, abs=5 * (0.21 / 2000) ** 0.5)
    one_field = torch.jit.script(RandomDiffeomorphism(delta=2.0, per_image=False, p=1.0))(columns)
    assert torch.equal(one_field, one_field[:1].expand_as(one_field))


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
    transform = RandomDiffeomorphism(cutoff=(2, 5), delta=(1.0, 2.0), p=1.0)
    first, second = epoch(transform), epoch(transform)
    assert torch.equal(first, second)
    assert len({tuple(one.flatten().tolist()) for one in first}) == 24
