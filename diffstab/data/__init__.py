"""Data sets by name: items are `(image, label)`, the image float32 `[C, H, W]` in the network's input space.

Open `load` first. A loader returns `raw` images, `preprocessing` converts them to a network's input, and `images` has
the data sets of inputs that `measure` takes. The room imports options and the ground floor.
"""

from .embedded import EMBEDDED_FOLDER, image_path
from .files import read_image
from .hub import hub_offline, hub_url, reachable
from .images import ImageSet, PixelImageSet, TensorImageSet, image_set
from .load import load_dataset
from .pairs import MatchedImages
from .preprocessing import RESAMPLINGS, Preprocessing, normalise
from .raw import UNLABELLED, RawImages
