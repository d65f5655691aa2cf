"""The base of all options, from a command line or a sweep's file: reading, checks, one canonical form of each value.

The module imports nothing heavy.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from difflib import get_close_matches
from typing import Any, TypeVar

Options = TypeVar("Options", bound="CommandOptions")


class CommandOptions:
    """The base of all options: reads them from a mapping, and checks them field by field."""

    @classmethod
    def of(cls: type[Options], mapping: Mapping[str, Any]) -> Options:
        """Makes options from a mapping with the commands' option names, such as `noise-radius` or `noise_radius`.

        Raises:
            ValueError: If a name is unknown (the message has the nearest) or given twice, or a value is not allowed.
            TypeError: If a value has the wrong type.
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
        """Returns every option by name: plain numbers, strings and None."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    @property
    def trusted(self) -> tuple[str, ...]:
        """The names in `trust`, read from their JSON form."""
        names: str | None = getattr(self, "trust", None)
        return tuple(json.loads(names)) if names else ()

    def _refuse_none(self) -> None:
        """Raises TypeError for a None where the default is not None."""
        for f in fields(self):  # type: ignore[arg-type]
            if getattr(self, f.name) is None and f.default is not None:
                raise TypeError(f"{f.name} is None; leave it out to get its default, {f.default!r}")

    def _check(self, names: str, check: Any, *arguments: Any, **keywords: Any) -> None:
        """Replaces each named value that is not None by what `check(name, value, ...)` returns."""
        for name in names.split():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, check(name, value, *arguments, **keywords))


# Options that don't change the numbers, so that they are no part of a job's name.
EXECUTION = ("workers", "device", "download", "trust")
