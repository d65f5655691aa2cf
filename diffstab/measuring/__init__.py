"""The loop that measures a network, and one measurement by names.

Open `measure` first, then `passes`: `setup` is what both passes need, `first_pass` sees the images alone,
`second_pass` runs the network, `assemble` makes the result. `by_name` loads what the command line names. Only
`by_name` and `conventions` import data and models; the others import results, perturbations, statistics, fields,
options and the ground floor.
"""

from .by_name import Reporter, measure_cell
from .conventions import BothConventions, measure_both
from .forward import told_as_value_error
from .measure import measure
from .memory import is_out_of_memory
