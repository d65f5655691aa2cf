"""Training the networks that are measured: the recipe of App. E.1, and runs that go on where they were stopped."""

from .loop import train
from .trained import Trained

__all__ = ["Trained", "train"]
