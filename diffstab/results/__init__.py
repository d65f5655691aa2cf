"""Results of a measurement: its numbers, every setting behind them, and the values of each image.

Open `result` first; `printed`, `words` and `plot` show it, `comparison` compares several results.
The room imports statistics, options and the ground floor.
"""

from .aligned import Columns, columns, shown
from .comparison import Comparison, RawOf, compare, compare_shared
from .layers import LayerStability
from .outcome import ErrorRate, Outcome
from .plot import log_ticks, set_log_axis, tick_text
from .printed import answer_of, table_of
from .raw_values import LayerValues, RawValues
from .result import StabilityResult, weights_shown
from .row import Column, Flat, Row, flat, getter, value_at, without_layers
from .row_columns import (
    KEY_NAMES,
    OF_DEFORMATIONS,
    OUTCOMES,
    ROW,
    SCHEMA,
    SETTING,
    content_key,
    known_at,
    setting_values,
    told_setting,
)
from .shared import NothingSharedError, Shared, shared_settings
from .words import LOWER, cautions, in_words
