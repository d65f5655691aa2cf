"""A store of results: rows that many writers append, by key and by job, with their sidecars."""

import json
from pathlib import Path

from ..results import SCHEMA, RawValues, StabilityResult
from ..writing import check_writable, make_folder, write_atomically
from . import sidecar
from .entry import DONE, Entry, checksum, is_measured, measured_entry, now_after, takes_over
from .locks import locked
from .parts import PartReader, PartWriter, Row, mend, part_files
from .row_check import is_measurement

FORMAT = "diffstab-store"


class Store:
    """A store of results.

    Args:
        folder: Of the store.
        create: Make it where there is none; otherwise it must be there.

    Attributes:
        notes: What was mended or left out, one line each.

    Raises:
        ValueError: If the folder is no store, can't be read or made, or holds rows of a newer schema.

    >>> import tempfile
    >>> Store(tempfile.mkdtemp(), create=True).rows()
    []
    """

    def __init__(self, folder: str | Path, *, create: bool = False) -> None:
        self.folder = Path(folder)
        self.notes: list[str] = []
        rows = self.folder / "rows"
        if create:
            self._make(rows)
        if not rows.is_dir():
            raise ValueError(f"{str(folder)!r} is not a store of results (it has no rows); check the path")
        self._check_schema()
        self._rows: dict[str, Row] = {}  # the last line of each key
        self._jobs: dict[str, Row] = {}  # the line of each job that counts
        self._shared: dict[str, dict[str | None, Row]] = {}  # other jobs' lines of a key
        self._replaced: set[str] = set()  # keys that no job has any more
        self._verified: dict[str, object] = {}  # size and time of the weights that were found whole
        self._reader, self._writer = PartReader(rows), PartWriter(rows)
        self.refresh()  # a store of a newer schema is refused before anything of it is changed
        self.notes += [note for note in map(mend, part_files(rows)) if note]
        self.refresh()
        if create:
            self._sign()

    def _make(self, rows: Path) -> None:
        if self.folder.is_dir() and not rows.is_dir() and any(self.folder.iterdir()):
            raise ValueError(f"{str(self.folder)!r} holds other files and is no store; name a new or empty folder")
        make_folder(rows)
        check_writable(rows / "part.jsonl")

    def _sign(self) -> None:
        meta = self.folder / "store.json"
        if not meta.exists():
            write_atomically(meta, json.dumps({"format": FORMAT, "schema": SCHEMA}).encode() + b"\n")

    def _check_schema(self) -> None:
        meta = self.folder / "store.json"
        try:
            schema = json.loads(meta.read_text())["schema"] if meta.exists() else SCHEMA
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{str(meta)!r} is damaged ({error}); it should say the store's schema") from error
        self._refuse_newer(schema)

    def _refuse_newer(self, schema: object) -> None:
        if not isinstance(schema, int) or isinstance(schema, bool) or not 1 <= schema <= SCHEMA:
            raise ValueError(
                f"the store {str(self.folder)!r} has schema {schema!r} and this diffstab knows {SCHEMA}; "
                "upgrade diffstab (nothing was changed)"
            )

    def refresh(self) -> None:
        """Takes in rows that other writers have added."""
        for row in self._reader.new_rows():
            try:
                if row["schema"] != SCHEMA:
                    self._refuse_newer(row["schema"])
                self._take(row)
            except (KeyError, TypeError):
                self.notes.append(f"a line {row!s:.60} lacks what every row has, or holds it oddly; it is left out")
        self.notes += self._reader.problems
        self._reader.problems = []

    def _take(self, row: Row) -> None:
        key, job, status = row["key"], row.get("job"), row["status"]
        if not all(isinstance(value, str) for value in (key, row["time"], status, job or "")):
            raise TypeError(key)
        if is_measured(row) and not is_measurement(row):
            raise KeyError(key)
        if job is not None:
            before = self._jobs.get(job)
            if before is not None and not takes_over(row, before):
                if key not in self._rows:
                    self._replaced.add(key)
                return
            self._jobs[job] = row
            if before is not None and self._rows.get(before["key"]) is before and before["key"] == key:
                self._rows[key] = row
                return
            if before is not None:
                self._drop(before["key"], job)
        self._replaced.discard(key)
        earlier = self._rows.get(key)
        first, last = (row, earlier) if earlier is not None and earlier["time"] > row["time"] else (earlier, row)
        self._rows[key] = last
        if first is not None and first.get("job") != last.get("job"):
            self._shared.setdefault(key, {})[first.get("job")] = first

    def _drop(self, key: str, job: str) -> None:
        """A job has another key now; a row that no other job gave is not listed any more."""
        others = self._shared.get(key, {})
        others.pop(job, None)
        if key in self._rows and self._rows[key].get("job") == job:
            if others:
                self._rows[key] = others.pop(max(others, key=lambda other: others[other]["time"]))
            else:
                del self._rows[key]
                self._replaced.add(key)

    def rows(self) -> list[Row]:
        """The rows as read so far: the last one of each key and of each job, without what was recomputed of others."""
        if not self._replaced:
            return list(self._rows.values())
        return [row for row in self._rows.values() if str(row.get("recomputed_from")) not in self._replaced]

    def __len__(self) -> int:
        return len(self.rows())

    def status(self, job: str) -> str | None:
        """`done`, `failed`, or None for a job that is not in the store."""
        row = self._jobs.get(job)
        return None if row is None else row["status"]

    def row_of(self, job: str) -> Row:
        """The row that a job gave. Raises KeyError if it is not in the store."""
        return self._jobs[job]

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
        with locked(self.folder / ".lock"):
            self.refresh()
            if self._has(entry.row, replaces):
                return False
            row = {**entry.row, **hashes}
            if is_measured(row) and row["key"] in self._rows:  # asked for in another way: the first answer stands
                row = {**self._rows[row["key"]], "job": row["job"]}
            if replaces is not None and row["status"] != DONE:
                row["replaces"] = replaces
            row["time"] = now_after(self._jobs.get(str(row.get("job"))))
            row = {name: value for name, value in row.items() if value is not None}
            self._writer.append({**row, "checksum": checksum(row)})
        self.refresh()
        return True

    def _has(self, row: Row, replaces: str | None) -> bool:
        job = row.get("job")
        if job is None:
            return row["key"] in self._rows
        if not self.is_done(job, besides=replaces):
            return False
        return bool(row["status"] != DONE or row["key"] == self._jobs[job]["key"])

    def raw(self, row: Row) -> RawValues:
        """The per-image values behind a row. Raises ValueError if the sidecar is missing or damaged."""
        if not row.get("raw"):
            raise ValueError(
                f"the row {row.get('key')} has no raw values: it is a {row.get('status')} {row.get('kind')}"
            )
        return sidecar.unpacked(sidecar.read(self.folder, sidecar.RAW, row["raw"]))

    def weights(self, row: Row) -> Path:
        """The checkpoint of a train row. Raises ValueError if it is missing or damaged."""
        digest = str(row["checkpoint_sha256"])
        path = sidecar.path_of(self.folder, sidecar.WEIGHTS, digest)
        stamp = (path.stat().st_size, path.stat().st_mtime_ns) if path.exists() else None
        if stamp is None or self._verified.get(digest) != stamp:
            sidecar.read(self.folder, sidecar.WEIGHTS, digest)
            self._verified[digest] = stamp
        return path

    def is_done(self, job: str, *, besides: str | None = None) -> bool:
        """Whether the store has what a job gives: its row and, where it learnt something, the whole weights.

        Args:
            job: Its id.
            besides: Rows up to that time don't count, because the job would give another one now.
        """
        row = self._jobs.get(job)
        if row is None or row["status"] != DONE or row["time"] <= (besides or ""):
            return False
        try:
            return "checkpoint_sha256" not in row or self.weights(row).exists()
        except ValueError:
            return False

    def close(self) -> None:
        """Lets its part file go."""
        self._writer.close()
