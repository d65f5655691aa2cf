"""Several threads deform images: what is drawn from streams of their own is what one thread draws."""

import sys

import pytest
import torch
from support.threaded import THREADS, together

from diffstab import MaxEntropyEnsemble, StreamKeys, deform
from diffstab.fields.bilinear import _flat_basis, _grid_bases
from diffstab.fields.ensemble import largest_xi
from diffstab.fields.modes import basis, mode_numbers, sides
from diffstab.transforms.law import _tables
from diffstab.transforms.random_diffeomorphism import RandomDiffeomorphism

CACHED = (_flat_basis, _grid_bases, largest_xi, basis, mode_numbers, sides, _tables)
IMAGES = 40 * THREADS
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def hurried():
    """Threads change places all the time, and find no cache filled."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    for cache in CACHED:
        cache.cache_clear()
    yield
    sys.setswitchinterval(before)


def image(number):
    size = (3, 17 + number % 3, 11 + number % 2)
    return torch.rand(size, generator=torch.Generator().manual_seed(number))


@pytest.mark.parametrize("interpolation", ["bilinear", "gaussian"])
def test_keyed_streams_give_the_images_of_one_thread(hurried, interpolation):
    shared = {
        (h, w): MaxEntropyEnsemble((h, w), 3 if h == 17 else 5, delta=1.0) for h in (17, 18, 19) for w in (11, 12)
    }

    def one(number):
        x = image(number)
        field = shared[tuple(x.shape[1:])].sample(StreamKeys(1, torch.tensor([number])))
        return deform(x[None], field, interpolation)

    found = together(one, range(IMAGES))
    assert all(torch.equal(found[number], one(number)) for number in range(IMAGES))


@pytest.mark.parametrize("options", [{"delta": (0.5, 2.0)}, {"cutoff": (2, 4), "only_diffeomorphisms": True}], ids=str)
def test_a_generator_each_gives_the_images_of_one_thread(hurried, options):
    def one(number):
        generator = torch.Generator().manual_seed(number)
        return RandomDiffeomorphism(**options, generator=generator)(image(number))

    found = together(one, range(IMAGES))
    assert all(torch.equal(found[number], one(number)) for number in range(IMAGES))


def test_one_transform_draws_no_field_twice_for_threads(hurried):
    """From the global generator, in whichever order they come; what comes are the fields of its one stream."""
    transform = RandomDiffeomorphism(cutoff=3, delta=1.0, p=1.0)
    torch.manual_seed(0)
    found = {tuple(field.coefficients.flatten().tolist()) for field in together(lambda _: draw(transform), range(40))}
    torch.manual_seed(0)
    assert found == {tuple(draw(transform).coefficients.flatten().tolist()) for _ in range(40)}
    assert len(found) == 40


def draw(transform):
    return transform.draw(1, (17, 11))
