"""What hostile input shares: how many cases, and what an error may not say."""

import os

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


def told_by(function):
    """What the library says of bad input; None if it takes it. Other errors are not caught."""
    try:
        function()
    except (ValueError, TypeError) as error:
        return str(error)
    return None
