"""torch.jit.script, which is on its way out, as a fixture."""

import warnings

import pytest


@pytest.fixture
def scripting():
    """torch.jit.script is on its way out, and says so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
