"""Which lines of a store count: the last one of each key and of each job, in whatever order they are read.

It is made anew from the part files each time, and never written.
"""

from collections.abc import Iterator

from .entry import DONE
from .lines import Line


class Index:
    """The lines that count."""

    def __init__(self) -> None:
        self._last: dict[str, Line] = {}  # of each key
        self._jobs: dict[str, Line] = {}  # the line of each job that counts
        self._shared: dict[str, dict[str | None, Line]] = {}  # other jobs' lines of a key
        self._replaced: set[str] = set()  # keys that no job has any more

    def take(self, line: Line) -> None:
        """Takes a line in."""
        key, job = line.key, line.job
        if job is not None:
            before = self._jobs.get(job)
            if before is not None and not takes_over(line, before):
                if key not in self._last:
                    self._replaced.add(key)
                return
            self._jobs[job] = line
            if before is not None and self._last.get(before.key) is before and before.key == key:
                self._last[key] = line
                return
            if before is not None:
                self._drop(before.key, job)
        self._replaced.discard(key)
        earlier = self._last.get(key)
        first, last = (line, earlier) if earlier is not None and earlier.time > line.time else (earlier, line)
        self._last[key] = last
        if first is not None and first.job != last.job:
            self._shared.setdefault(key, {})[first.job] = first

    def _drop(self, key: str, job: str) -> None:
        """A job has another key now; a row that no other job gave is not listed any more."""
        others = self._shared.get(key, {})
        others.pop(job, None)
        if key in self._last and self._last[key].job == job:
            if others:
                self._last[key] = others.pop(max(others, key=lambda other: others[other].time))
            else:
                del self._last[key]
                self._replaced.add(key)

    def lines(self) -> Iterator[Line]:
        """The line of each row that is listed: without rows that were recomputed of others that count no more."""
        for line in list(self._last.values()):
            if line.recomputed_from is None or line.recomputed_from not in self._replaced:
                yield line

    def of_key(self, key: str) -> Line | None:
        """The line of a key, if there is one."""
        return self._last.get(key)

    def of_job(self, job: str) -> Line | None:
        """The line of a job, if there is one."""
        return self._jobs.get(job)


def takes_over(new: Line, old: Line) -> bool:
    """Whether a job's line counts in place of another one, in whatever order they are read.

    The later line counts, but a failure hides no measurement; unless it says up to which time they are replaced.
    """
    done, was_done = new.status == DONE, old.status == DONE
    if done == was_done:
        return old.time <= new.time
    return old.time <= new.replaces if was_done else new.time > old.replaces
