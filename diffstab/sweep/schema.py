"""JSON Schema of a sweep's file, by which editors complete and check it; made from the settings."""

from pathlib import Path
from typing import Any

from ..checks import channel_values
from ..options import DIALECT, Setting, settings_of
from .grid import GRID_KEYS
from .jobs import KINDS, MEASURE, TRAIN

SCHEMA_FILE = Path(__file__).parent / "sweep.schema.json"


def sweep_schema() -> dict[str, Any]:
    """Returns the schema of a sweep's file, which `sweep.schema.json` holds.

    >>> sorted(sweep_schema()["properties"])
    ['measure', 'regime', 'stripe', 'train']
    """
    values = {f"{kind}.{name}": _values(kind, one) for kind in KINDS for name, one in settings_of(KINDS[kind]).items()}
    return {
        "$schema": DIALECT,
        "title": "Sweep of diffstab",
        "description": "Every combination of listed values is one cell.",
        "type": "object",
        "minProperties": 1,
        "properties": {kind: _section(kind) for kind in KINDS},
        "additionalProperties": False,
        "$defs": {**values, **{kind: _options(kind) for kind in KINDS}},
    }


def _section(kind: str) -> dict[str, Any]:
    """Returns the schema of one section: options, further cells, and cells to drop."""
    own = _options(kind)
    told = ("Further grids, whose cells are added.", "Cells to drop: those that fit all of an entry.")
    lists = [{"description": text, "type": "array", "items": {"$ref": f"#/$defs/{kind}"}} for text in told]
    return {**own, "properties": {**own["properties"], **dict(zip(GRID_KEYS, lists, strict=True))}}


def _options(kind: str) -> dict[str, Any]:
    """Returns the schema of a mapping from options to values; names may have hyphens."""
    told = {name: {"$ref": f"#/$defs/{kind}.{name}"} for name in settings_of(KINDS[kind])}
    hyphens = {f"^{name.replace('_', '-')}$": values for name, values in told.items() if "_" in name}
    return {"type": "object", "properties": told, "patternProperties": hyphens, "additionalProperties": False}


def _values(kind: str, one: Setting) -> dict[str, Any]:
    """Returns the schema of one value of an option, or of a list of values."""
    value = one.schema()
    if one.check is channel_values:
        value = {"type": ["number", "string", "null"]}
    if (kind, one.name) == (MEASURE, "weights"):
        value = {"enum": [*value["enum"], TRAIN]}
    default = {} if one.shown is None else {"default": one.shown}
    return {
        "description": one.help,
        **default,
        "anyOf": [value, {"type": "array", "minItems": 1, "items": value}],
    }
