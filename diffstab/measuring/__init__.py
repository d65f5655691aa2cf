"""The loop that measures a network, and one measurement by names.

Open `measure` first, then `passes`. `setup` holds what both passes need, `first_pass` uses only the images,
`second_pass` runs the network, `inspection` checks whether the network can be trusted, `assemble` makes the result, and
`notes` warns the user. `drawn` has the transformations of a batch, `ascent` finds the worst ones, `equivariance` moves
maps along, `certificate` bounds what no deformation can change. `by_name` loads what the command line names. The room
imports results, perturbations, statistics, fields, streams, options, the ground floor and, only in `by_name`, models
and data.
"""

from .by_name import Reporter, measure_cell, network_hashes
from .certificate import Certificate, certify
from .conventions import BothConventions, measure_both
from .forward import told_as_value_error
from .given_images import as_images, image_size
from .measure import measure
from .memory import is_out_of_memory
from .modules import modules_in, plain
from .network_state import Network
