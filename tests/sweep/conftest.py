"""A sweep: its file as text, and a small one that was run."""

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
