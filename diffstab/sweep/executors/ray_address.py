"""Check within seconds that a Ray cluster answers at an address: `ray.init` tries for minutes, or aborts."""

import os
import re
import subprocess
import sys
import textwrap
from typing import Any

from ...reading import LARGEST_TEXT, read_bytes

AUTO, CLIENT = "auto", "ray://"
ANSWER = 2.5  # seconds, for a gRPC server to answer
FIND = 8.5  # seconds, to find and join the cluster that `auto` means
JOIN = 30.0  # seconds, to join a cluster that answers
HEALTH = "/grpc.health.v1.Health/Check"  # gRPC's usual question; Ray's servers answer it
JOIN_CODE = """
import sys, ray
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
ray.shutdown()
"""


def endpoint(address: str) -> tuple[str, int]:
    """Returns host and port of `HOST:PORT` or `ray://HOST:PORT`. Raises ValueError for other forms."""
    host, _, port = address.removeprefix(CLIENT).rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError(
            f"the Ray address is {address!r}; it must be auto, HOST:PORT (as ray start --head prints it) or ray://HOST:10001"
        )
    return host.strip("[]"), int(port)


def silence(host: str, port: int) -> str | None:
    """Returns the reason why no gRPC server answers at an address; None if one does. Takes at most 2.5 s."""
    import grpc

    try:
        with _channel(f"[{host}]:{port}" if ":" in host else f"{host}:{port}") as channel:
            channel.unary_unary(HEALTH)(b"", timeout=ANSWER)
    except OSError as error:  # a certificate's file
        return str(error)
    except grpc.RpcError as error:  # every other status is an answer: no such service, no token, ...
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"nothing within {ANSWER:g} s"
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            problem = error.details().rpartition(": ")[2].rstrip("]")  # the first parts name the address again
            return "what listens there is no Ray cluster" if "HTTP" in problem else textwrap.shorten(problem, 300)
    return None


def _channel(address: str) -> Any:
    """Opens a gRPC channel as Ray does, with its certificates if it uses TLS."""
    import grpc

    options = [("grpc.enable_http_proxy", 0)]
    if os.environ.get("RAY_USE_TLS", "0").lower() not in ("1", "true"):
        return grpc.insecure_channel(address, options)
    files = (os.environ.get(f"RAY_TLS_{name}", "") for name in ("CA_CERT", "SERVER_KEY", "SERVER_CERT"))
    keys = (read_bytes(file, most=LARGEST_TEXT) if file else None for file in files)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(*keys), options)


def check_address(address: str) -> None:
    """Raises ValueError unless a Ray cluster answers at an address, and this process can join it.

    Args:
        address: `auto`, `HOST:PORT` or `ray://HOST:PORT`.
    """
    if address == AUTO:
        problem = _problem(["-c", JOIN_CODE, address], FIND)
        if problem is not None:
            raise ValueError(f"no Ray cluster is found on this machine ({problem}); see ray status")
        return
    host, port = endpoint(address)
    problem = silence(host, port)
    if problem is not None:
        raise ValueError(f"no Ray cluster answers at {address} ({problem}); see ray status on its head node")
    way = "the port must be of its Ray client server, usually 10001"
    if not address.startswith(CLIENT):
        problem = _problem(["-m", "ray.scripts.scripts", "status", "--address", address], JOIN)  # shows causes at once
        way = "run on one of its nodes, or give ray://HOST:10001"
        if problem is not None:
            raise ValueError(f"what answers at {address} takes no Ray driver ({problem})")
    problem = _problem(["-c", JOIN_CODE, address], JOIN)
    if problem is not None:
        raise ValueError(f"Ray answers at {address}, but this process can't join its cluster ({problem}); {way}")


def _problem(arguments: list[str], seconds: float) -> str | None:
    """Runs Python with arguments in a new process, which can be killed if it hangs, and returns its error or None."""
    command = [sys.executable, *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return f"nothing within {seconds:g} s"
    if done.returncode == 0:
        return None
    lines = done.stderr.strip().splitlines()
    errors = [number for number, line in enumerate(lines) if re.match(r"[\w.]*(Error|Exception): ", line)]
    words = " ".join(lines[errors[-1] :]) if errors else f"Ray ended with exit status {done.returncode}"
    return textwrap.shorten(words.removeprefix("ray.exceptions."), 400)
