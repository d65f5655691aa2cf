"""Rows of a store become the points of a figure; nothing here imports matplotlib.

Open `point` first, then `networks`, one point a network or curves over what was swept. `rows` reads, `choice` and
`setting` say which rows stand in one figure, `relation` how the test error follows the stability.
"""

from .relation import paper_values
from .rows import read_rows
