"""Results of a measurement: its numbers, every setting behind them, and the values of each image.

Open `result` first; `printed`, `words` and `plot` show it, `comparison` compares several results.
The room imports statistics, options and the ground floor.
"""

from .aligned import Columns, columns, shown
from .comparison import Comparison, RawOf, compare, compare_shared
from .layers import LayerStability
from .log_axis import log_ticks, set_log_axis, tick_text
from .printed import answer_of, table_of
from .raw_values import LayerValues, RawValues
from .result import KEY_NAMES, SCHEMA, ErrorRate, StabilityResult, content_key, weights_shown
from .row import (
    BEFORE,
    SETTING,
    Column,
    Flat,
    Row,
    flat,
    getter,
    setting_values,
    told_setting,
    value_at,
    without_layers,
)
from .shared import NothingSharedError, Shared, shared_settings
from .words import LOWER, cautions, in_words
