"""Files of a Ray task: their content travels from the driver to the node's temporary files.

A row still has the paths that the files have on the driver (the process that runs the sweep).
"""

import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, chdir, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...options import MeasureOptions
from ...store import Entry
from ...writing import temporary_folder
from .base import Task


def checkpoints(task: Task) -> tuple[Path | None, str | None]:
    """Returns the checkpoint of the job's training, and the one that the job's options name; None for each missing."""
    options = task.job.options
    return task.checkpoint, options.checkpoint if isinstance(options, MeasureOptions) else None


def run_shipped(
    task: Task, trained: bytes | None, given: bytes | None, *, working: str, threads: int, gpus: bool
) -> list[Entry]:
    """Runs a task on a node and returns its rows.

    Args:
        task: Task with the driver's paths.
        trained: Content of `task.checkpoint`; None leaves the path as it is.
        given: Content of the checkpoint that the job's options name; None leaves the path as it is.
        working: Working folder of the driver; relative paths mean the same if the node has that folder.
        threads: Number of torch's threads, on which numbers may depend.
        gpus: True if the task may see GPUs.
    """
    if not gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # else tasks that asked for none would share the node's GPUs
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(chdir(working))
        folder = stack.enter_context(temporary_folder(Path(tempfile.gettempdir()), "diffstab"))
        local, originals = _unpacked(task, folder, trained, given)
        return [Entry(_renamed(entry.row, originals), entry.sidecars) for entry in local.run(threads)]


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


def _renamed(value: Any, originals: Mapping[str, str]) -> Any:
    """Returns a row's values, messages included, with the driver's paths in place of the temporary files' paths."""
    if isinstance(value, str):
        for place, original in originals.items():
            value = value.replace(place, original)
        return value
    if isinstance(value, dict):
        return {name: _renamed(inner, originals) for name, inner in value.items()}
    if isinstance(value, list):
        return [_renamed(inner, originals) for inner in value]
    return value
