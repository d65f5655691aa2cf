"""A store of results: rows that many writers append, by key and by job, with their sidecars."""

import contextlib
import gc
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..reading import read_bytes
from ..results import SCHEMA, RawValues, StabilityResult
from ..writing import check_writable, make_folder, refuse_links, remove_leftovers, write_atomically
from . import sidecar
from .entry import DONE, Entry, Row, is_measured, measured_entry, now_after
from .index import Index
from .lines import Line, fault_in, remembered, row_in
from .locks import locked
from .parts import PartReader, PartWriter

FORMAT = "diffstab-store"
MOST_NOTES = 20  # lines that are told one by one
LARGEST_META = 10_000  # bytes of store.json


class Store:
    """A store of results.

    Opening and reading one changes nothing in it. Any number of processes and of `Store` objects may read and write one
    folder; the methods of one object may be called from several threads.

    Args:
        folder: Of the store.
        create: Make it where there is none; otherwise it must be there.
        keep: Called with each row as it is read. What it gives is kept in memory (`kept`), which the row itself is not;
            rows for which it gives None are not listed.

    Attributes:
        notes: What was left out, one line each.

    Raises:
        ValueError: If the folder is no store, can't be read or made, or holds rows of a newer schema.

    >>> import tempfile
    >>> Store(tempfile.mkdtemp(), create=True).rows()
    []
    """

    def __init__(self, folder: str | Path, *, create: bool = False, keep: Callable[[Row], Any] | None = None) -> None:
        self.folder = Path(folder)
        self.notes: list[str] = []
        rows = self.folder / "rows"
        if create:
            self._make(rows)
        if not rows.is_dir():
            raise ValueError(f"{str(folder)!r} is not a store of results (it has no rows); check the path")
        self._check_schema()
        self._keep = keep
        self._index = Index()
        self._verified: dict[str, object] = {}  # size and time of the sidecars that were found whole
        self._reader, self._writer = PartReader(rows), PartWriter(rows)
        self._turn = threading.RLock()
        self.refresh()  # a store of a newer schema is refused before anything of it is changed
        if create:
            self._sign()

    def _make(self, rows: Path) -> None:
        if self.folder.is_dir() and not rows.is_dir() and any(self.folder.iterdir()):
            raise ValueError(f"{str(self.folder)!r} holds other files and is no store; name a new or empty folder")
        refuse_links(self.folder, rows)
        make_folder(rows)
        check_writable(rows / "part.jsonl", within=self.folder)

    def _sign(self) -> None:
        meta = self.folder / "store.json"
        if not meta.exists():
            content = json.dumps({"format": FORMAT, "schema": SCHEMA}).encode() + b"\n"
            write_atomically(meta, content, within=self.folder)
        for folder in sidecar.folders(self.folder):
            remove_leftovers(folder)

    def _check_schema(self) -> None:
        meta = self.folder / "store.json"
        try:
            content = json.loads(read_bytes(meta, most=LARGEST_META))
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError) as error:
            why = "it nests too deeply" if isinstance(error, RecursionError) else error
            raise ValueError(f"{str(meta)!r} is damaged ({why}); it should say the store's schema") from error
        if not isinstance(content, dict) or "schema" not in content:
            raise ValueError(f"{str(meta)!r} is damaged (no schema is in it); it should say the store's schema")
        self._refuse_newer(content["schema"])

    def _refuse_newer(self, schema: object) -> None:
        if not isinstance(schema, int) or isinstance(schema, bool) or not 1 <= schema <= SCHEMA:
            raise ValueError(
                f"the store {str(self.folder)!r} has schema {schema!r:.60} and this diffstab knows {SCHEMA}; "
                "upgrade diffstab (nothing was changed)"
            )

    def refresh(self) -> None:
        """Takes in rows that other writers have added."""
        left, take, keep = 0, self._index.take, self._keep
        with self._turn, _no_garbage_collection():
            for file, number, start, content in self._reader.new_lines():
                row = row_in(content)
                if row is not None and row.get("schema", SCHEMA) != SCHEMA:
                    self._refuse_newer(row["schema"])
                fault = "not a row" if row is None else fault_in(row, content)
                if row is None or fault is not None:
                    left += 1
                    if left <= MOST_NOTES:
                        self.notes.append(f"{file}, line {number}: {fault}; it is left out")
                    continue
                line = remembered(row, file, start, len(content))
                if keep is not None:
                    line.kept = keep(row)
                take(line)
            if left > MOST_NOTES:
                self.notes.append(f"{left - MOST_NOTES:,} more lines are left out; diffstab results check tells each")
            self.notes += self._reader.problems
            self._reader.problems = []

    def rows(self) -> list[Row]:
        """The rows as read so far: the last one of each key and of each job, without what was recomputed of others."""
        return list(self.each())

    def each(self) -> Iterator[Row]:
        """The same one by one, each read again from its file: so that a store may be larger than the memory."""
        yield from self._reader.rows_of(self._lines())

    def kept(self) -> Iterator[Any]:
        """What `keep` gave of each row."""
        return (line.kept for line in self._lines())

    def _lines(self) -> Iterator[Line]:
        lines = self._index.lines()
        return lines if self._keep is None else (line for line in lines if line.kept is not None)

    def keys(self, beginning: str = "") -> list[str]:
        """The keys of the rows that are listed, or of those that begin so."""
        return [line.key for line in self._lines() if line.key.startswith(beginning)]

    def __len__(self) -> int:
        return sum(1 for _ in self._lines())

    def __getitem__(self, key: str) -> Row:
        """The row of a key. Raises KeyError if there is none."""
        line = self._index.of_key(key)
        if line is None:
            raise KeyError(key)
        return self._row_at(line)

    def status(self, job: str) -> str | None:
        """`done`, `failed`, or None for a job that is not in the store."""
        line = self._index.of_job(job)
        return None if line is None else line.status

    def row_of(self, job: str) -> Row:
        """The row that a job gave. Raises KeyError if it is not in the store."""
        line = self._index.of_job(job)
        if line is None:
            raise KeyError(job)
        return self._row_at(line)

    def _row_at(self, line: Line) -> Row:
        return next(self._reader.rows_of([line]))

    def add(self, entry: Entry | StabilityResult, *, replaces: str | None = None) -> bool:
        """Appends a row after its sidecars; False if the same is there already.

        Args:
            entry: The row and its sidecars. A measurement with another key than its job's row had takes that row's
                place: the network has changed.
            replaces: Time of the job's row that this one replaces, also if it is a failure.

        Raises:
            ValueError: If it can't be written: nothing half-written stays. If a result's network has no key.
        """
        if isinstance(entry, StabilityResult):
            entry = measured_entry(entry)
        contents = entry.sidecars.items()
        # before the lock is taken, which other writers may wait for: their names are their content's
        hashes = {sidecar.COLUMN[kind]: sidecar.write(self.folder, kind, content) for kind, content in contents}
        with self._turn, locked(self.folder / ".lock"):
            self.refresh()
            row = {**entry.row, **hashes}
            if self._has(row, replaces):
                return False
            twin = self._index.of_key(row["key"]) if is_measured(row) else None
            if twin is not None and self._is_whole(first := self._row_at(twin)):  # asked for in another way
                row = {**first, "job": row["job"]}  # the first answer stands
            if replaces is not None and row["status"] != DONE:
                row["replaces"] = replaces
            self._append(row)
        return True

    def _append(self, row: Row) -> None:
        before = self._index.of_job(str(row.get("job")))
        row = {name: value for name, value in row.items() if value is not None}
        row["time"] = now_after(None if before is None else before.time)
        refuse_links(self.folder, self.folder / "rows")
        self._writer.append(row)
        self.refresh()

    def _has(self, row: Row, replaces: str | None) -> bool:
        job = row.get("job")
        if job is None:
            line = self._index.of_key(row["key"])
            return line is not None and self._is_whole(self._row_at(line))
        if not self.is_done(job, besides=replaces):
            return False
        line = self._index.of_job(job)
        return line is not None and (row["status"] != DONE or row["key"] == line.key)

    def mend(self, row: Row, raw: RawValues) -> bool:
        """Puts the raw values of a row back where they are missing or damaged; False if they are whole.

        Args:
            row: Of the store.
            raw: Of the same measurement, made again. If they differ in rounding, a row that names them is added.
        """
        with contextlib.suppress(ValueError):
            self.raw(row)
            return False
        digest = sidecar.write(self.folder, sidecar.RAW, sidecar.packed(raw))
        with self._turn, locked(self.folder / ".lock"):
            if digest != row.get("raw"):
                self._append({**row, "raw": digest})
        return True

    def _is_whole(self, row: Row) -> bool:
        """Whether the sidecars that a row names are there: weights to the last bit, raw values by their two ends."""
        return all(
            self._has_sidecar(kind, str(row[column])) for kind, column in sidecar.COLUMN.items() if column in row
        )

    def _has_sidecar(self, kind: str, digest: str) -> bool:
        stamp = sidecar.stamp(self.folder, kind, digest)
        if stamp is None or self._verified.get(digest) == stamp:
            return stamp is not None
        if sidecar.is_whole(self.folder, kind, digest):
            self._verified[digest] = stamp
            return True
        return False

    def raw(self, row: Row) -> RawValues:
        """The per-image values behind a row. Raises ValueError if the sidecar is missing, damaged or of another row."""
        if not row.get("raw"):
            raise ValueError(
                f"the row {row.get('key')} has no raw values: it is a {row.get('status')} {row.get('kind')}"
            )
        return sidecar.unpacked(sidecar.read(self.folder, sidecar.RAW, row["raw"]), row)

    def result(self, row: Row) -> StabilityResult:
        """The result that a row was made of, to be printed, compared or drawn. Raises ValueError as `raw`."""
        return StabilityResult.of_row(row, self.raw(row))

    def weights(self, row: Row) -> Path:
        """The checkpoint of a train row. Raises ValueError if it is missing or damaged."""
        digest = str(row["checkpoint_sha256"])
        if not self._has_sidecar(sidecar.WEIGHTS, digest):
            sidecar.read(self.folder, sidecar.WEIGHTS, digest)  # which says what is wrong
        return sidecar.path_of(self.folder, sidecar.WEIGHTS, digest)

    def is_done(self, job: str, *, besides: str | None = None) -> bool:
        """Whether the store has what a job gives: its row and, where it gave some, the whole weights and raw values.

        Args:
            job: Its id.
            besides: Rows up to that time don't count, because the job would give another one now.
        """
        line = self._index.of_job(job)
        if line is None or line.status != DONE or line.time <= (besides or ""):
            return False
        return self._is_whole(self._row_at(line))

    def close(self) -> None:
        """Lets its part file go."""
        self._writer.close()


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Collecting while many rows come in looks through all of them again and again, which takes a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
