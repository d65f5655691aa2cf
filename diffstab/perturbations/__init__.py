"""What `measure` may do to an image besides diffeomorphisms: translations, rotations, changes of scale, your own.

Open `protocol` first, what the measuring loop asks of a perturbation. The room imports fields, options, streams and the
ground floor.
"""

from .affine import AffineTransformation, signs
from .named import Rotation, Scaling, Translation, WholeTranslation, perturbation, transformation_named
from .protocol import Transformation
