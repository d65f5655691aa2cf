"""What is kept of a measurement: its numbers, every setting behind them, and the values of each image.

Open `result` first. The room imports statistics, options and the ground floor.
"""

from .layers import LayerStability
from .raw_values import LayerValues, RawValues
from .result import KEY_NAMES, SCHEMA, ErrorRate, StabilityResult, content_key, weights_shown
