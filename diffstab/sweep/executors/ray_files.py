"""Files of a Ray task: their content travels from the driver to the node's temporary files.

A row still has the paths that the files have on the driver (the process that runs the sweep).
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...options import MeasureOptions
from ...store import Entry, Row
from ...writing import temporary_folder
from .base import Task


@dataclass(frozen=True)
class Setting:
    """Settings with which tasks run on a node.

    Attributes:
        folder: Working folder of the driver; relative paths mean the same if the node has that folder.
        threads: Number of torch's threads, on which numbers may depend.
        gpus: True if the task may see GPUs.
    """

    folder: str
    threads: int
    gpus: bool


def checkpoints(task: Task) -> tuple[Path | None, str | None]:
    """Returns the checkpoint of the job's training, and the one that the job's options name; None for each missing."""
    options = task.job.options
    return task.checkpoint, options.checkpoint if isinstance(options, MeasureOptions) else None


def run_shipped(task: Task, setting: Setting, trained: bytes | None, given: bytes | None) -> list[Entry]:
    """Runs a task on a node and returns its rows.

    Args:
        task: Task with the driver's paths.
        setting: Working folder, threads and GPUs.
        trained: Content of `task.checkpoint`; None leaves the path as it is.
        given: Content of the checkpoint that the job's options name; None leaves the path as it is.
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
    """Writes the files, and returns the task with this node's paths and the driver's path for each."""
    originals: dict[str, str] = {}

    def written(original: str | Path, content: bytes) -> str:
        place = folder / str(len(originals)) / Path(original).name  # the suffix tells the format
        place.parent.mkdir()
        place.write_bytes(content)
        originals[str(place)] = str(original)
        return str(place)

    (checkpoint, name), job, scratch = checkpoints(task), task.job, task.scratch
    if checkpoint is not None and trained is not None:
        checkpoint = Path(written(checkpoint, trained))
    if name is not None and given is not None:
        options: Any = job.options
        job = replace(job, options=replace(options, checkpoint=written(name, given)))
    if scratch is not None and not scratch.parent.parent.is_dir():  # the store's folder, which this node may not see
        scratch = None
    return replace(task, job=job, checkpoint=checkpoint, scratch=scratch), originals


def _renamed(row: Row, originals: Mapping[str, str]) -> Row:
    """Returns a row, messages included, with the driver's paths in place of the temporary files' paths."""
    text = json.dumps(row)
    for place, original in originals.items():
        text = text.replace(json.dumps(place)[1:-1], json.dumps(original)[1:-1])
    renamed: Row = json.loads(text)
    return renamed
