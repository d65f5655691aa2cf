"""Checks of single values. Each error message says what came, what is allowed and what to do.

Checks return the value if it is allowed and raise TypeError or ValueError otherwise. `option` is the name for messages.
"""

import ast
import json
import re
import shlex
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from numbers import Integral, Real
from os import PathLike, fspath
from typing import Any
from unicodedata import category

BLANK = "\u115f\u1160\u2800\u3164\uffa0\u034f"  # letters without a shape
LARGEST = 1e100  # for cutoff, temperature and delta: their squares stay finite
LARGEST_SEED = 2**64 - 1
SHOWN = 3  # largest number of names in a message
LEAST_CROP = 0.01  # share of a side; a smaller one would need images too large for memory


def one_of(option: str, value: str, allowed: Iterable[str]) -> str:
    """Returns `value` if it is among `allowed`. Raises ValueError that names the option, the value and those allowed.

    >>> one_of("average", "median", ("median", "mean"))
    'median'
    """
    allowed = tuple(allowed)
    if value in allowed:
        return value
    near = get_close_matches(str(value), allowed, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ValueError(f"{option} is {value!r}; allowed: {', '.join(allowed)}{hint}")


def crop_share(option: str, value: Any) -> float:
    """Returns `value` as a float if it is a share of a side that a crop can keep, 0.01 to 1."""
    number = finite_at_least_zero(option, value)
    if not LEAST_CROP <= number <= 1:
        raise ValueError(f"{option} is {number:g}; it must be {LEAST_CROP} to 1, the whole image")
    return number


def positive_integer(option: str, value: Any, *, least: int = 1, most: int | None = None) -> int:
    """Returns `value` if it is a whole number from `least` to `most`. Raises TypeError or ValueError."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{option} is {value!r}; a whole number of at least {least} is needed")
    number = int(value)
    if number < least:
        raise ValueError(f"{option} is {number}; it must be at least {least}")
    if most is not None and number > most:
        raise ValueError(f"{option} is {number}; it must be at most {most}")
    return number


def finite_at_least_zero(option: str, value: Any) -> float:
    """Returns `value` as a float if it is a finite number >= 0. Raises TypeError or ValueError."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{option} is {value!r}; a number is needed")
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not 0 <= number <= LARGEST:
        raise ValueError(f"{option} is {number:g}; it must be a finite number, 0 or more (at most {LARGEST:g})")
    return number


def a_text(option: str, value: Any) -> str:
    """Returns `value` if it is a text or a path, not empty. Raises TypeError or ValueError."""
    if isinstance(value, PathLike):
        value = fspath(value)
    if not isinstance(value, str) or not value:
        raise TypeError(f"{option} is {value!r}; a name is needed")
    if any("\ud800" <= letter <= "\udfff" or letter == "\0" for letter in value):
        raise ValueError(f"{option} is {value!a}, which is no text (it holds surrogates or a null)")
    return value


def a_number(option: str, value: Any) -> float:
    """Returns a number, or the number in a text, if it is finite and 0 or more. Raises TypeError or ValueError."""
    if isinstance(value, str):  # YAML reads 1e-3, without a point, as a string
        try:
            value = float(value)
        except ValueError:
            raise TypeError(f"{option} is {value!r}; a number is needed") from None
    return finite_at_least_zero(option, value)


def above_zero(option: str, value: Any) -> float:
    """Returns a number, or the number in a text, if it is finite and above 0. Raises TypeError or ValueError."""
    number = a_number(option, value)
    if number == 0:
        raise ValueError(f"{option} is 0; it must be above 0")
    return number


def true_or_false(option: str, value: Any) -> bool:
    """Returns `value` if it is a bool. Raises TypeError otherwise."""
    if not isinstance(value, bool):
        raise TypeError(f"{option} is {value!r}; true or false is needed")
    return value


def key_values(option: str, value: Any) -> str:
    """Converts `k=v` texts, one text with several, or a mapping to one JSON object. Raises TypeError or ValueError.

    >>> key_values("model_kwargs", "drop_rate=0.1 norm=batch")
    '{"drop_rate": 0.1, "norm": "batch"}'
    """
    if isinstance(value, str):
        value = _json("{", value) or shlex.split(value)
    if not isinstance(value, (Mapping, list, tuple)):
        raise TypeError(f"{option} is {value!r}; a mapping, or texts such as depth=12, is needed")
    if not isinstance(value, Mapping):
        pairs = [text.partition("=") for text in value if isinstance(text, str)]
        if len(pairs) != len(value) or any(not name.isidentifier() or not equals for name, equals, _ in pairs):
            raise ValueError(f"{option} is {value!r}; names with values are needed, as in depth=12")
        value = {name: _literal(text) for name, _, text in pairs}
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{option} is {value!r}; numbers, texts, true, false, null and lists are needed") from error


