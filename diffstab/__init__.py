"""diffstab measures how stable a vision network is to smooth deformations, relative to noise."""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .data.load import load_dataset as load_dataset
    from .fields.deformation import deform as deform
    from .fields.ensemble import MaxEntropyEnsemble as MaxEntropyEnsemble
    from .fields.ensemble import temperature_range as temperature_range
    from .fields.field import DisplacementField as DisplacementField
    from .fields.inverse import compose as compose
    from .fields.inverse import inverse_error as inverse_error
    from .measuring.measure import measure as measure
    from .models.load import load_model as load_model
    from .results.result import StabilityResult as StabilityResult
    from .store.store import Store as Store
    from .streams import StreamKeys as StreamKeys
    from .transforms.random_diffeomorphism import RandomDiffeomorphism as RandomDiffeomorphism

# Public names by the module that holds them. They are imported when first used: the command line answers --help
# without torch, and the core works without timm.
_HOMES = {
    "DisplacementField": "fields.field",
    "MaxEntropyEnsemble": "fields.ensemble",
    "RandomDiffeomorphism": "transforms",
    "StabilityResult": "results.result",
    "Store": "store.store",
    "StreamKeys": "streams",
    "compose": "fields.inverse",
    "deform": "fields.deformation",
    "inverse_error": "fields.inverse",
    "load_dataset": "data.load",
    "load_model": "models.load",
    "measure": "measuring.measure",
    "temperature_range": "fields.ensemble",
}
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
