"""The mathematics of a displacement field tau, and images deformed along it.

Open `ensemble` first: it draws random fields. Then open `field` (displacement, gradient and inverse of a field) and
`deformation`. Each file imports only files before it in this order: modes, steepest, points, displacement, field,
bilinear, gaussian, deformation, inverse and ensemble, folding. The room imports options, streams and the ground floor.
"""

from .deformation import deform, deform_labels, identity_field
from .displacement import clamped_fraction, operator_norm, pixel_determinant
from .ensemble import LEAST_DELTA, MaxEntropyEnsemble, image_size, largest_xi, temperature_range
from .field import DisplacementField
from .folding import LEAST_SHARE, diffeomorphism_share, largest_temperature
from .inverse import compose, inverse_error
from .modes import draw_coefficients, sides
