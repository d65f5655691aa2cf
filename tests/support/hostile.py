"""What hostile input shares: how many cases, and what an error may not say."""

import os
import socket
import threading
from contextlib import contextmanager

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# words of Python's own errors, which tell a user nothing
RAW = ("NoneType", "not supported between", "has no attribute", "subscript", "unhashable", "not iterable", "JSON")
TIMES = int(os.environ.get("DIFFSTAB_FUZZ", "1"))  # how many times as many cases, and whether other ones each time
CHANCE = st.randoms()  # a generator whose every choice is hypothesis's own


def cases(count):
    """So many of them, without a limit of time; the same ones in each run of the usual tests."""
    return settings(
        max_examples=count * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def assert_one_line(answer):
    assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.exception
    if answer.exit_code == 2:
        assert answer.stderr.count("Error: ") == 1
        assert not any(word in answer.stderr for word in RAW), answer.stderr


KINDS = ("a pipe", "a socket", "a device")


@contextmanager
def special(kind, path):
    """Something at `path` that no program should wait for, or read to its end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if kind == "a pipe":
        os.mkfifo(path)
        yield
    elif kind == "a device":
        path.symlink_to("/dev/zero")
        yield
    else:
        before = os.getcwd()
        with socket.socket(socket.AF_UNIX) as one:
            os.chdir(path.parent)  # addresses are short
            one.bind(path.name)
            os.chdir(before)
            yield


def in_time(function, limit=20.0):
    """What a function returns, or raises; fails if it takes longer."""
    answer = []

    def run():
        try:
            answer.append((function(), None))
        except BaseException as error:
            answer.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(limit)
    assert answer, f"still waiting after {limit} s"
    ((value, error),) = answer
    if error is not None:
        raise error
    return value


def told_by(function):
    """What the library says of bad input; None if it takes it. Other errors are not caught."""
    try:
        function()
    except (ValueError, TypeError) as error:
        return str(error)
    return None
