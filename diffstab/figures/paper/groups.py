"""R_f in groups: by data set (Figs. 3 centre, 4 top), by augmentation in training (Fig. 12), by transformation."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ...checks import some
from ...options import DIFFEO, TRANSFORMS
from ...store import Row
from ..drawing.axes import KEYS, UNIT, draw_unit, figure_of, name_places, network_panels, set_log
from ..drawing.codes import AXES, cutoff_look, cutoff_name, network_looks
from ..drawing.lines import Drawn, draw_legend, draw_points, fresh_keys, look_keys
from ..points.choice import Chosen, choose
from ..points.networks import QUANTITIES, Sweep, gather_series
from ..points.point import Point, split, table_of
from ..points.setting import grouped
from ..points.spread import columns_of, spread_of

BY_DATASET = Sweep(
    None, places=("dataset", "cutoff"), follows=("temperature", "training.dataset"), trainings=("dataset",)
)
AUGMENTATION = "augmentation"  # a column that rows get here
OVER_CUTOFFS = Sweep(
    "cutoff", places=("cutoff",), by=(AUGMENTATION,), follows=("temperature",), trainings=(AUGMENTATION,)
)
NONE = "none"
OVER_TRANSFORMATIONS = Sweep(None, places=("transform", "cutoff"), follows=("temperature",))
NAMES = {
    DIFFEO: "diffeomorphism",
    "translation": "translation",
    "whole-translation": "translation by\nwhole pixels",
    "rotation": "rotation",
    "scale": "change of scale",
}
HEIGHT = 3.4  # inches, of augmentations
FRAME, PER_LINE, PER_NETWORK = 0.45, 0.16, 0.13  # inches, of transformations
APART = {"dataset": 0.7, AUGMENTATION: 0.5, "transform": 0.75}  # share of a group's room that its points take


def datasets_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f of each network, a group for each data set, a colour for each cutoff, open at initialisation.

    Raises:
        ValueError: If no measurement is left; if rows differ in another setting, such as delta, or those of a network
            on a data set in how it was trained; if R_f has no logarithm.

    >>> numbers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> head = {"status": "done", "kind": "measure", "model": "lenet", "weights": "pretrained", "cutoff": 3.0}
    >>> drawn = datasets_figure([{**head, **numbers, "dataset": name} for name in ("mnist", "svhn")])
    >>> [(line["dataset"], line["R"]) for line in drawn.table]
    [('mnist', 0.5), ('svhn', 0.5)]
    """
    points, setting, notes = gather_series(choose(rows, filters), BY_DATASET)
    names = [str(name) for name in split(points, "dataset")]
    with network_panels(points, "data set", "R") as (figure, panels):
        for panel, own in panels:
            keys = _draw_beside(panel, own, "dataset", names, points)
            name_places(panel, "x", names)
        draw_legend(figure, [*keys, *fresh_keys(points, joined=False)])
    return Drawn(figure, table_of(points, QUANTITIES), notes, setting)


def augmentation_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f of one network after training with each augmentation, a colour for each cutoff when probing, errors below.

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
    told = [f"{name}\ntest error {100 * error.value:.1f} %" for name, error in errors.items()]
    with figure_of(HEIGHT) as (figure, panel):
        keys = _draw_beside(panel, points, AUGMENTATION, [*errors], points)
        _set_axes(panel, "x", told, points, setting)
        panel.set(xlabel="augmentation in training", title=points[0].label)
        draw_legend(figure, keys)
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


def by_training(chosen: Chosen, column: str, name_of: Callable[[Mapping[str, Any]], str]) -> Chosen:
    """The rows of networks that a sweep trained, with a name in a column from how; a note on the others."""
    taught = [{**row, column: name_of(row["training"])} for row in chosen.trained if row.get("training")]
    if not taught:
        raise ValueError(f"no network that a sweep trained is among {chosen.told}; measure some with weights: train")
    left = len(chosen.trained) + len(chosen.fresh) - len(taught)
    notes = [*chosen.notes, *([f"{left} rows of networks that no sweep trained are left out"] if left else [])]
    return chosen._replace(trained=taught, fresh=[], notes=notes)


def _by_augmentation(chosen: Chosen) -> Chosen:
    """The rows of the one network that a sweep trained, with the names of their augmentations."""
    taught = by_training(chosen, AUGMENTATION, augmentation_of)
    models = list(grouped(taught.trained, "model"))
    if len(models) > 1:
        raise ValueError(
            f"the rows are of {len(models)} networks, {some(models)}; choose one with a filter such as "
            f"model={models[0]} (--where)"
        )
    return taught


