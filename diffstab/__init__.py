"""diffstab measures how stable a vision network is to smooth deformations, relative to noise."""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .data import load_dataset as load_dataset
    from .fields import DisplacementField as DisplacementField
    from .fields import MaxEntropyEnsemble as MaxEntropyEnsemble
    from .fields import compose as compose
    from .fields import deform as deform
    from .fields import inverse_error as inverse_error
    from .fields import temperature_range as temperature_range
    from .measuring import certify as certify
    from .measuring import measure as measure
    from .models import load_model as load_model
    from .results import Comparison as Comparison
    from .results import StabilityResult as StabilityResult
    from .results import compare as compare
    from .store import Store as Store
    from .streams import StreamKeys as StreamKeys
    from .training import StabilityLoss as StabilityLoss
    from .training import StabilityProbe as StabilityProbe
    from .transforms import RandomDiffeomorphism as RandomDiffeomorphism

# Public names and their modules, imported at first use: so the command line answers --help without importing torch, and
# the core works without timm.
_HOMES = {
    "Comparison": "results",
    "DisplacementField": "fields",
    "MaxEntropyEnsemble": "fields",
    "RandomDiffeomorphism": "transforms",
    "StabilityLoss": "training",
    "StabilityProbe": "training",
    "StabilityResult": "results",
    "Store": "store",
    "StreamKeys": "streams",
    "certify": "measuring",
    "compare": "results",
    "compose": "fields",
    "deform": "fields",
    "inverse_error": "fields",
    "load_dataset": "data",
    "load_model": "models",
    "measure": "measuring",
    "temperature_range": "fields",
}
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
