"""Training the networks that are measured: recipes, and runs that go on where they were stopped."""

from .epoch import TrainingStoppedError
from .loop import EpochReport, train
from .trained import Trained

__all__ = ["EpochReport", "Trained", "TrainingStoppedError", "train"]
