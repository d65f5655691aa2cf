"""Figures over depth, displacement, noise and transformations: their points, lines and texts."""

import csv
import math

import pytest
from support.measured_rows import row
from support.profiles import (
    AFFINE,
    DEPTHS,
    FACTORS,
    FIGURES,
    at_norms,
    layers,
    penalised,
    with_layers,
)

from diffstab.figures.drawing.codes import FAMILIES
from diffstab.figures.drawing.files import table_csv
from diffstab.figures.paper.curves import delta_figure, depth_figure, noise_figure
from diffstab.figures.paper.groups import transformations_figure
from diffstab.figures.paper.penalties import penalty_figure

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def drawn():
    return {name: draw(rows()) for name, (draw, rows, _) in FIGURES.items()}


def log_averaged(values):
    """Mean, standard deviation, and the ends of the bar."""
    logs = [math.log(value) for value in values]
    mean = sum(logs) / len(logs)
    sd = math.sqrt(sum((one - mean) ** 2 for one in logs) / (len(logs) - 1))
    return math.exp(mean), sd, math.exp(mean - sd), math.exp(mean + sd)


def lines_of(panel):
    return {line.get_gid(): line for line in panel.lines if line.get_gid() not in (None, "unit", "slope")}


def bars_of(panel):
    return [bar.tolist() for bars in panel.collections for bar in bars.get_segments()]


def test_layers_are_log_averaged_over_seeds_one_by_one(drawn):
    table = drawn["depth"].table
    assert len(table) == 2 * 2 * len(DEPTHS)
    for model, R in (("lenet", 2.0), ("resnet18", 0.1)):
        for weights, scale in (("trained", R), ("init", 1.0)):
            own = [line for line in table if (line["model"], line["weights"]) == (model, weights)]
            assert [(line["layer"], line["depth"]) for line in own] == list(DEPTHS.items())  # in order of execution
            for k, line in enumerate(own):
                found = [line["R"], line["R_log_sd"], line["R_low"], line["R_high"]]
                assert found == pytest.approx(log_averaged([scale * f / (k + 1) for f in FACTORS[weights]]))
                assert (line["seeds"], line["G"]) == (3, pytest.approx(0.01))


def test_one_seed_has_its_own_interval():
    table = depth_figure(with_layers([row(R=0.3)])).table
    assert [(line["R"], line["R_log_sd"]) for line in table] == [(0.3 / (k + 1), None) for k in range(4)]
    assert [(line["R_low"], line["R_high"]) for line in table] == [
        (0.3 / (k + 1) / 1.1, 0.3 / (k + 1) * 1.1) for k in range(4)
    ]


def test_several_parts_of_a_layer_are_several_points():
    parts = [{**layer, "name": "block", "depth": 1.0, "part": f"[{k}]"} for k, layer in enumerate(layers(1.0))]
    assert [line["layer"] for line in depth_figure([{**row(), "layers": parts}]).table] == [
        f"block [{k}]" for k in range(4)
    ]


def test_ways_of_training_stand_from_none_over_augmentations_to_the_largest_penalty():
    figure, table, _, _ = penalty_figure(penalised())
    ways = ["none", "diffeo (T = 0.01, c = 1)", "translation (4 px)", "penalty 0.1", "penalty 10"]
    assert [line["way"] for line in table] == 2 * ways
    for dataset, panel in zip(("fashionmnist", "mnist5k"), figure.axes, strict=False):
        curves = lines_of(panel)
        own = [line["R"] for line in table if line["dataset"] == dataset]
        assert curves[f"lenet {dataset} R"].get_ydata().tolist() == pytest.approx(own[:3])
        assert curves[f"lenet {dataset} R by weight"].get_ydata().tolist() == pytest.approx(own[3:])
        assert [label.get_text().replace("\n", " ") for label in figure.axes[-1].get_xticklabels()] == ways


def test_points_over_delta_are_those_of_each_cutoff(drawn):
    for line in drawn["delta"].table:
        scale = line["cutoff"] * line["delta"] if line["weights"] == "trained" else 1.0
        assert line["R"] == pytest.approx(scale * log_averaged(FACTORS[line["weights"]])[0])
        assert line["transform"] == "diffeo"
    assert len(drawn["delta"].table) == 2 * 2 * 3


