"""Tasks that tell their process, sleep or die. Workers import this module."""

import os
import signal
import sys
import time

from diffstab.options.measure import MeasureOptions
from diffstab.store.entry import Entry
from diffstab.sweep.executors.base import Task
from diffstab.sweep.jobs import measure_job


class Probe(Task):
    """A task that does something else than measuring."""

    def run(self, threads=1):
        kind, _, argument = self.job.options.model.partition(":")
        if kind == "pid":
            return [Entry({"status": "done", "pid": os.getpid(), "key": self.job.id})]
        if kind == "die":
            with open(argument, "a") as deaths:
                deaths.write("x")
            print("last", "words", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "sleep":
            print("asleep", file=sys.stderr)
            time.sleep(float(argument))
        os._exit(int(argument))


def probe(model):
    return Probe(measure_job(MeasureOptions(model=model)))
