"""Networks by name, with their weights: the paper's small-image networks, those of libraries, hubs, files and your own.

Open `resolve` first, which turns a model's name into a network with the preprocessing of its weights. `sources` finds
the library that a name means; `building` builds the network, with `from_timm`, `from_torchvision`, `from_transformers`,
`from_onnx`, `paper` or `own_code`. The room imports data, options and the ground floor.
"""

from .alpha import AlphaNetwork
from .card import LoadedModel, Override
from .checkpoints import fill, read_manifest
from .from_onnx import onnx_files
from .kept_folder import PREPROCESSING, WEIGHTS_FILE
from .labels import label_map
from .listing import matching, named_models
from .load import load_model
from .own_files import code_file
from .paper import FC_WIDTH, PAPER_NETS, Traits, traits_of
from .resolve import resolve_model
from .sources import Shape, family
from .transfer import read_out, start_from_imagenet
from .weight_files import is_swelling
