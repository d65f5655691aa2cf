"""`diffstab measure --convention both`: the two conventions side by side, and the effect of each of their choices."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..options import MeasureOptions
from .echo import echo, echo_json, print_columns

if TYPE_CHECKING:
    from ..measuring import BothConventions, Reporter
    from ..statistics import Interval

BOTH = "both"


def both_conventions(options: dict[str, Any], reporter: "Reporter") -> "BothConventions":
    """Measures with both conventions. Raises ValueError if an option sets a choice that conventions make."""
    from ..measuring import measure_both, measure_cell

    return measure_both(
        MeasureOptions.from_mapping({**options, "convention": "paper"}), lambda one: measure_cell(one, reporter)
    )


def refuse_beside_both(**given: Any) -> None:
    """Raises ValueError if an option is given that needs a single convention."""
    named = [f"--{name.replace('_', '-')}" for name, value in given.items() if value]
    if named:
        raise ValueError(
            f"convention is 'both' and {', '.join(named)} is given, which needs a single convention; leave one out"
        )


def tell_both(found: "BothConventions", output: Path | None, as_json: bool) -> None:
    """Prints the table on stdout, and writes the JSON form to a file."""
    from ..writing import write_atomically

    if output is not None:
        write_atomically(output, json.dumps(found.to_dict(), indent=2, allow_nan=False).encode() + b"\n")
    if as_json:
        echo_json(found.to_dict())
        return
    paper = found.paper
    echo(
        f"{paper.model} ({paper.model_source}, {paper.weights_shown}) on {paper.images} images of {paper.dataset}, "
        f"{paper.settings.average}, seed {paper.settings.seed}"
    )
    whole = [{letter: getattr(one, letter) for letter in "DGR"} for one in (paper, found.reference)]
    lines: list[tuple[str, str, str, dict[str, Interval] | None]] = [("paper", "", "", whole[0])]
    lines += [(f"  {one.choice}", one.paper, one.reference, one.numbers) for one in found.changed]
    lines.append(("reference", "", "", whole[1]))
    print_columns(
        ("convention", "from", "to", "R_f", "95 % interval", "of paper's", "D_f", "G_f"),
        [(name, old, new, *_cells(own, paper.R.value)) for name, old, new, own in lines],
    )
    if any(one.numbers is None for one in found.changed):
        echo("-: can't be computed, since the change of each output is kept only for networks of up to 100 outputs")


def _cells(numbers: "dict[str, Interval] | None", paper: float) -> tuple[Any, ...]:
    if numbers is None:
        return (None,) * 5
    D, G, R = (numbers[letter] for letter in "DGR")
    return R.value, f"{R.low:.3g} to {R.high:.3g}", R.value / paper if paper else None, D.value, G.value
