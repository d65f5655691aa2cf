"""An address where no Ray answers is told at once, in one line."""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from diffstab.sweep.executors import ray_address
from diffstab.sweep.executors.ray import RayExecutor
from diffstab.sweep.executors.ray_address import endpoint, silence

pytest.importorskip("ray")
import ray

# old releases of Ray leave log files and processes of its own to the garbage collector
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("ray_environment"),
]


def closed_port() -> int:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        return int(other.getsockname()[1])


@contextlib.contextmanager
def dumb_server() -> Iterator[int]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextlib.contextmanager
def web_server() -> Iterator[int]:
    """Speaks HTTP/1, as Ray's dashboard does."""
    server = HTTPServer(("127.0.0.1", 0), type("Handler", (BaseHTTPRequestHandler,), {"log_message": lambda *_: None}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (contextlib.nullcontext, "Connection refused"),
        (dumb_server, "timed out|nothing within 2.5 s"),
        (web_server, "what listens there is no Ray cluster"),
    ],
)
@pytest.mark.parametrize("kind", ["{}", "auto"])
def test_an_address_where_no_ray_answers(server: Any, words: str, kind: str, monkeypatch: Any) -> None:
    with server() as port:
        address = f"127.0.0.1:{port or closed_port()}"
        if kind == "auto":
            monkeypatch.setenv("RAY_ADDRESS", address)
        start = time.monotonic()
        with pytest.raises(ValueError, match=f"^no Ray cluster answers at {address} .({words}).; see ray status"):
            RayExecutor(address=kind.format(address))
        assert time.monotonic() - start < 10
    assert not ray.is_initialized()


def test_a_name_that_can_not_be_looked_up() -> None:
    start = time.monotonic()
    problem = silence("head.invalid", 6379)
    assert problem
    assert problem[-1].isalnum()
    assert time.monotonic() - start < 5


def test_a_name_server_that_never_answers_is_not_waited_for(monkeypatch: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        channel, names = ray_address._channel, f"dns://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setattr(ray_address, "_channel", lambda address: channel(f"{names}/{address}"))
        start = time.monotonic()
        assert silence("head.example", 6379) == "nothing within 2.5 s"
        assert time.monotonic() - start < 5
        assert b"head\x07example" in server.recv(512)  # it was asked


@pytest.mark.parametrize("address", ["head", "head:", ":6379", "head:port", "head:99999", "ray://head", "local"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(ValueError, match="it must be auto, HOST:PORT"):
        RayExecutor(address=address)


def test_an_address_has_a_host_and_a_port() -> None:
    assert endpoint("10.0.0.5:6379") == ("10.0.0.5", 6379)
    assert endpoint("ray://head:10001") == ("head", 10001)
    assert endpoint("[::1]:6379") == ("::1", 6379)


@pytest.mark.parametrize("missing", ["ray", "grpc"])
def test_without_ray_the_package_to_install_is_named(monkeypatch: Any, missing: str) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ValueError, match=r"the executor ray needs the package ray: pip install 'diffstab\[ray\]'"):
        RayExecutor()


def test_importing_the_module_imports_neither_ray_nor_torch() -> None:
    code = "import sys, diffstab.sweep.executors.ray; sys.exit(sum(name in sys.modules for name in ('ray', 'torch')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
