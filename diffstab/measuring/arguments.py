"""The arguments of `measure`: network, images, how they are read and reported, and every setting of a measurement."""

from dataclasses import KW_ONLY, dataclass

import torch
from torch import Tensor

from ..options import MeasureSettings, settings_of
from ..perturbations import Transformation
from ..processes import ALONE, Processes
from .assemble import LabelOutputs
from .batches import Images
from .memory import Note
from .network_state import Network
from .second_pass import Progress


@dataclass(frozen=True, eq=False)
class Given:
    """The network and images that are measured, and how they are read and reported; `measure` says what each is."""

    model: Network
    images: Images
    transformation: Transformation | str | None = None
    _: KW_ONLY
    labels: Tensor | None = None
    label_outputs: LabelOutputs = range
    indices: Tensor | None = None
    count: int | None = None
    workers: int = 0
    device: torch.device | str | None = None
    name: str | None = None
    progress: Progress | bool = False
    note: Note | None = None
    processes: Processes = ALONE


@dataclass(frozen=True, eq=False, kw_only=True)
class Arguments(MeasureSettings, Given):
    """Everything that `measure` is called with."""

    def __post_init__(self) -> None:
        for name, one in settings_of(MeasureSettings).items():  # options read numbers in texts, as YAML needs it
            if one.kind is float and isinstance(getattr(self, name), str):
                raise TypeError(f"{name} is {getattr(self, name)!r}; a number is needed")
        super().__post_init__()
