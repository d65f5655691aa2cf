"""Tasks that are slow, die or tell what they see. Workers import this module, so it is on their PYTHONPATH."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from diffstab.store.entry import Entry
from diffstab.sweep.executors.base import Task


@dataclass(frozen=True)
class SlowTask(Task):
    """Adds its process id to the file `marks` when it begins; the first attempt then sleeps."""

    marks: Path = Path()
    seconds: float = 60

    def run(self, threads: int = 1) -> list[Entry]:
        first = not self.marks.exists()
        with self.marks.open("a") as file:
            file.write(f"{os.getpid()}\n")
        if first:
            time.sleep(self.seconds)
        return super().run(threads)


class DeadlyTask(Task):
    def run(self, threads: int = 1) -> list[Entry]:
        os.kill(os.getpid(), signal.SIGKILL)
        return []


class RaisingTask(Task):
    def run(self, threads: int = 1) -> list[Entry]:
        raise KeyError("no such thing")


class TellingTask(Task):
    def run(self, threads: int = 1) -> list[Entry]:
        seen = {
            "scratch": self.scratch,
            "threads": threads,
            "folder": Path.cwd(),
            "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
        }
        return [Entry({"job": self.job.id, "status": "done", "seen": seen})]
