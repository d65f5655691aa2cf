"""What a network raises on images that it is not made for, in the library's words."""

from collections.abc import Iterator
from contextlib import contextmanager


def in_short(error: BaseException) -> str:
    """The kind of an error and its first line."""
    return " ".join([f"{type(error).__name__}:", *str(error).splitlines()[:1]]).rstrip(":")


@contextmanager
def told_as_value_error(model: str, shape: tuple[int, ...]) -> Iterator[None]:
    """Turns a network's own errors on images of a shape `[C, H, W]` into a ValueError."""
    try:
        yield
    except (RuntimeError, AssertionError) as error:
        size, reason = "x".join(map(str, shape)), str(error) or "it gives no reason"
        raise ValueError(f"model {model} fails on images of {size} ({reason:.200})") from error
