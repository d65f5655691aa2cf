"""JSON Schema of a store's rows, made from the settings and the fields of a result."""

from pathlib import Path
from types import NoneType
from typing import Any

from ..options import DIALECT, JSON_TYPES
from ..results import ROW, ErrorRate
from ..statistics import Interval
from .entry import DONE, FAILED
from .row_check import KINDS, NEEDED

SCHEMA_FILE = Path(__file__).parent / "row.schema.json"
NUMBER, TEXT, MAPPING = {"type": "number"}, {"type": "string"}, {"type": "object"}
INTERVAL = {
    "type": "object",
    "required": ["value", "low", "high"],
    "properties": dict.fromkeys(("value", "low", "high"), NUMBER),
}
LAYER = {
    "type": "object",
    "required": ["name", "depth", "D", "G", "R"],
    "properties": {"name": TEXT, "depth": NUMBER, **dict.fromkeys("DGR", INTERVAL)},
}
HEAD = {"schema": {"const": 1}, "kind": TEXT, "status": {"enum": [DONE, FAILED]}, "key": TEXT}
ALSO = {"asked": MAPPING, "training": {"type": ["object", "null"]}, "data_dir": {"type": ["string", "null"]}}


def row_schema() -> dict[str, Any]:
    """Returns the schema of a row, which `row.schema.json` holds; of trainings and failures, only the first columns.

    >>> row_schema()["then"]["properties"]["draws"]
    {'type': 'integer'}
    """
    columns = {name: _column(name) for name in ROW}
    return {
        "$schema": DIALECT,
        "title": "Row of a diffstab store",
        "type": "object",
        "required": list(HEAD),
        "properties": HEAD,
        "if": {"properties": {"kind": {"const": "measure"}, "status": {"const": DONE}}},
        "then": {"required": [name for name in ROW if name in NEEDED], "properties": {**columns, **ALSO}},
    }


def _column(name: str) -> dict[str, Any]:
    """Returns the schema of one column's value."""
    if name == "layers":
        return {"anyOf": [{"type": "array", "items": LAYER}, {"type": "null"}]}
    kinds = KINDS[name] - {NoneType}
    missing = NoneType in KINDS[name] and name not in NEEDED
    if kinds & {Interval, ErrorRate}:
        return {"anyOf": [INTERVAL, {"type": "null"}]} if missing else INTERVAL
    types = [one for kind in kinds for one in JSON_TYPES.get(kind, ["object"])] + (["null"] if missing else [])
    return {"type": types[0] if len(types) == 1 else types}
