"""Fixtures: one thread setting for all, and a small network and data set that many tests measure."""

import os
import re
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from click import Command
from click.testing import CliRunner, Result
from hypothesis import Phase, settings
from torch import Tensor, nn

settings.register_profile("unshrunk", phases=(Phase.explicit, Phase.generate))  # where only failing counts

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # its import asks the network for a newer version, and warns of it
# workers of pytest share the cores
torch.set_num_threads(1 if {"PYTEST_XDIST_WORKER", "OMP_NUM_THREADS"} & set(os.environ) else 2)


def pytest_configure(config: pytest.Config) -> None:
    """Files are taken in the order of the collection, not by their number of tests."""
    config.option.loadscopereorder = False  # of pytest-xdist


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files that are slow as a whole are not even imported by `-m "not slow"`."""
    if config.option.markexpr != "not slow" or not collection_path.name.startswith("test_"):
        return None
    return (
        True if re.search(r"^pytestmark = [^=]*mark\.slow", collection_path.read_text("utf-8"), re.MULTILINE) else None
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow files come first, so that workers end together, and those that fork come before Ray.

    With the threads that Ray leaves behind, forks crash on Python 3.13.
    """
    forks = {"sweep", "measuring", "cli", "transforms", "training"}

    def rank(item: pytest.Item) -> int:
        if item.path.name.startswith("test_ray"):
            return 2
        return 0 if item.get_closest_marker("slow") else 1 if item.path.parent.name in forks else 3

    order = {path: min(rank(item) for item in items if item.path == path) for path in {item.path for item in items}}
    items.sort(key=lambda item: order[item.path])


@pytest.fixture(scope="session", autouse=True)
def no_progress():
    """On a busy machine commands would say that they are still at work; the tests of progress bring a clock."""
    from diffstab.cli import progress

    progress.SOON = progress.FIRST = 3600.0


@pytest.fixture(scope="session")
def cli() -> Callable[..., Result]:
    """Runs a command, `diffstab` unless another one is given: cli("measure", "--images", 20)."""
    from diffstab.cli import main

    def run(*words: object, command: Command = main) -> Result:
        return CliRunner().invoke(command, [str(word) for word in words])

    return run


@pytest.fixture
def images() -> Tensor:
    """40 random smooth images `[40, 3, 17, 11]`."""
    coarse = torch.rand(40, 3, 5, 4, generator=torch.Generator().manual_seed(1))
    return nn.functional.interpolate(coarse, size=(17, 11), mode="bicubic", align_corners=True)


@pytest.fixture
def network() -> nn.Module:
    """A small convolutional network with batch norm and dropout, in training mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        return nn.Sequential(
            nn.Conv2d(3, 8, 3),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(32, 7),
        ).train()


@pytest.fixture(scope="session")
def browser():
    """For `browsing.opened`."""
    from support.browsing import started

    with started() as opened:
        yield opened


@contextmanager
def threads(count):
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def one_thread():
    """For small batches: two threads would wait for each other."""
    with threads(1):
        yield


@pytest.fixture
def two_threads():
    """Wherever the suite runs with one."""
    with threads(2):
        yield
