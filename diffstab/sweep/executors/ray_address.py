"""Check within seconds that a Ray cluster answers at an address: `ray.init` tries for minutes, or aborts."""

import importlib.util
import os
import re
import socket
import subprocess
import sys
import textwrap
from queue import Empty, SimpleQueue
from threading import Thread

AUTO, CLIENT = "auto", "ray://"
ANSWER = 2.5  # seconds, for a server to show that it speaks HTTP/2
FIND = 8.5  # seconds, to find and join the cluster that `auto` means
JOIN = 30.0  # seconds, to join a cluster that answers
# First bytes of an HTTP/2 client (RFC 9113, section 3.4), with empty settings; Ray's gRPC runs on HTTP/2.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
FRAME_HEADER, SETTINGS = 9, 4  # bytes of a frame's header; the type that it names in the server's answer
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
    answer: SimpleQueue[str | None] = SimpleQueue()
    Thread(target=lambda: answer.put(_handshake(host, port)), daemon=True).start()
    try:
        return answer.get(timeout=ANSWER)
    except Empty:
        return f"nothing within {ANSWER:g} s"


def _handshake(host: str, port: int) -> str | None:
    header = b""
    try:
        with socket.create_connection((host, port), timeout=ANSWER) as link:
            if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
                return None
            link.sendall(PREFACE)
            while len(header) < FRAME_HEADER and (part := link.recv(FRAME_HEADER - len(header))):
                header += part
    except (OSError, UnicodeError) as error:  # UnicodeError: the name can be no host's
        return getattr(error, "strerror", None) or str(error)
    return None if len(header) == FRAME_HEADER and header[3] == SETTINGS else "what listens there is no Ray cluster"


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
    if address.startswith(CLIENT) and importlib.util.find_spec("grpc") is None:
        raise ValueError(f"the Ray address is {address!r}; addresses of this kind need pip install 'ray[client]'")
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
