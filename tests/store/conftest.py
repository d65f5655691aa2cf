"""A store of three measured cells."""

import pytest
from support.measured_stores import measured

from diffstab import Store


@pytest.fixture(scope="module")
def results():
    return [measured(seed) for seed in range(3)]


@pytest.fixture
def store(tmp_path, results):
    """Three measured cells."""
    store = Store(tmp_path / "store", create=True)
    for result in results:
        assert store.add(result)
    return store