def transformations_figure(rows: Sequence[Row], filters: Sequence[str] = ()) -> Drawn:
    """R_f under each transformation at one delta: a line for each, a colour and a marker for each network.

    Values at initialisation have open markers. The paper has no such figure.

    Raises:
        ValueError: If no measurement is left; if rows differ in another setting, such as delta, or those of a network
            in how it was trained; if R_f has no logarithm.

    >>> numbers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in "DGR"}
    >>> head = {"status": "done", "kind": "measure", "model": "lenet", "weights": "pretrained", "weights_sha256": "a"}
    >>> drawn = transformations_figure([{**head, **numbers, "transform": name} for name in ("scale", "rotation")])
    >>> [label.get_text() for label in drawn.figure.axes[0].get_yticklabels()]
    ['rotation', 'change of scale']
    """
    points, setting, notes = gather_series(choose(rows, filters), OVER_TRANSFORMATIONS)
    kinds = sorted(split(points, "transform", "cutoff"), key=_order)
    looks = network_looks(split(points, "label"))
    several = len({cutoff for name, cutoff in kinds if name == DIFFEO}) > 1
    told = [f", {cutoff_name(cutoff)}" if several and cutoff is not None else "" for _, cutoff in kinds]
    names = [NAMES.get(name, name) + more for (name, _), more in zip(kinds, told, strict=True)]
    with figure_of(FRAME + KEYS + len(kinds) * (PER_LINE + PER_NETWORK * len(looks))) as (figure, panel):
        for own in split(points, "curve").values():
            draw_points(panel, own, "R", _heights(own, kinds, [*looks]), looks[own[0].label], joined=False)
        _set_axes(panel, "y", names, points, setting)
        draw_legend(figure, [*look_keys(looks, joined=False), *fresh_keys(points, joined=False)[-1:]])
    return Drawn(figure, table_of(points, QUANTITIES), notes, setting)


def _order(kind: tuple[str, float | None]) -> tuple[int, str, float]:
    """Sorts the package's transformations in their order, then others by name, cutoffs rising."""
    name, cutoff = kind
    return TRANSFORMS.index(name) if name in TRANSFORMS else len(TRANSFORMS), name, cutoff or 0.0


def _heights(points: Sequence[Point], kinds: Sequence[object], labels: Sequence[str]) -> list[float]:
    """One under the other: networks in each line, and there the one at initialisation with the trained one."""
    step = APART["transform"] / len(labels)
    offset = beside(labels.index(points[0].label), len(labels), APART["transform"])
    offset += step / (4 if points[0].fresh else -4)
    return [kinds.index((point.at["transform"], point.at["cutoff"])) + offset for point in points]


def _draw_beside(
    panel: Axes, points: Sequence[Point], column: str, places: Sequence[str], everything: Iterable[Point]
) -> list[Line2D]:
    """R of points at the places of what stands in a column, side by side by rising cutoff; the cutoffs of all for the
    key.
    """
    cutoffs = sorted(split(everything, "cutoff"))
    for point in points:
        cutoff = point.at["cutoff"]
        x = places.index(str(point.at[column])) + beside(cutoffs.index(cutoff), len(cutoffs), APART[column])
        draw_points(panel, [point], [x], "R", cutoff_look(cutoff), name=f"{point.curve} {cutoff:g}", joined=False)
    return look_keys({cutoff_name(cutoff): cutoff_look(cutoff) for cutoff in cutoffs}, joined=False)


def beside(place: int, count: int, apart: float) -> float:
    """Offset of one of `count` places, which are centred about 0 and take `apart`.

    >>> [beside(place, 2, 0.5) for place in (0, 1)]
    [-0.125, 0.125]
    """
    return (place - (count - 1) / 2) * (apart / count)


def _set_axes(
    panel: Axes, along: str, names: Sequence[str], points: Iterable[Point], setting: Mapping[str, Any]
) -> None:
    """The names of groups along one axis, with thin rules between, and R with the line at 1 on the other."""
    other = "y" if along == "x" else "x"
    name_places(panel, along, names, rules=True)
    draw_unit(panel, other)
    set_log(panel, other, points, "R", more=[UNIT])
    at = f" at $\\delta$ = {setting['delta']:g} px" if setting.get("delta") else ""
    panel.set(**{f"{other}label": AXES["R"] + at})
