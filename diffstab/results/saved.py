"""A result in one file: its JSON form and its raw values, as a file of safetensors, which holds no code."""

import json
from typing import Any

from .raw_values import RawValues

ROW = "diffstab-result"  # where the JSON form stands, among the file's texts
LARGEST_FILE = 2**31  # bytes


def packed(row: dict[str, Any], raw: RawValues) -> bytes:
    """The file's content."""
    import numpy as np
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(array) for name, array in raw.arrays().items()}
    return save(arrays, metadata={ROW: json.dumps(row, allow_nan=False)})


def unpacked(content: bytes) -> tuple[dict[str, Any], RawValues]:
    """The JSON form and the raw values.

    Raises:
        ValueError, TypeError, KeyError: If the content is something else.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(content)
    except SafetensorError as error:
        raise ValueError(f"it is damaged or of another kind ({error}); a file of save() is needed") from error
    length = int.from_bytes(content[:8], "little")
    texts = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    row = json.loads(texts[ROW])
    if not isinstance(row, dict):
        raise TypeError(f"its text is a {type(row).__name__}; a JSON object is needed")
    return row, RawValues.of_arrays(arrays)
