"""The base of all options, from a command line or a sweep's file: reading, checks, one canonical form of each value.

The module imports nothing heavy.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ..checks import did_you_mean
from .setting import Role, names_with, settings_of

Options = TypeVar("Options", bound="CommandOptions")


@dataclass(frozen=True, kw_only=True)
class CommandOptions:
    """The base of all options: reads them from a mapping, and checks them field by field."""

    @classmethod
    def from_mapping(cls: type[Options], mapping: Mapping[str, Any]) -> Options:
        """Makes options from a mapping with the commands' option names, such as `noise-radius` or `noise_radius`.

        Raises:
            ValueError: If a name is unknown (the message has the nearest) or given twice, or a value is not allowed.
            TypeError: If a value has the wrong type.
        """
        known = list(settings_of(cls))
        options: dict[str, Any] = {}
        for key, value in mapping.items():
            name = str(key).replace("-", "_")
            if name not in known:
                hint = did_you_mean(name, known)[2:] or f"known: {', '.join(known)}"
                raise ValueError(f"{key!r} is not an option; {hint}")
            if name in options:
                raise ValueError(f"{key!r} is given twice")
            options[name] = value
        return cls(**options)

    def to_dict(self) -> dict[str, Any]:
        """Returns every option by name: plain numbers, strings and None."""
        return {name: getattr(self, name) for name in settings_of(type(self))}

    def changed(self) -> dict[str, Any]:
        """Returns the options that the user chose: those that differ from the defaults, ruling ones at the end."""
        values, plain = self.to_dict(), type(self)().to_dict()
        ruling = {name: values[name] for name in names_with(type(self), Role.RULES)}
        following = type(self)(**ruling).to_dict()
        told = {name: value for name, value in values.items() if name not in ruling and value != following[name]}
        return told | {name: value for name, value in ruling.items() if value != plain[name]}

    @property
    def trusted(self) -> tuple[str, ...]:
        """The names in `trust`, read from their JSON form."""
        names: str | None = self.to_dict().get("trust")
        return tuple(json.loads(names)) if names else ()

    def _check_each(self, *names: str) -> None:
        """Replaces the values, all or those named, by their canonical form. Raises ValueError or TypeError."""
        for name, one in settings_of(type(self)).items():
            if names and name not in names:
                continue
            value = getattr(self, name)
            if value is not None:
                self._set(**{name: one.check(name, value)})
            elif one.default is not None:
                raise TypeError(f"{name} is None; leave it out to get its default, {one.default!r}")

    def _set(self, **values: Any) -> None:
        """Sets fields of the frozen object, while it is made."""
        for name, value in values.items():
            object.__setattr__(self, name, value)
