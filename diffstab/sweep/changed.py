"""Detection of done cells whose network has changed since, so that they are measured again.

A job's id covers its options and the content of known files. Code of your own may read further files, such as its
weights, so its network is built and compared with the row, once for each set of options that make it.
"""

import os
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from ..options import MeasureOptions, MeasureSettings, Role, TrainOptions, settings_of
from ..store import DONE, Row, Store
from .content import is_large
from .jobs import MEASURE, Job, is_folder_of_weights, is_own_code, start_of

# Options that make the network: all but settings of the measurement, unless these say so, and what stands aside.
MAKE_IT = tuple(
    name
    for name, one in settings_of(MeasureOptions).items()
    if one.has(Role.BUILDS) or not (one.has(Role.ASIDE) or name in settings_of(MeasureSettings))
)
EXAMPLES = {"timm": "timm:NAME.TAG", "torchvision": "torchvision:NAME@WEIGHTS"}
HASHES = ("network_sha256", "weights_sha256")
Hashes = tuple[str | None, str | None] | str  # a text is the reason why the network can't be built


class Networks:
    """Networks of jobs as they are now; each is built once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Hashes] = {}

    def hashes(self, options: MeasureOptions) -> Hashes:
        """Returns the hashes of layers and weights as in a row, or the reason why the network can't be built."""
        told = tuple(map(options.to_dict().get, MAKE_IT))
        if told not in self._known:
            self._known[told] = _hashes(options)
        return self._known[told]


def _hashes(options: MeasureOptions) -> Hashes:
    from ..measuring import network_hashes

    try:
        return network_hashes(replace(options, download=False))
    except Exception as error:  # the user's code may raise anything; running the cell shows it in full
        return f"{type(error).__name__}: {error}"


def built_models(jobs: Iterable[Job], store: Store) -> list[str]:
    """Returns the models of done jobs that must be built to be compared with their rows, which runs the user's code."""
    done = (job for job in jobs if store.is_done(job.id) and _can_change(job))
    return list(dict.fromkeys(job.model for job in done))


def changed_jobs(jobs: Iterable[Job], store: Store, unseen: Collection[str] = ()) -> dict[str, tuple[str, str]]:
    """Finds done jobs whose row belongs to an earlier network.

    Args:
        jobs: Jobs of a sweep, trainings before the measurements that need them.
        store: Store with the rows.
        unseen: Models that are not built; their rows count as unchanged.

    Returns:
        (time of the row, difference in words) of each such job, by its id.
    """
    networks, found = Networks(), dict[str, tuple[str, str]]()
    for job in jobs:
        if store.is_done(job.id):
            row = store.row_of(job.id)
            why = _other_batches(job, row)
            if why is None and _can_change(job) and job.model not in unseen:
                why = _difference(job, row, store, networks, found)
            if why is not None:
                found[job.id] = (row["time"], why)
    return found


def version_notes(jobs: Iterable[Job], store: Store) -> list[str]:
    """Returns one note per library that chose the weights of done cells and has another version now."""
    from ..provenance import versions

    counts: Counter[tuple[str, str, str]] = Counter()
    for job in jobs:
        row = store.row_of(job.id) if store.is_done(job.id) else {}
        library, tag = str(row.get("model_source")), row.get("weights_tag")
        then, now = (known.get(library) for known in (row.get("versions") or {}, versions()))
        if tag and str(tag) not in str(row.get("model")) and then and now and then != now:
            counts[library, str(then), now] += 1
    return [
        f"note: {count} cells in the store have the weights that {library} {then} chose for their names; {now} may "
        f"choose others: name them ({EXAMPLES.get(library, 'with their tag')}), or take a new store to measure anew"
        for (library, then, now), count in counts.items()
    ]


def _can_change(job: Job) -> bool:
    """Returns True if a job's network may depend on files that its id does not cover."""
    model = job.model
    folder = os.path.expanduser(model.partition(":")[2])
    return is_own_code(model) or (job.kind == MEASURE and is_folder_of_weights(model) and is_large(folder))


def _other_batches(job: Job, row: Row) -> str | None:
    """Returns the difference in batch size if the network mixes the images of a batch, otherwise None.

    Only a measurement shows whether a network mixes images, so the batch size can't be part of a job's id.
    """
    then, now = row.get("batch_size"), job.options.to_dict().get("batch_size")
    return (
        f"was measured in batches of {then}, whose images it mixes" if row.get("mixes_images") and then != now else None
    )


def _difference(job: Job, row: Row, store: Store, networks: Networks, found: dict[str, tuple[str, str]]) -> str | None:
    options: Any = job.options
    if isinstance(options, TrainOptions):
        if "start_sha256" not in row:  # older rows lack it
            return None
        now = networks.hashes(start_of(options))
        return _told(now, (now[0], row["start_sha256"])) if isinstance(now, tuple) else now
    if job.trained_by is not None:
        if job.trained_by.id in found or store.status(job.trained_by.id) != DONE:
            return "is trained again"
        if not store.is_done(job.trained_by.id):  # damaged weights: training again gives the same ones
            return None
        options = replace(options, checkpoint=str(store.weights(store.row_of(job.trained_by.id))))
    return _told(networks.hashes(options), tuple(row.get(name) for name in HASHES))


def _told(now: Hashes, then: tuple[Any, ...]) -> str | None:
    """Returns the difference between two pairs of hashes in words; None if they are equal."""
    if isinstance(now, str):
        return f"can't be built now ({' '.join(now.split()):.200})"
    differing = [word for word, one, other in zip(("layers", "weights"), now, then, strict=True) if one != other]
    return f"has other {' and '.join(differing)} than in the store" if differing else None
