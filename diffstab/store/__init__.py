"""A folder of measured cells that many writers fill, that survives them, and that can be copied together.

    store.json            the format's name and schema
    rows/*.jsonl          one row a line; one append-only part file per writer
    raw/ab/*.npz          per-image squared distances, outputs and indices, by content hash
    weights/ab/*.safetensors   what the train cells learnt, by content hash
    training/             checkpoints of trainings that are under way
    claims/               lock files of jobs that are under way

A row has a `key`, the sha256 of what determines its numbers; of several rows with a key the last one counts. It also
has the `job` it was made by, the sha256 of what was asked for: a job that is in the store is done.
"""

from .entry import DONE, FAILED, Entry, checksum, is_measured, measured_entry
from .parts import Row
from .row_check import OF_DEFORMATIONS
from .store import Store

__all__ = ["DONE", "FAILED", "OF_DEFORMATIONS", "Entry", "Row", "Store", "checksum", "is_measured", "measured_entry"]