def test_points_over_noise_lie_at_its_norm(drawn):
    """The norm that was given, or that of the deformations; the x of several seeds is their average."""
    table = [line for line in drawn["noise"].table if line["weights"] == "trained"]
    assert [line["noise_radius"] for line in table] == pytest.approx([0.1, 0.3, 1.0, 1.2, 10.0])
    for line in table:
        G = line["noise_norm"] ** 2 if line["noise_norm"] else line["delta"]
        assert line["G"] == pytest.approx(G)
    rows = [row(seed=seed, noise_radius=radius, delta=1.0) for seed, radius in enumerate((2.0, 4.0))]
    rows += [row(noise_radius=9.0, delta=3.0, temperature=1.0)]
    assert [(line["noise_radius"], line["seeds"]) for line in noise_figure(rows).table] == [(3.0, 2), (9.0, 1)]


def test_a_table_is_a_csv_file_of_the_same_numbers(drawn):
    for one in drawn.values():
        lines = list(csv.DictReader(table_csv(one.table).decode().splitlines()))
        assert [list(line) for line in lines] == [list(line) for line in one.table]
        for line, found in zip(lines, one.table, strict=True):
            numbers = {name: value for name, value in found.items() if isinstance(value, float)}
            assert {name: float(line[name]) for name in numbers} == numbers
            assert "D" in numbers


def test_lines_and_bars_stand_at_the_tables_values(drawn):
    for name, x, quantities in (("delta", "delta", "R"), ("noise", "noise_radius", "GD")):
        figure, table = drawn[name].figure, drawn[name].table
        if name == "noise":
            panels = dict(zip(quantities, figure.axes, strict=True))
            wanted = {"G": table, "D": [line for line in table if line["noise_norm"] is None]}
        else:
            wanted = {"R": table}
            panels = {"R": None}
        for quantity, lines in wanted.items():
            points = {(line[x], line[quantity]) for line in lines}
            shown = [panels[quantity]] if panels[quantity] else figure.axes
            drawn_at = [tuple(at) for panel in shown for line in lines_of(panel).values() for at in line.get_xydata()]
            assert set(drawn_at) == points
            assert len(drawn_at) == len(lines)
            bars = {tuple(map(tuple, bar)) for panel in shown for bar in bars_of(panel)}
            ends = {((line[x], line[f"{quantity}_low"]), (line[x], line[f"{quantity}_high"])) for line in lines}
            assert sorted(bars) == [tuple(pytest.approx(end) for end in bar) for bar in sorted(ends)]


def test_each_layer_has_its_name_and_no_other_beside_it(drawn):
    figure, table = drawn["depth"].figure, drawn["depth"].table
    for panel in figure.axes:
        names = [label.get_text() for label in panel.get_xticklabels()]
        assert names == list(DEPTHS)  # conv1 and pool are of one depth
        for gid, line in lines_of(panel).items():
            model, weights = gid.split()[0], "init" if gid.endswith("init") else "trained"
            own = {one["layer"]: one["R"] for one in table if (one["model"], one["weights"]) == (model, weights)}
            assert {names[round(x)]: R for x, R in line.get_xydata()} == own
            assert line.get_xdata().tolist() == [0, 1, 2, 3]


def test_dashed_and_open_is_at_initialisation(drawn):
    for name in ("depth", "delta", "noise"):
        for panel in drawn[name].figure.axes:
            lines = lines_of(panel)
            assert {gid.endswith("init") for gid in lines} == {True, False}
            for gid, line in lines.items():
                fresh = gid.endswith("init")
                assert line.get_linestyle() == ("--" if fresh else "-"), gid
                assert (line.get_markerfacecolor() == "white") == fresh, gid
    for gid, line in lines_of(drawn["transformations"].figure.axes[0]).items():
        assert (line.get_markerfacecolor() == "white") == gid.endswith("init")


def test_axes_are_logarithmic_and_hold_all_points_and_the_line_at_1(drawn):
    for name in ("depth", "delta"):
        figure = drawn[name].figure
        low, high = figure.axes[0].get_ylim()
        for panel in figure.axes:
            assert panel.get_yscale() == "log"
            (unit,) = [line for line in panel.lines if line.get_gid() == "unit"]
            assert set(unit.get_ydata()) == {1}
        assert low < min(1, *(line["R_low"] for line in drawn[name].table))
        assert high > max(1, *(line["R_high"] for line in drawn[name].table))
    assert [panel.get_title() for panel in drawn["depth"].figure.axes] == ["lenet", "resnet18"]
    assert [panel.get_xscale() for panel in drawn["noise"].figure.axes] == ["log", "log"]


