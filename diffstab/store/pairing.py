"""Comparison of a store's networks that were measured on the same images, fields and noise."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from ..checks import some
from ..results import Comparison, NothingSharedError, Row, compare_shared, shared_settings, value_at
from .entry import is_measured
from .from_row import command_beside
from .store import Store
from .table import Filters, select


def compare_rows(
    store: Store, networks: Sequence[str], filters: Sequence[str], *, resamples: int, seed: int
) -> list[Comparison]:
    """Compares networks under every setting that at least two of them share.

    Args:
        store: Store of their results.
        networks: Names of models, or filters that choose one network each: `fc_l4`, `model=fc_l4,weights=init`. An
            empty sequence means all networks of the store.
        filters: Filters that every row has to pass, such as `cutoff=3`.
        resamples: Number of bootstrap resamples of the images.
        seed: Seed of the resamples.

    Raises:
        ValueError: If a name fits no row, or several rows with one setting and seed; or if no setting is shared: the
            message then has the command that measures one network as the other was measured.
    """
    if len(set(networks)) < len(networks):
        raise ValueError(f"networks are {', '.join(networks)}; two or more different ones are needed")
    rows = filter(is_measured, store.each())
    found = _meant(networks, rows, Filters(filters)) if networks else networks_of(select(rows, filters))
    try:
        shared = shared_settings(found)
    except NothingSharedError as error:
        first, second = error.rows
        command = command_beside(second, first, store) or command_beside(first, second, store)
        raise ValueError(f"{error}: {command}") if command else error from None
    return [compare_shared(one, store.raw, resamples=resamples, seed=seed) for one in shared]


def networks_of(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Groups rows by network, under the shortest filters that identify each network, in the order of these names.

    >>> rows = [{"model": "lenet", "weights": "init"}, {"model": "lenet", "weights": "a"}, {"model": "fc_l2"}]
    >>> list(networks_of(rows))
    ['fc_l2', 'model=lenet,weights=a', 'model=lenet,weights=init']
    """
    steps = ("model", "weights", "training.job", "weights_sha256")
    found: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        hashed = value_at(row, steps[-1]) if row.get("model_source") == "python" else None  # their name is `own`
        found[(*(value_at(row, step) for step in steps[:-1]), hashed)].append(row)
    begin = Counter(own[:length] for own in found for length in (1, 2, 3))
    named = {}
    for own, mine in found.items():
        length = next(n for n in (1, 2, 3, 4) if n == 4 or begin[own[:n]] == 1)
        told = [
            f"{step}={value if step in ('model', 'weights') else str(value)[:12] + '*'}"
            for step, value in zip(steps[:length], own, strict=False)
            if value is not None or step != "training.job" or length == 3
        ]
        named[own[0] if length == 1 else ",".join(told)] = mine
    return dict(sorted(named.items()))


def _meant(networks: Sequence[str], rows: Iterable[Row], wanted: Filters) -> dict[str, list[Row]]:
    """Returns the rows of each named network in one pass, so that the other rows need not fit into memory."""
    own = {
        name: Filters(name.split(",") if any(sign in name for sign in "=<>") else [f"model={name}"])
        for name in networks
    }
    found: dict[str, list[Row]] = {name: [] for name in networks}
    models: dict[str, None] = {}
    for row in filter(wanted, rows):
        models[row["model"]] = None
        for name, passes in own.items():
            if passes(row):
                found[name].append(row)
    for filters in (wanted, *own.values()):
        filters.refuse_unknown()
    for name in networks:
        if not found[name]:
            raise ValueError(f"no measurement is of {name!r}; the store's models are: {some(models) or 'none'}")
    return found
