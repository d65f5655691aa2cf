"""A long-lived worker process that runs one task after another: the parent's handle, and the code in the process."""

import contextlib
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from multiprocessing import current_process, get_context, parent_process, set_start_method
from multiprocessing.connection import Connection
from typing import Any

from ...store import Entry
from .base import Task


class WorkerDiedError(Exception):
    """Raised if a worker ended without returning rows; the message has its exit status and its last line of output."""


class Worker:
    """A spawned process with a channel for tasks and rows.

    Args:
        threads: Number of torch's threads in the process.
        gpu: Only CUDA device that the process sees; None for all.
    """

    def __init__(self, threads: int, gpu: str | None) -> None:
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  a file without a name, which leaves nothing behind
        words = None if sys.platform == "win32" else Connection(os.dup(self._words.fileno()))  # shared with the process
        context = get_context("spawn")
        self.channel, theirs = context.Pipe()
        arguments = (theirs, threads, gpu, words)
        self._process = context.Process(target=work, args=arguments, name="diffstab-worker", daemon=True)
        with _without_main_script():
            self._process.start()
        theirs.close()
        if words is not None:
            words.close()

    def give(self, task: Task) -> None:
        """Sends a task. If the worker has died, `take` will raise the error."""
        with contextlib.suppress(OSError):
            self.channel.send(task)

    def take(self) -> list[Entry]:
        """Waits for the task's rows and returns them. Raises WorkerDiedError if the worker died."""
        try:
            entries: list[Entry] = self.channel.recv()
        except (EOFError, OSError):
            self._process.join()
            raise WorkerDiedError(self._epitaph(self._process.exitcode)) from None
        return entries

    def _epitaph(self, code: int | None) -> str:
        how = f"exit status {code}"
        if code is not None and code < 0:
            how = signal.Signals(-code).name + (" (out of memory?)" if -code == signal.SIGKILL else "")
        self._words.seek(0)
        words = self._words.read().decode(errors="replace").strip().splitlines()
        return how + (f"; its last line: {words[-1][:200]}" if words else "")

    def end(self) -> None:
        """Kills the process."""
        self._process.kill()
        self._process.join()
        self.channel.close()
        self._words.close()


@contextlib.contextmanager
def _without_main_script() -> Iterator[None]:
    """Hides the main script from a new process, which would run it again if it lacks a `__main__` guard."""
    main = sys.modules["__main__"]
    kept = {name: getattr(main, name) for name in ("__file__", "__spec__") if hasattr(main, name)}
    try:
        for name in kept:
            setattr(main, name, None)
        yield
    finally:
        for name, value in kept.items():
            setattr(main, name, value)


def work(
    channel: "Connection[list[Entry], Task]", threads: int, gpu: str | None, words: "Connection[Any, Any] | None"
) -> None:
    """Runs in the worker process: receives tasks and sends rows, until the parent closes the channel or dies.

    Args:
        channel: Connection for tasks and rows.
        threads: Number of torch's threads.
        gpu: Only CUDA device that the process sees; None for all.
        words: Open file for printed text, whose end the parent shows if this process dies.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent, which then ends its workers
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    # data loaders start processes, which a daemon may not; the thread above ends this process with its parent
    current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    set_start_method(None, force=True)  # the platform's default: each spawned process would import torch
    if words is not None:
        os.dup2(words.fileno(), 1)
        os.dup2(words.fileno(), 2)
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    while True:
        try:
            task = channel.recv()
        except EOFError:
            return
        if words is not None:
            os.ftruncate(words.fileno(), 0)
            os.lseek(words.fileno(), 0, os.SEEK_SET)
        channel.send(task.run(threads))


def _leave_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