def names_in(option: str, value: Any) -> str:
    """Converts one name, several, or a JSON list of names to a JSON list. Raises TypeError or ValueError.

    >>> names_in("trust", "net.py:Net"), names_in("trust", '["a:b", "c:d"]')
    ('["net.py:Net"]', '["a:b", "c:d"]')
    """
    listed = _json("[", value) if isinstance(value, str) else value
    names = [value] if listed is None else listed
    if not isinstance(names, (list, tuple)) or not names:
        raise TypeError(f"{option} is {value!r}; a name, or a list of names, is needed")
    return json.dumps([a_text(option, name) for name in names])


def refuse_untrusted(whose: str, named: Mapping[str, str], trust: Iterable[str]) -> None:
    """Raises ValueError if a row or file from others names code or files that the user has not confirmed with --trust.

    Args:
        whose: Row or file that contains the names, for the message.
        named: Names with their kinds, such as `own code`.
        trust: Names that the user trusts, given with --trust.
    """
    left = {name: kind for name, kind in named.items() if name not in set(trust)}
    if left:
        told = ", ".join(f"{kind} {name!r}" for name, kind in left.items())
        options = " ".join(f"--trust {shlex.quote(name)}" for name in left)
        raise ValueError(f"{whose} names {told}; if you trust this, add {options}")


def _json(beginning: str, text: str) -> Any:
    try:
        return json.loads(text) if text.lstrip().startswith(beginning) else None
    except (ValueError, RecursionError):
        return None


def _literal(text: str) -> Any:
    """Parses a value written as in Python or JSON; any other text stays a text."""
    plain = {"true": True, "false": False, "null": None}
    if text in plain:
        return plain[text]
    if re.fullmatch(r"[-+]?0[0-9_]+(\.[0-9]*)?", text):
        raise ValueError(f"{text} begins with a 0; write it without, or in quotes if it is a text")
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def channel_values(option: str, value: Any) -> str:
    """Formats one number, or one for each of 3 channels, given as numbers or text. Raises TypeError or ValueError.

    >>> channel_values("mean", "0.5 .5,0.50")
    '0.5,0.5,0.5'
    """
    parts = value.replace(",", " ").split() if isinstance(value, str) else value
    numbers = list(parts) if isinstance(parts, (list, tuple)) else [parts]
    if len(numbers) not in (1, 3):
        raise ValueError(f"{option} is {value!r}; one number, or one for each of 3 channels, is needed")
    return ",".join(f"{a_number(option, number):.10g}" for number in numbers)


def in_short(error: BaseException) -> str:
    """The class name of an error and the first line of its message."""
    return " ".join([f"{type(error).__name__}:", *str(error).splitlines()[:1]]).rstrip(":")


def some(names: Iterable[str], most: int = SHOWN) -> str:
    """Lists the first names, at most 3 or `most`, and counts the others.

    >>> some(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def escaped(text: str, keep: str = "") -> str:
    """Makes a text safe to print: characters that control a terminal, reorder text or are invisible become `\\u202e`.

    Args:
        text: Text from any source.
        keep: Characters that stay unchanged.

    >>> print(escaped("lenet\\x1b[2J\\u202eabc"))
    lenet\\x1b[2J\\u202eabc
    """
    if text.isprintable() and text.isascii():
        return text
    return "".join(
        letter if letter in keep or _shows(letter) else letter.encode("ascii", "backslashreplace").decode()
        if letter > "\x7f" else repr(letter)[1:-1]
        for letter in text
    )  # fmt: skip


def _shows(letter: str) -> bool:
    """True if a character is visible or a space."""
    return (letter.isprintable() or category(letter) == "Zs") and letter not in BLANK


def reason(error: Exception) -> str:
    """The message of an error in one line, or its class name if it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The most similar known name, as the end of a message; empty if none is similar.

    >>> did_you_mean("cutof", ["cutoff", "delta"])
    "; did you mean 'cutoff'?"
    """
    found = get_close_matches(name, list(known), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def near(name: str, known: list[str]) -> str:
    """Up to three known names similar to `name`, as the end of a message; empty if there are none."""
    matches = list(dict.fromkeys(get_close_matches(name, known, n=3)))
    return f" (near: {', '.join(matches)})" if matches else ""
