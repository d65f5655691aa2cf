"""`diffstab measure --fail-above` and `--baseline`: exit status 1 for a network that is not stable enough."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..checks import some
from .echo import echo
from .options import together
from .stores import one_row, opened

if TYPE_CHECKING:
    from ..results import StabilityResult
    from ..store import Row

gate_options = together(
    click.option(
        "--fail-above",
        type=float,
        metavar="R",
        help="Limit on R_f: exit with status 1 if the whole 95 % interval of R_f lies above R.",
    ),
    click.option(
        "--baseline",
        metavar="STORE[:KEY]",
        help="Stored measurement to compare R_f with: the row with this KEY in STORE, or without KEY the newest one of "
        "the same model and setting.",
    ),
    click.option(
        "--fail-if",
        type=click.Choice(["worse"]),
        help="Exit with status 1 if R_f is worse than that of --baseline: the whole 95 % interval of their ratio lies "
        "above --margin.",
    ),
    click.option(
        "--margin",
        type=float,
        help="Ratio of R_f to that of --baseline up to which the network still passes, 1 or more.  [default: 1.05]",
    ),
)


class Gate:
    """Limits that a network must pass; wrong options raise before anything is measured.

    Args:
        options: The command's options; the gate's are removed from them.

    Raises:
        ValueError: If options do not go together, or the baseline does not exist.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self.limit, baseline, fail_if, margin = gate_taken(options).values()
        if self.limit is None and baseline is None and fail_if is None and margin is None:
            self.rows: list[Row] | None = None
            return
        from ..testing import MARGIN, checked_limit, checked_margin

        if (baseline is None) != (fail_if is None):
            given, missing = ("baseline", "--fail-if worse") if fail_if is None else ("fail_if", "--baseline STORE")
            raise ValueError(f"{given} is given alone; add {missing}")
        if margin is not None and baseline is None:
            raise ValueError("margin is given without a baseline; add --baseline STORE --fail-if worse")
        self.margin = MARGIN if margin is None else margin
        checked_margin(self.margin)
        if self.limit is not None:
            checked_limit(self.limit)
        self.rows = None if baseline is None else self._opened(baseline)

    def _opened(self, baseline: str) -> "list[Row]":
        """Returns the row of the key, or all measurements stored so far, the newest last."""
        from ..store import is_measured

        folder, key = baseline, ""
        if not Path(baseline).is_dir() and ":" in baseline:
            folder, _, key = baseline.rpartition(":")
        self.store = opened(Path(folder))
        self.chosen = bool(key)
        rows = [one_row(self.store, key)] if key else [*self.store.each()]
        measured = [row for row in rows if is_measured(row)]
        if not measured:
            raise ValueError(f"baseline is {baseline!r}, which holds no measurement; name a store or row that does")
        return sorted(measured, key=lambda row: str(row.get("time")))

    def passed_or_exit(self, result: "StabilityResult") -> None:
        """Prints on stderr whether the network passes.

        Raises:
            SystemExit: If the network fails, with status 1.
            ValueError: If no row of the baseline was measured with the same images, settings and seed.
        """
        from ..testing import above, worse

        decisions = [] if self.limit is None else [above(result, self.limit)]
        if self.rows is not None:
            from ..results import StabilityResult

            row = self._row(result)
            echo(f"baseline: row {row['key'][:12]} of {row['model']}, {row.get('time', 'of unknown time')}", err=True)
            decisions.append(worse(result, StabilityResult.of_row(row, self.store.raw(row)), self.margin))
        for decision in decisions:
            echo(decision.sentence, err=True)
        if any(decision.failed for decision in decisions):
            raise SystemExit(1)

    def _row(self, result: "StabilityResult") -> "Row":
        """The newest comparable row; if there is none, the model's newest, so that `worse` can say what differs."""
        from ..results import setting_values

        assert self.rows is not None
        if self.chosen:
            return self.rows[-1]
        own = [row for row in self.rows if row["model"] == result.model]
        if not own:
            models = some(dict.fromkeys(row["model"] for row in self.rows))
            raise ValueError(f"the baseline has no row of {result.model!r}, only {models}; name one as STORE:KEY")
        new = result.to_dict()

        def compared(row: "Row") -> tuple[Any, ...]:
            return (*setting_values(row), row["seed"], row["data_sha256"])

        return next((row for row in reversed(own) if compared(row) == compared(new)), own[-1])


def gate_taken(options: dict[str, Any]) -> dict[str, Any]:
    """Removes the gate's options from a command's, and returns them."""
    return {name: options.pop(name) for name in ("fail_above", "baseline", "fail_if", "margin")}
