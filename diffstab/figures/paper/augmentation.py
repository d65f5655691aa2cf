"""R_f of one network after training with several augmentations, for several cutoffs when probing (Fig. 12).

A group for each augmentation, a colour for each cutoff, test errors below.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ...checks import some
from ...store import Row
from ..drawing.axes import UNIT, draw_unit, figure_of, name_places, set_log
from ..drawing.codes import AXES, cutoff_look
from ..drawing.lines import Drawn, draw_beside, draw_legend, look_keys
from ..points.choice import Chosen, choose
from ..points.point import split, table_of
from ..points.series import QUANTITIES, Sweep, gather_series
from ..points.setting import grouped
from ..points.spread import columns_of, spread_of

AUGMENTATION = "augmentation"  # a column that rows get here
OVER_CUTOFFS = Sweep(
    "cutoff", places=("cutoff",), by=(AUGMENTATION,), follows=("temperature",), trainings=(AUGMENTATION,)
)
NONE = "none"
HEIGHT = 3.4  # inches
APART = 0.5  # share of a group's width that its points take


def augmentation_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f after training with each augmentation.

    Raises:
        ValueError: If no row is of a network that a sweep trained, or rows are of several networks; if they differ in a
            setting but the cutoff, or those of an augmentation in how the network was trained; if a number is missing
            or has no logarithm.

    >>> numbers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> error = {"value": 0.02, "low": 0.01, "high": 0.04, "images": 500}
    >>> head = {"status": "done", "kind": "measure", "model": "lenet", "weights": "train", "test_error": error}
    >>> head |= {**numbers, "cutoff": 3.0}
    >>> drawn = augmentation_figure([{**head, "training": {"translate": pixels}} for pixels in (0, 4)])
    >>> [(line["augmentation"], line["R"], line["error"]) for line in drawn.table]
    [('none', 0.5, 0.02), ('translation (4 px)', 0.5, 0.02)]
    """
    chosen = _by_augmentation(choose(rows, filters))
    points, setting, notes = gather_series(chosen, OVER_CUTOFFS)
    # as the paper does: none, translations, diffeomorphisms
    points.sort(key=lambda one: ((name := one.at[AUGMENTATION]) != NONE, "diffeo" in name, name))
    own = grouped(chosen.trained, AUGMENTATION)
    errors = {name: spread_of(own[name], "error", notes) for name in split(points, AUGMENTATION)}
    cutoffs = sorted(split(points, "cutoff"))
    with figure_of(HEIGHT) as (figure, panel):
        draw_beside(panel, points, AUGMENTATION, [*errors], cutoffs, APART)
        told = [f"{name}\ntest error {100 * error.value:.1f} %" for name, error in errors.items()]
        name_places(panel, "x", told, rules=True)
        draw_unit(panel)
        set_log(panel, "y", points, "R", more=[UNIT])
        panel.set(ylabel=AXES["R"] + (f" at $\\delta$ = {setting['delta']:g} px" if setting.get("delta") else ""))
        panel.set(xlabel="augmentation in training", title=points[0].label)
        draw_legend(figure, look_keys({f"$c$ = {cutoff:g}": cutoff_look(cutoff) for cutoff in cutoffs}, joined=False))
    table = [line | columns_of("error", errors[line[AUGMENTATION]]) for line in table_of(points, QUANTITIES)]
    return Drawn(figure, table, list(dict.fromkeys(notes)), setting)


def augmentation_of(training: Mapping[str, Any]) -> str:
    """Names the augmentation of a training from its options.

    >>> augmentation_of({"translate": 0, "flip": False, "diffeo_temperature": 0.01, "diffeo_cutoff": 1.0})
    'diffeo (T = 0.01, c = 1)'
    """
    parts = []
    if training.get("translate"):
        parts.append(f"translation ({training['translate']:g} px)")
    if training.get("flip"):
        parts.append("flip")
    if training.get("diffeo_temperature"):
        parts.append(f"diffeo (T = {training['diffeo_temperature']:g}, c = {training['diffeo_cutoff']:g})")
    return " + ".join(parts) or NONE


def _by_augmentation(chosen: Chosen) -> Chosen:
    """The rows of the one network that a sweep trained, with the names of their augmentations."""
    taught = [{**row, AUGMENTATION: augmentation_of(row["training"])} for row in chosen.trained if row.get("training")]
    if not taught:
        raise ValueError(f"no network that a sweep trained is among {chosen.told}; measure some with weights: train")
    models = list(grouped(taught, "model"))
    if len(models) > 1:
        raise ValueError(
            f"the rows are of {len(models)} networks, {some(models)}; choose one with a filter such as "
            f"model={models[0]} (--where)"
        )
    left = len(chosen.trained) + len(chosen.fresh) - len(taught)
    notes = [*chosen.notes, *([f"{left} rows of networks that no sweep trained are left out"] if left else [])]
    return chosen._replace(trained=taught, fresh=[], notes=notes)
