"""A long-lived worker process that runs one task after another, and its life on the other side."""

import contextlib
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from multiprocessing import current_process, get_context, parent_process, set_start_method
from multiprocessing.connection import Connection
from pathlib import Path

from ...store import Entry
from .base import Task


class WorkerDiedError(Exception):
    """The worker ended without an answer; the message says how, and its last words."""


class Worker:
    """A spawned process with a channel for tasks.

    Args:
        threads: That torch may use in it.
        gpu: The only CUDA device that it sees, if given.
    """

    def __init__(self, threads: int, gpu: str | None) -> None:
        handle, self._words = tempfile.mkstemp(prefix="diffstab-worker-")
        os.close(handle)
        context = get_context("spawn")
        self.channel, theirs = context.Pipe()
        arguments = (theirs, threads, gpu, self._words)
        self._process = context.Process(target=work, args=arguments, name="diffstab-worker", daemon=True)
        with _without_main_script():
            self._process.start()
        theirs.close()

    def give(self, task: Task) -> None:
        """Sends a task; where the worker has died, `take` will tell."""
        with contextlib.suppress(OSError):
            self.channel.send(task)

    def take(self) -> list[Entry]:
        """The rows of the task. Raises WorkerDiedError."""
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
        words = Path(self._words).read_text(errors="replace").strip().splitlines()
        return how + (f"; its last words: {words[-1][:200]}" if words else "")

    def end(self) -> None:
        """Ends the process, whatever it does."""
        self._process.kill()
        self._process.join()
        self.channel.close()
        with contextlib.suppress(OSError):
            os.unlink(self._words)


@contextlib.contextmanager
def _without_main_script() -> Iterator[None]:
    """A worker needs nothing of the main script, which would run again in it where it has no `__main__` guard."""
    main = sys.modules["__main__"]
    kept = {name: getattr(main, name) for name in ("__file__", "__spec__") if hasattr(main, name)}
    try:
        for name in kept:
            setattr(main, name, None)
        yield
    finally:
        for name, value in kept.items():
            setattr(main, name, value)


def work(channel: "Connection[list[Entry], Task]", threads: int, gpu: str | None, words: str) -> None:
    """A worker's life: tasks in, rows out, until its parent closes the channel or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which then ends its workers
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    # it ends with its parent in any case, and loaders need processes of their own, which a daemon may not have
    current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    set_start_method(None, force=True)  # which start as in any process: spawned ones would each import torch
    handle = os.open(words, os.O_WRONLY | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    while True:
        try:
            task = channel.recv()
        except EOFError:
            return
        os.ftruncate(handle, 0)
        channel.send(task.run(threads))


def _leave_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
