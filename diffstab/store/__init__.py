"""Store of results: a folder that many processes fill at once, that survives crashes and can be merged by copying.

A row is one measured cell of a sweep (one combination of options) in one line.

    store.json            the format's name and schema
    rows/*.jsonl          one row a line; one append-only part file per writer
    raw/ab/*.npz          per-image squared distances, outputs and indices, by content hash
    weights/ab/*.safetensors   trained weights of the train cells, by content hash
    training/             checkpoints of running trainings
    claims/               lock files of running jobs

Open `store` first. `parts` reads and appends lines, `lines` finds damaged ones, `index` chooses the lines that count,
`entry` is a row before it is written, `table` filters and sorts, `pairing` finds the networks to compare. The room
imports results, statistics, options and the ground floor, and no torch.

A row has a `key`, the sha256 of everything that determines its numbers; of several rows with one key the last one
counts. It also has a `job`, the sha256 of the options that were asked for: a job that is in the store is done.
"""

from .check import check
from .entry import DONE, FAILED, Entry, Row, checksum, is_measured, measured_entry
from .export import exported
from .from_row import CHANGES_NOTHING, asked_of, differences, options_of
from .locks import Claims
from .pairing import compare_rows, networks_of
from .recompute import recompute_all
from .sidecar import WEIGHTS
from .store import Store
from .table import (
    SEED_BY_SEED,
    Filters,
    columns_of,
    layer_lines,
    order_of,
    select,
)