def test_the_line_at_1_is_inside_where_all_points_are_below_it():
    rows = [row(R=0.01, delta=delta, temperature=delta) for delta in (1.0, 2.0)]
    for figure in (depth_figure(with_layers(rows[:1])).figure, delta_figure(rows).figure):
        assert figure.axes[0].get_ylim()[1] > 1
    assert transformations_figure(rows[:1]).figure.axes[0].get_xlim()[1] > 1


def test_the_guide_has_slope_2_and_lies_below_the_curves(drawn):
    for panel in drawn["noise"].figure.axes:
        (guide,) = [line for line in panel.lines if line.get_gid() == "slope"]
        x, y = guide.get_data()
        assert math.log(y[2] / y[0]) / math.log(x[2] / x[0]) == pytest.approx(2)
        data = [tuple(at) for line in lines_of(panel).values() for at in line.get_xydata()]
        assert x[0] == min(at for at, _ in data)
        assert all(value > y[0] * (at / x[0]) ** 2 for at, value in data if at <= x[2])
        low, high = panel.get_ylim()
        assert low < y[0] < y[2] < high


def test_without_swept_delta_there_is_no_panel_of_d():
    rows = [one for one in at_norms() if one["noise_radius_rule"] == "given"]
    (panel,) = noise_figure(rows).figure.axes
    assert panel.get_ylabel().startswith("$G_f$")


def test_each_transformation_has_a_line_and_each_network_its_marker(drawn):
    figure, table, _, _ = drawn["transformations"]
    (panel,) = figure.axes
    names = [label.get_text().replace("\n", " ") for label in panel.get_yticklabels()]
    assert names == ["diffeomorphism", "translation by whole pixels", "rotation", "change of scale"]
    kinds = ["diffeo", "whole-translation", "rotation", "scale"]
    assert panel.get_ylim() == (3.5, -0.5)
    for gid, line in lines_of(panel).items():
        model, weights = gid.split()[0], "init" if gid.endswith("init") else "trained"
        own = {one["transform"]: one for one in table if (one["model"], one["weights"]) == (model, weights)}
        shown = {kinds[round(y)]: R for R, y in line.get_xydata()}
        assert shown == {name: one["R"] for name, one in own.items()}
        assert (line.get_color(), line.get_marker()) == FAMILIES[model.rstrip("18")]
    heights = [y for line in lines_of(panel).values() for _, y in line.get_xydata()]
    assert len(set(heights)) == len(heights)  # no marker on another of its line
    bars = sorted((left, right) for (left, _), (right, _) in bars_of(panel))
    assert bars == [pytest.approx(ends) for ends in sorted((one["R_low"], one["R_high"]) for one in table)]


def test_cutoffs_are_told_apart_where_there_are_several():
    rows = [row(cutoff=c, temperature=1 / c) for c in (3.0, 5.0)] + [row(transform="scale", **AFFINE)]
    (panel,) = transformations_figure(rows).figure.axes
    names = [label.get_text() for label in panel.get_yticklabels()]
    assert names == ["diffeomorphism, $c$ = 3", "diffeomorphism, $c$ = 5", "change of scale"]


def test_no_text_covers_another_and_all_lie_inside(drawn):
    for name, one in drawn.items():
        figure = one.figure
        figure.draw_without_rendering()
        texts = [text for panel in figure.axes for text in (panel.title, panel.xaxis.label, panel.yaxis.label)]
        texts += [label for panel in figure.axes for label in (*panel.get_xticklabels(), *panel.get_yticklabels())]
        texts += [text for legend in figure.legends for text in legend.get_texts()]
        boxes = [text.get_window_extent() for text in texts if text.get_visible() and text.get_text()]
        boxes = [box for box in boxes if box.width > 0]
        for k, box in enumerate(boxes):
            assert figure.bbox.padded(1).contains(*box.min), name
            assert figure.bbox.padded(1).contains(*box.max), name
            assert not any(box.overlaps(other) for other in boxes[:k]), name


def test_many_networks_stand_in_several_rows_of_panels():
    rows = with_layers([row(f"net{k}") for k in range(6)])
    figure = depth_figure(rows).figure
    assert len(figure.axes) == 6
    labelled = [bool(panel.get_xlabel()) for panel in figure.axes]
    assert labelled == [False, False, False, True, True, True]
    assert [bool(panel.get_ylabel()) for panel in figure.axes] == [True, False, False, True, False, False]
