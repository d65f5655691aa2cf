"""A folder of measured cells that many writers fill, that survives them, and that can be copied together.

    store.json            the format's name and schema
    rows/*.jsonl          one row a line; one append-only part file per writer
    raw/ab/*.npz          per-image squared distances, outputs and indices, by content hash
    weights/ab/*.safetensors   what the train cells learnt, by content hash
    training/             checkpoints of trainings that are under way
    claims/               lock files of jobs that are under way

Open `store` first; `parts` reads and appends lines, `lines` tells rows from damage, `index` which of them count,
`entry` is a row on its way in, `table` filters and sorts, `pairing` finds the networks to compare. The room imports
results, statistics, options and the ground floor; without torch.

A row has a `key`, the sha256 of what determines its numbers; of several rows with a key the last one counts. It also
has the `job` it was made by, the sha256 of what was asked for: a job that is in the store is done.
"""

from .check import check
from .claims import Claims
from .entry import DONE, FAILED, Entry, Row, checksum, is_measured, measured_entry
from .export import exported
from .from_row import CHANGES_NOTHING, asked_of, differences, options_of
from .pairing import compare_rows, networks_of
from .recompute import recompute_all
from .row_check import OF_DEFORMATIONS
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
