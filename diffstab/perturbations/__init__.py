"""Transformations that `measure` can apply besides diffeomorphisms: translations, rotations, changes of scale, yours.

Open `protocol` first: it defines the methods that a transformation must have. The room imports fields, options, streams
and the ground floor.
"""

from .affine import AffineTransformation, signs
from .named import Rotation, Scaling, Translation, WholeTranslation, perturbation, transformation_named
from .pairs import GivenPairs
from .protocol import Transformation
