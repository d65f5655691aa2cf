"""Results in one file: JSON form and raw values in the safetensors format, which holds no code."""

import json
from typing import Any

from .raw_values import RawValues

ROW = "diffstab-result"  # entry of the file's metadata that holds the JSON form
LARGEST_FILE = 2**31  # bytes


def packed(row: dict[str, Any], raw: RawValues) -> bytes:
    """Returns the content of a file with this JSON form and these raw values."""
    import numpy as np
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(array) for name, array in raw.arrays().items()}
    return save(arrays, metadata={ROW: json.dumps(row, allow_nan=False)})


def unpacked(content: bytes) -> tuple[dict[str, Any], RawValues]:
    """Returns the JSON form and the raw values of a file's content.

    Raises:
        ValueError, TypeError, KeyError: If the content is no saved result.
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
