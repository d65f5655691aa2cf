"""What commands are told, as it stands in a sweep's file too: reading, checks, one form of each value.

It imports nothing heavy.
"""

import ast
import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, fields
from difflib import get_close_matches
from os import PathLike, fspath
from typing import Any, TypeVar

from .choices import ALL, AUTO, finite_at_least_zero

Options = TypeVar("Options", bound="CommandOptions")


class CommandOptions:
    """What both kinds share: reading a mapping, and checks by field."""

    @classmethod
    def of(cls: type[Options], mapping: Mapping[str, Any]) -> Options:
        """From a mapping with the commands' option names, `noise-radius` or `noise_radius`.

        Raises:
            ValueError: If a name is unknown (the message has the nearest) or comes twice, or a value is not allowed.
            TypeError: If a value is of another type.
        """
        known = [f.name for f in fields(cls)]  # type: ignore[arg-type]
        options: dict[str, Any] = {}
        for key, value in mapping.items():
            name = str(key).replace("-", "_")
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
                raise ValueError(f"{key!r} is not an option; {hint}")
            if name in options:
                raise ValueError(f"{key!r} is given twice")
            options[name] = value
        return cls(**options)

    def to_dict(self) -> dict[str, Any]:
        """Every option by name: plain numbers, strings and None."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    def _refuse_none(self) -> None:
        """None stands only where the default is None."""
        for f in fields(self):  # type: ignore[arg-type]
            if getattr(self, f.name) is None and f.default is not None:
                raise TypeError(f"{f.name} is None; leave it out to have its default, {f.default!r}")

    def _check(self, names: str, check: Any, *arguments: Any, **keywords: Any) -> None:
        """Puts what `check(name, value, ...)` returns in the place of each named value that is not None."""
        for name in names.split():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, check(name, value, *arguments, **keywords))


def a_text(option: str, value: Any) -> str:
    """`value` if it is a text or a path, not empty. Raises TypeError or ValueError."""
    if isinstance(value, PathLike):
        value = fspath(value)
    if not isinstance(value, str) or not value:
        raise TypeError(f"{option} is {value!r}; a name is needed")
    if any("\ud800" <= letter <= "\udfff" or letter == "\0" for letter in value):
        raise ValueError(f"{option} is {value!a}, which is no text (it holds surrogates or a null)")
    return value


def a_number(option: str, value: Any) -> float:
    """`value`, or the number that a text means, if it is finite and 0 or more. Raises TypeError or ValueError."""
    if isinstance(value, str):  # YAML reads 1e-3, without a point, as a string
        try:
            value = float(value)
        except ValueError:
            raise TypeError(f"{option} is {value!r}; a number is needed") from None
    return finite_at_least_zero(option, value)


def above_zero(option: str, value: Any) -> float:
    """As `a_number`, and not 0."""
    number = a_number(option, value)
    if number == 0:
        raise ValueError(f"{option} is 0; it must be above 0")
    return number


def true_or_false(option: str, value: Any) -> bool:
    """`value` if it is a bool. Raises TypeError."""
    if not isinstance(value, bool):
        raise TypeError(f"{option} is {value!r}; true or false is needed")
    return value


def key_values(option: str, value: Any) -> str:
    """`k=v` texts, one text with several of them, or a mapping, as one JSON object. Raises TypeError or ValueError.

    >>> key_values("model_kwargs", "drop_rate=0.1 norm=batch")
    '{"drop_rate": 0.1, "norm": "batch"}'
    """
    if isinstance(value, str):
        value = _json_object(value) or shlex.split(value)
    if not isinstance(value, (Mapping, list, tuple)):
        raise TypeError(f"{option} is {value!r}; a mapping, or texts such as depth=12, is needed")
    if not isinstance(value, Mapping):
        pairs = [text.partition("=") for text in value if isinstance(text, str)]
        if len(pairs) != len(value) or any(not name.isidentifier() or not equals for name, equals, _ in pairs):
            raise ValueError(f"{option} is {value!r}; names with values are needed, as in depth=12")
        value = {name: _literal(text) for name, _, text in pairs}
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{option} is {value!r}; numbers, texts, true, false, null and lists are needed") from error


def _json_object(text: str) -> Any:
    try:
        return json.loads(text) if text.lstrip().startswith("{") else None
    except ValueError:
        return None


def _literal(text: str) -> Any:
    """A value as Python or JSON writes it; any other text is a text."""
    plain = {"true": True, "false": False, "null": None}
    if text in plain:
        return plain[text]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def channel_values(option: str, value: Any) -> str:
    """One number or one for each channel, as numbers or a text, in one form. Raises TypeError or ValueError.

    >>> channel_values("mean", "0.5 .5,0.50")
    '0.5,0.5,0.5'
    """
    parts = value.replace(",", " ").split() if isinstance(value, str) else value
    numbers = list(parts) if isinstance(parts, (list, tuple)) else [parts]
    if len(numbers) not in (1, 3):
        raise ValueError(f"{option} is {value!r}; one number, or one for each of 3 channels, is needed")
    return ",".join(f"{a_number(option, number):.10g}" for number in numbers)


def layer_text(option: str, layers: Any) -> str:
    """A choice of layers as one text: `auto`, `all`, or patterns with commas between them.

    Raises:
        TypeError, ValueError: If it is no text, or empty.

    >>> layer_text("layers", ["layer*", " fc "])
    'layer*,fc'
    """
    parts = layers.split(",") if isinstance(layers, str) else layers
    if not isinstance(parts, (list, tuple)) or not all(isinstance(part, str) for part in parts):
        raise TypeError(f"{option} is {layers!r}; auto, all, or names with wildcards are needed")
    names = [part.strip() for part in parts]
    if not names or not all(names):
        raise ValueError(f"{option} is {layers!r}; auto, all, or names such as layer*,fc are needed")
    if len(names) > 1 and {AUTO, ALL} & set(names):
        raise ValueError(f"{option} is {layers!r}; auto and all stand alone")
    return ",".join(names)


# No part of what is measured or trained: the same numbers come wherever it runs.
EXECUTION = ("workers", "device", "download")
