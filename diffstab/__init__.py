"""diffstab measures how stable a vision network is to smooth deformations, relative to noise."""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .data import load_dataset as load_dataset
    from .deformation import deform as deform
    from .ensemble import MaxEntropyEnsemble as MaxEntropyEnsemble
    from .ensemble import temperature_range as temperature_range
    from .field import DisplacementField as DisplacementField
    from .inverse import compose as compose
    from .inverse import inverse_error as inverse_error
    from .models import load_model as load_model
    from .results import StabilityResult as StabilityResult
    from .stability import measure as measure
    from .store import Store as Store
    from .streams import StreamKeys as StreamKeys
    from .transforms import RandomDiffeomorphism as RandomDiffeomorphism

# Public names by the module that holds them. They are imported when first used: the command line answers --help
# without torch, and the core works without timm.
_HOMES = {
    "DisplacementField": "field",
    "MaxEntropyEnsemble": "ensemble",
    "RandomDiffeomorphism": "transforms",
    "StabilityResult": "results",
    "Store": "store",
    "StreamKeys": "streams",
    "compose": "inverse",
    "deform": "deformation",
    "inverse_error": "inverse",
    "load_dataset": "data",
    "load_model": "models",
    "measure": "stability",
    "temperature_range": "ensemble",
}
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
