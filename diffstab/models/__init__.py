"""Networks by name, with their weights: the paper's small-image nets, timm's, torchvision's, hubs' and your own."""

from ..processes import chosen_device
from .labels import label_map
from .listing import matching
from .load import load_model
from .paper import PAPER_NETS, Traits, traits_of
from .resolve import LoadedModel, Override, resolve_model
from .sources import Shape

__all__ = [
    "PAPER_NETS",
    "LoadedModel",
    "Override",
    "Shape",
    "Traits",
    "chosen_device",
    "label_map",
    "load_model",
    "matching",
    "resolve_model",
    "traits_of",
]
