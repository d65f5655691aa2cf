"""A sweep: its file as text, and a small one that was run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.swept import SMALL

from diffstab import Store
from diffstab.sweep.executors.base import InlineExecutor
from diffstab.sweep.run import run_sweep
from diffstab.sweep.spec import read_spec


@pytest.fixture
def spec(tmp_path):
    """Writes a spec and reads it."""

    def read(text, **options):
        path = tmp_path / "sweep.yaml"
        path.write_text(text)
        return read_spec(path, **options)

    return read


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """The small sweep, run in this very process: its jobs and its store."""
    folder = tmp_path_factory.mktemp("single")
    (folder / "sweep.yaml").write_text(SMALL)
    jobs = read_spec(folder / "sweep.yaml").jobs
    store = Store(folder / "store", create=True)
    progress = run_sweep(jobs, store, InlineExecutor())
    assert (progress.done, progress.failed) == (8, [])
    return jobs, store


@pytest.fixture(scope="module")
def ray_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_TOKEN", "0" * 64)  # else Ray writes one to the home folder
        patch.setenv("CUDA_VISIBLE_DEVICES", "7")  # an embedded Ray sees no other GPU, and its tasks not even that
        patch.delenv("RAY_ADDRESS", raising=False)
        yield
