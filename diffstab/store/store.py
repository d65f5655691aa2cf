"""Store of results: rows that many writers append, found by key and by job, with their sidecars."""

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
MOST_NOTES = 20  # lines with a message each; further ones are counted
LARGEST_META = 10_000  # bytes of store.json


class Store:
    """A store of results in a folder.

    Reading a store changes nothing in it. Any number of processes and `Store` objects may read and write one folder
    at once; the methods of one object may be called from several threads.

    Args:
        folder: Folder of the store.
        create: Make the store if there is none; if False, it must exist.
        keep: Function of a row, called as rows are read. Its value is kept in memory (`kept`) in place of the row; rows
            with the value None are not listed.

    Attributes:
        notes: Messages on lines and files that were left out.

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
        self._verified: dict[str, object] = {}  # size and time of sidecars that were checked
        self._reader, self._writer = PartReader(rows), PartWriter(rows)
        self._turn = threading.RLock()
        self.refresh()  # refuses a store of a newer schema before anything in it is changed
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
        """Reads rows that other writers have added."""
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
        """Returns the rows that were read so far and count: the last one of each key and of each job."""
        return list(self.each())

    def each(self) -> Iterator[Row]:
        """Yields the rows of `rows` one by one, each read again from its file, so that a store may exceed memory."""
        yield from self._reader.rows_of(self._lines())

    def kept(self) -> Iterator[Any]:
        """Returns the value that `keep` gave for each row."""
        return (line.kept for line in self._lines())

    def _lines(self) -> Iterator[Line]:
        lines = self._index.lines()
        return lines if self._keep is None else (line for line in lines if line.kept is not None)

    def keys(self, beginning: str = "") -> list[str]:
        """Returns the keys of the listed rows that begin with a text; all keys by default."""
        return [line.key for line in self._lines() if line.key.startswith(beginning)]

    def __len__(self) -> int:
        return sum(1 for _ in self._lines())

    def __getitem__(self, key: str) -> Row:
        """Returns the row of a key. Raises KeyError if there is none."""
        line = self._index.of_key(key)
        if line is None:
            raise KeyError(key)
        return self._row_at(line)

    def status(self, job: str) -> str | None:
        """Returns `done` or `failed`; None for a job that is not in the store."""
        line = self._index.of_job(job)
        return None if line is None else line.status

    def row_of(self, job: str) -> Row:
        """Returns the row of a job. Raises KeyError if it is not in the store."""
        line = self._index.of_job(job)
        if line is None:
            raise KeyError(job)
        return self._row_at(line)

    def _row_at(self, line: Line) -> Row:
        return next(self._reader.rows_of([line]))

    def add(self, entry: Entry | StabilityResult, *, replaces: str | None = None) -> bool:
        """Writes a row and its sidecars. Returns False if the store has the same row already.

        Args:
            entry: Row with its sidecars, or a result. A measurement whose key differs from its job's earlier row
                replaces that row: the network has changed.
            replaces: Time of the job's row that this one replaces, even if this one is a failure.

        Raises:
            ValueError: If the row can't be written, of which nothing stays; or if a result's network has no key.
        """
        if isinstance(entry, StabilityResult):
            entry = measured_entry(entry)
        contents = entry.sidecars.items()
        # written before taking the lock, for which other writers may wait: a sidecar's name follows from its content
        hashes = {sidecar.COLUMN[kind]: sidecar.write(self.folder, kind, content) for kind, content in contents}
        with self._turn, locked(self.folder / ".lock"):
            self.refresh()
            row = {**entry.row, **hashes}
            if self._has(row, replaces):
                return False
            twin = self._index.of_key(row["key"]) if is_measured(row) else None
            if twin is not None and self._is_whole(first := self._row_at(twin)):  # asked for by other options
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
        """Replaces the raw values of a row if they are missing or damaged. Returns False if they are undamaged.

        Args:
            row: Row of the store.
            raw: Raw values of the same measurement, made again. If they differ by rounding, a row that names them is
                added.
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
        """Returns True if a row's sidecars are whole: weights by their hash, raw values by the file's two ends."""
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
        """Returns the per-image values of a row.

        Raises:
            ValueError: If the sidecar is missing, damaged or does not fit the row.
        """
        if not row.get("raw"):
            raise ValueError(
                f"the row {row.get('key')} has no raw values: it is a {row.get('status')} {row.get('kind')}"
            )
        return sidecar.unpacked(sidecar.read(self.folder, sidecar.RAW, row["raw"]), row)

    def result(self, row: Row) -> StabilityResult:
        """Returns a row as a result, to be printed, compared or drawn. Raises ValueError in the cases of `raw`."""
        return StabilityResult.of_row(row, self.raw(row))

    def weights(self, row: Row) -> Path:
        """Returns the path of a train row's checkpoint. Raises ValueError if the file is missing or damaged."""
        digest = str(row["checkpoint_sha256"])
        if not self._has_sidecar(sidecar.WEIGHTS, digest):
            sidecar.read(self.folder, sidecar.WEIGHTS, digest)  # raises an error that says what is wrong
        return sidecar.path_of(self.folder, sidecar.WEIGHTS, digest)

    def is_done(self, job: str, *, besides: str | None = None) -> bool:
        """Returns True if the store has a job's row, with its weights and raw values undamaged.

        Args:
            job: Id of the job.
            besides: Time up to which rows don't count, because the job would give another row now.
        """
        line = self._index.of_job(job)
        if line is None or line.status != DONE or line.time <= (besides or ""):
            return False
        return self._is_whole(self._row_at(line))

    def close(self) -> None:
        """Closes the part file that this object writes."""
        self._writer.close()


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Stops garbage collection while many rows are read: it would scan all of them repeatedly, a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
