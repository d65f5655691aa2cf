"""What commands are told, as it stands in a sweep's file too: reading, checks, one form of each value.

It imports nothing heavy.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from difflib import get_close_matches
from typing import Any, TypeVar

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

    @property
    def trusted(self) -> tuple[str, ...]:
        """The names in `trust`."""
        names: str | None = getattr(self, "trust", None)
        return tuple(json.loads(names)) if names else ()

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


# No part of what is measured or trained: the same numbers come wherever it runs.
EXECUTION = ("workers", "device", "download", "trust")
