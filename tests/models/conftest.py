"""Empty caches and hubs where nothing answers; nothing global that changes; float64 by default."""

import socket

import pytest
import torch
from huggingface_hub import constants
from support.named_networks import global_state

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def nothing_global_changes():
    before = global_state()
    yield
    assert global_state() == before


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """Empty ones of the hub and of torch.hub, hubs where nothing answers; tells who tried to reach a network."""
    asked = []

    def refused(*address, **_):
        asked.append(address)
        raise OSError("no network in this test")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    monkeypatch.setattr("diffstab.models.fetching.TORCHVISION_URL", NOWHERE)
    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    return asked


@pytest.fixture
def _in_double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
