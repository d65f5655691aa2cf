"""Ray executor: runs tasks on a Ray cluster, or on one that it starts on this machine, and collects their rows.

Ray runs a task again on another node when its worker or its node dies. A failure that Ray can't repair gives a failed
row. A lost cluster ends the sweep, which continues when it is run again.
"""

import atexit
import contextlib
import logging
import math
import os
import signal
import threading
import time
from pathlib import Path
from textwrap import shorten
from typing import Any

from ...checks import positive_integer
from ...reading import open_regular
from ..jobs import failed_entry
from .base import Executor, Finished, Task
from .local import usable_cores
from .ray_address import AUTO, CLIENT, check_address, endpoint, silence
from .ray_files import checkpoints, run_shipped

RETRIES = 3  # of a task whose worker or node dies, or runs out of memory
STORE = 256 * 2**20  # bytes of the object store of a cluster started here; larger content goes to disk
LOOK = 3.0  # seconds between two checks of the cluster
LOST_AFTER = 20.0  # seconds without an answer of the head node; after 60, Ray would abort this process
PATIENCE = 600.0  # seconds without a node that can run a task; a node may come back
CLOSE = 8.0  # seconds
ROUNDING = 1e-6  # 0.3 / 0.1 is a little less than 3


class RayExecutor(Executor):
    """Runs tasks with Ray. If Ray is initialised in this process already, that cluster is used and left running.

    Args:
        address: Address of a cluster: `auto`, `HOST:PORT` or `ray://HOST:PORT`. None starts a cluster on this machine,
            unless the environment's RAY_ADDRESS names one.
        cpus: Number of CPUs of each task; torch uses as many threads.
        gpus: Number of GPUs of each task; a fraction shares a GPU. With 0 a task sees none.
        jobs: Number of tasks at a time. Default: as many as the cluster has room for, and some more in its queue.

    Raises:
        ValueError: If Ray is missing or can't be started, no cluster answers at the address, or a task fits on no node.
    """

    def __init__(
        self, *, address: str | None = None, cpus: float = 1.0, gpus: float = 0.0, jobs: int | None = None
    ) -> None:
        _check_request(cpus, gpus, jobs)
        self._cpus, self._gpus, self._jobs = cpus, gpus, jobs
        self._running: dict[Any, Task] = {}
        self._shipped: dict[str, Any] = {}
        self._silent_since: float | None = None
        self._full_since: float | None = None
        self._ray = _imported()
        self._address = address
        if address in (None, AUTO):  # Ray's rule, applied here so that the address can be checked
            self._address = os.environ.get("RAY_ADDRESS") or address
        self._ours = not self._ray.is_initialized()
        self._handler = signal.getsignal(signal.SIGTERM)
        try:
            if self._ours:
                self._connect()
            self._begin()
        except BaseException:
            self.close()
            raise

    def _connect(self) -> None:
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if self._address is not None:
            check_address(self._address)
        else:
            quiet |= {"include_dashboard": False, "num_cpus": usable_cores(), "object_store_memory": STORE}
        try:
            self._ray.init(address=self._address or "local", **quiet)
        except Exception as error:  # Ray raises many types, plain Exception among them
            where = f"joined at {self._address}" if self._address else "started on this machine"
            raise ValueError(f"Ray can't be {where} ({shorten(str(error), 300)})") from error
        finally:
            if self._handler != signal.SIG_DFL:  # Ray has replaced the caller's handler; its own only beats the default
                _handle_sigterm(self._handler)

    def _begin(self) -> None:
        """Checks the cluster's nodes, and prepares the function that its workers run."""
        ray = self._ray
        self._home: str | None = None
        if self._address is not None and self._address.startswith(CLIENT):
            self._head = endpoint(self._address)
        else:
            context = ray.get_runtime_context()
            self._head, self._home = endpoint(context.gcs_address), context.get_node_id()
        nodes = self._nodes()
        self._slots = _slots(nodes, self._cpus, self._gpus)
        if self._slots == 0:
            raise ValueError(_too_much(nodes, self._cpus, self._gpus))
        self._next_look = time.monotonic() + LOOK
        resources = {"num_cpus": self._cpus, "num_gpus": self._gpus}
        self._run = ray.remote(max_retries=RETRIES, retry_exceptions=False, **resources)(run_shipped)
        self._setting = {"working": os.getcwd(), "threads": max(1, int(self._cpus)), "gpus": self._gpus > 0}

    def _nodes(self) -> list[dict[str, Any]]:
        return [node for node in self._ray.nodes() if node["Alive"]]

    def has_room(self) -> bool:
        """Returns True if the cluster can take another task."""
        return len(self._running) < (self._jobs or self._slots + max(2, self._slots // 4))

    def submit(self, task: Task) -> None:
        """Gives the task to Ray, with the content of the files that it needs.

        Raises:
            ValueError: If Ray refuses it.
        """
        try:
            contents = [self._content(path) for path in checkpoints(task)]
            self._running[self._run.remote(task, *contents, **self._setting)] = task
        except (self._ray.exceptions.RayError, ConnectionError) as error:
            raise ValueError(f"the Ray cluster doesn't take {task.job} ({shorten(str(error), 300)})") from error

    def _content(self, path: str | Path | None) -> Any:
        """Returns a reference to a file's content, sent once for all tasks; None if the task must read the path."""
        if path is None:
            return None
        if str(path) not in self._shipped:
            try:
                with open_regular(path) as file:
                    self._shipped[str(path)] = self._ray.put(file.read())
            except (OSError, ValueError):
                return None
        return self._shipped[str(path)]

    def wait(self, seconds: float) -> list[Finished]:
        """Returns tasks that have ended.

        Args:
            seconds: Longest time to wait.

        Raises:
            ValueError: If the cluster is lost, or has had no node that can run a task for ten minutes.
        """
        deadline = time.monotonic() + seconds
        finished: list[Finished] = []
        while self._running:
            left = max(0.0, deadline - time.monotonic())
            try:
                finished.extend(self._finished(reference) for reference in self._ready(min(left, LOOK)))
                if time.monotonic() >= self._next_look:
                    self._look()
            except ValueError:
                if not finished:
                    raise  # otherwise return what ended; the next call raises the error again
            if finished or left == 0:
                break
        return finished

    def _ready(self, seconds: float) -> list[Any]:
        references = list(self._running)
        try:
            ready, _ = self._ray.wait(references, timeout=seconds)
            if ready:
                ready, _ = self._ray.wait(references, num_returns=len(references), timeout=0)
        except (self._ray.exceptions.RayError, ConnectionError) as error:
            raise ValueError(_lost(self._head, shorten(str(error), 300))) from error
        return list(ready)

    def _look(self, patience: float | None = None) -> None:
        """Counts the slots again, since nodes come and go. Raises ValueError if the cluster is lost."""
        now = time.monotonic()
        self._next_look = now + LOOK
        problem = silence(*self._head)  # checked first: without the head node the next call would hang
        if problem is not None:
            self._silent_since = self._silent_since or now
            if now - self._silent_since >= (LOST_AFTER if patience is None else patience):
                raise ValueError(_lost(self._head, problem))
            return
        self._silent_since = None
        nodes = self._nodes()
        if self._home is not None and self._home not in {node["NodeID"] for node in nodes}:
            raise ValueError(_lost(self._head, "the node that this process belongs to has died"))
        self._slots = _slots(nodes, self._cpus, self._gpus)
        self._full_since = None if self._slots else self._full_since or now
        if self._full_since is not None and now - self._full_since >= PATIENCE:
            raise ValueError(_too_much(nodes, self._cpus, self._gpus))

    def _finished(self, reference: Any) -> Finished:
        job = self._running[reference].job
        try:
            entries = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            cause = error.cause or error
            entries = [failed_entry(job, type(cause).__name__, str(cause), str(error))]
        except Exception as error:  # Ray gave up: a worker that always dies, no memory, ...
            self._look(patience=0)  # ... or a lost cluster, which raises here and fails no task
            entries = [failed_entry(job, type(error).__name__, shorten(str(error), 600))]
        task = self._running.pop(reference)
        needed = {str(path) for other in self._running.values() for path in checkpoints(other)}
        self._shipped = {path: content for path, content in self._shipped.items() if path in needed}
        return Finished(task, entries)

    def close(self) -> None:
        """Cancels running tasks, and leaves or stops the cluster if this executor joined or started it."""
        for reference in self._running:
            with contextlib.suppress(Exception):  # the cluster may be lost
                self._ray.cancel(reference, force=True)
        self._running.clear()
        self._shipped.clear()
        if self._ours and self._ray.is_initialized():
            ending = threading.Thread(target=self._ray.shutdown, daemon=True)
            ending.start()
            ending.join(CLOSE)
            if ending.is_alive():  # it waits for a dead head node, and would wait again when Python exits
                atexit.unregister(self._ray.shutdown)
            _handle_sigterm(self._handler)


def _imported() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_task_oom_retries", str(RETRIES))  # Ray's default has no limit
    try:
        import grpc  # noqa: F401  # for `ray_address`
        import ray
    except ImportError as error:
        raise ValueError(f"the executor ray needs the package ray: pip install 'diffstab[ray]' ({error})") from error
    return ray


def _handle_sigterm(handler: Any) -> None:
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def _check_request(cpus: float, gpus: float, jobs: int | None) -> None:
    if not (math.isfinite(cpus) and cpus > 0):
        raise ValueError(f"cpus is {cpus}; a task needs more than 0")
    if not (math.isfinite(gpus) and gpus >= 0) or (gpus > 1 and gpus != int(gpus)):
        raise ValueError(f"gpus is {gpus}; it must be a fraction of one, or a whole number")
    if jobs is not None:
        positive_integer("jobs", jobs)


def _slots(nodes: list[dict[str, Any]], cpus: float, gpus: float) -> int:
    """Returns the number of tasks that the nodes can run at a time; a task needs its CPUs and GPUs on one node."""
    slots = 0
    for node in nodes:
        have = node["Resources"]
        fit = int(have.get("CPU", 0) / cpus + ROUNDING)
        if gpus > 0:
            devices = have.get("GPU", 0)
            fit = min(fit, int(devices // gpus) if gpus > 1 else int(devices) * int(1 / gpus + ROUNDING))
        slots += fit
    return slots


def _too_much(nodes: list[dict[str, Any]], cpus: float, gpus: float) -> str:
    sizes = [(node["Resources"].get("GPU", 0), node["Resources"].get("CPU", 0)) for node in nodes]
    largest = max(sizes, key=lambda size: size if gpus else (size[1],), default=(0, 0))
    return (
        f"each task asks for {cpus:g} CPUs and {gpus:g} GPUs on one node; of {len(nodes)} nodes the largest has "
        f"{largest[1]:g} CPUs and {largest[0]:g} GPUs, all together {sum(size[1] for size in sizes):g} and "
        f"{sum(size[0] for size in sizes):g}; ask for less with --cpus-per-job and --gpus-per-job, or add a node"
    )


def _lost(head: tuple[str, int], problem: str) -> str:
    return (
        f"the Ray cluster at {head[0]}:{head[1]} is lost ({problem}); start it again and run the same command: "
        "what was measured is kept"
    )
