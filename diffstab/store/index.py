"""Index of the lines that count: the last one of each key and of each job, in whatever order they are read.

It is built from the part files whenever a store is opened, and never written to disk.
"""

from collections.abc import Iterator

from .entry import DONE
from .lines import Line


class Index:
    """Lines of a store that count."""

    def __init__(self) -> None:
        self._last: dict[str, Line] = {}  # the line that counts, by key
        self._jobs: dict[str, Line] = {}  # the line that counts, by job
        self._shared: dict[str, dict[str | None, Line]] = {}  # further lines of a key, by job
        self._replaced: set[str] = set()  # keys that no job gives any more

    def take(self, line: Line) -> None:
        """Adds a line to the index."""
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
        """Removes a job's line of a key, since the job gives another key now; other jobs' lines of the key stay."""
        others = self._shared.get(key, {})
        others.pop(job, None)
        if key in self._last and self._last[key].job == job:
            if others:
                self._last[key] = others.pop(max(others, key=lambda other: others[other].time))
            else:
                del self._last[key]
                self._replaced.add(key)

    def lines(self) -> Iterator[Line]:
        """Yields the line of each listed row. Rows recomputed from a row that counts no more are left out."""
        for line in list(self._last.values()):
            if line.recomputed_from is None or line.recomputed_from not in self._replaced:
                yield line

    def of_key(self, key: str) -> Line | None:
        """Returns the line of a key; None if there is none."""
        return self._last.get(key)

    def of_job(self, job: str) -> Line | None:
        """Returns the line of a job; None if there is none."""
        return self._jobs.get(job)


def takes_over(new: Line, old: Line) -> bool:
    """Returns True if a job's new line counts instead of its old one, in whatever order they are read.

    The later line counts, except that a failure does not hide an earlier measurement, unless the failure's column
    `replaces` holds that measurement's time or a later one.
    """
    done, was_done = new.status == DONE, old.status == DONE
    if done == was_done:
        return old.time <= new.time
    return old.time <= new.replaces if was_done else new.time > old.replaces
