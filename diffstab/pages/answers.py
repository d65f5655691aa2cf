"""The first sentences of a report: which network is the most stable, by how much, and what the numbers mean."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from operator import itemgetter

import numpy as np

from ..results import LOWER, answer_of, flat
from ..statistics import Interval, log_average
from ..store import SEED_BY_SEED, Row

FEW_ANSWERS = 3  # measurements that each get a sentence
EQUAL = 1.05  # a factor; R_f within it is called about the same


def answers(measured: Sequence[Row], headline: str | None) -> list[str]:
    """Sentences without their full stops, the answer first.

    Args:
        measured: Rows of one way of measuring.
        headline: The answer of a paired comparison of all their networks; None where there is none.

    Returns:
        Which network is the most stable, then R_f in words: of every row if they are few, otherwise of the most and
        of the least stable one. Rows of a single network need no first sentence.

    >>> rows = [{"model": name, "R": {"value": R, "low": 0.9 * R, "high": R}} for name, R in (("a", 0.1), ("b", 0.25))]
    >>> answers(rows, None)[0].partition(";")[0]
    'a has the lowest R_f, 0.1 (0.09 to 0.1): 2.5 times lower than b, 0.25 (0.225 to 0.25)'
    """
    known = sorted((row for row in measured if row.get("R")), key=lambda row: float(row["R"]["value"]))
    chosen = known if len(known) <= FEW_ANSWERS else [known[0], known[-1]]
    first = headline or _lowest(known)
    return ([first] if first else []) + [f"{shown(row)}: {answer_of(row)}" for row in chosen]


def shown(row: Row) -> str:
    """A network's name for people."""
    return f"{row['model']}{' at initialisation' * (row.get('weights') == 'init')}"


def network_of(row: Row) -> str:
    """Text that the seeds of a network share: model, kind of weights, and how it was trained."""
    training = flat({"training": row.get("training", {})})
    told = {name: value for name, value in training.items() if name not in SEED_BY_SEED}
    return repr((row["model"], row.get("weights") == "init", sorted(told.items(), key=str)))


def _lowest(known: Iterable[Row]) -> str | None:
    """The two networks of lowest R_f, where nothing compares them image by image; None for a single network."""
    networks = defaultdict(list)
    for row in known:
        networks[network_of(row)].append(row)
    if len(networks) < 2:
        return None
    ranked = sorted(((_log_average(rows), rows) for rows in networks.values()), key=itemgetter(0))
    (least, best), (more, second) = ranked[:2]
    lower = "about as low as" if more <= EQUAL * least else f"{more / least:.2g} times lower than" if least else "below"
    return (
        f"{shown(best[0])} has the lowest R_f, {_R_of(best, least)}: {lower} {shown(second[0])}, "
        f"{_R_of(second, more)}; not compared in pairs; {LOWER}"
    )


def _R_of(rows: Sequence[Row], average: float) -> str:
    """R_f of a network: with its interval, or the log-average of several rows with their range."""
    if len(rows) == 1:
        return f"{Interval(**rows[0]['R'])}"
    values = [row["R"]["value"] for row in rows]
    return f"{average:.3g} (log-average of {len(rows)} rows, {min(values):.3g} to {max(values):.3g})"


def _log_average(rows: Sequence[Row]) -> float:
    values = np.array([row["R"]["value"] for row in rows], dtype=np.float64)
    return log_average(values)[0] if values.min() > 0 else 0.0
