"""The device under test: the CPU, or what DIFFSTAB_DEVICE names."""

import os

import pytest
import torch


@pytest.fixture(scope="session")
def device() -> torch.device:
    return torch.device(os.environ.get("DIFFSTAB_DEVICE", "cpu"))
