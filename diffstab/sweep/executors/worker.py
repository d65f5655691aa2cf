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
from typing import Any

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
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  without a name, so that nothing is left of it
        words = None if sys.platform == "win32" else Connection(os.dup(self._words.fileno()))  # a handle that is shared
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
        self._words.seek(0)
        words = self._words.read().decode(errors="replace").strip().splitlines()
        return how + (f"; its last words: {words[-1][:200]}" if words else "")

    def end(self) -> None:
        """Ends the process, whatever it does."""
        self._process.kill()
        self._process.join()
        self.channel.close()
        self._words.close()


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


def work(
    channel: "Connection[list[Entry], Task]", threads: int, gpu: str | None, words: "Connection[Any, Any] | None"
) -> None:
    """A worker's life: tasks in, rows out, until its parent closes the channel or dies.

    Args:
        channel: For tasks and rows.
        threads: That torch may use.
        gpu: The only CUDA device that it sees, if given.
        words: An open file for what is printed, of which the parent tells the end if this process dies.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which then ends its workers
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    # it ends with its parent in any case, and loaders need processes of their own, which a daemon may not have
    current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    set_start_method(None, force=True)  # which start as in any process: spawned ones would each import torch
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
