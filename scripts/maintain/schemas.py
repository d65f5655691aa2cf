"""Writes the JSON Schemas that come with the package: of a sweep's file, and of a store's rows.

Run it after a setting was added: python scripts/maintain/schemas.py
"""

import json

from diffstab.store.schema import SCHEMA_FILE as ROWS
from diffstab.store.schema import row_schema
from diffstab.sweep.schema import SCHEMA_FILE as SWEEPS
from diffstab.sweep.schema import sweep_schema
from diffstab.writing import write_atomically

FILES = {SWEEPS: sweep_schema, ROWS: row_schema}


def content(schema: dict[str, object]) -> bytes:
    """Returns the content of a schema's file."""
    return json.dumps(schema, indent=1).encode() + b"\n"


if __name__ == "__main__":
    for path, schema in FILES.items():
        write_atomically(path, content(schema()))
        print(path.name)
