"""What a task needs of the driver's disk goes with it: on a node in temporary files, in its rows by their own names."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...options import MeasureOptions
from ...store import Entry
from ...writing import temporary_folder
from .base import Task


@dataclass(frozen=True)
class Setting:
    """How a task runs on a node.

    Attributes:
        folder: The driver's working folder; relative paths mean the same where the node has it.
        threads: Of torch: numbers may depend on it.
        gpus: Whether the task may see any.
    """

    folder: str
    threads: int
    gpus: bool


def given_checkpoint(task: Task) -> str | None:
    """The file of weights that the job's options name, if any."""
    options = task.job.options
    return options.checkpoint if isinstance(options, MeasureOptions) else None


def run_shipped(task: Task, setting: Setting, trained: bytes | None, given: bytes | None) -> list[Entry]:
    """Runs a task on a node.

    Args:
        task: With paths as they are on the driver.
        setting: How it runs.
        trained: Content of `task.checkpoint`; None leaves the path as it is.
        given: Content of the checkpoint that the job's options name; likewise.
    """
    if not setting.gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # else tasks that asked for none would share the node's GPUs
    with _working_in(setting.folder), temporary_folder(Path(tempfile.gettempdir()), "diffstab") as folder:
        local, originals = _unpacked(task, folder, trained, given)
        return [Entry(_renamed(entry.row, originals), entry.sidecars) for entry in local.run(setting.threads)]


@contextlib.contextmanager
def _working_in(folder: str) -> Iterator[None]:
    before = os.getcwd()
    with contextlib.suppress(OSError):
        os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _unpacked(task: Task, folder: Path, trained: bytes | None, given: bytes | None) -> tuple[Task, dict[str, str]]:
    """The task with paths that are good on this node, and the original of each."""
    originals: dict[str, str] = {}

    def written(original: str | Path, content: bytes) -> str:
        place = folder / str(len(originals)) / Path(original).name  # the suffix tells the format
        place.parent.mkdir()
        place.write_bytes(content)
        originals[str(place)] = str(original)
        return str(place)

    job, checkpoint, scratch = task.job, task.checkpoint, task.scratch
    if checkpoint is not None and trained is not None:
        checkpoint = Path(written(checkpoint, trained))
    name = given_checkpoint(task)
    if name is not None and given is not None:
        options: Any = job.options
        job = replace(job, options=replace(options, checkpoint=written(name, given)))
    if scratch is not None and not scratch.parent.parent.is_dir():  # the store's folder, which this node may not see
        scratch = None
    return replace(task, job=job, checkpoint=checkpoint, scratch=scratch), originals


def _renamed(value: Any, originals: Mapping[str, str]) -> Any:
    """A row's values with the originals' names in place of the temporary files', in messages too."""
    if isinstance(value, str):
        for place, original in originals.items():
            value = value.replace(place, original)
        return value
    if isinstance(value, dict):
        return {name: _renamed(inner, originals) for name, inner in value.items()}
    if isinstance(value, list):
        return [_renamed(inner, originals) for inner in value]
    return value
