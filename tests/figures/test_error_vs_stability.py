"""The figure of test error against stability holds its points, and every text can be read."""

import itertools

import numpy as np
import pytest
from matplotlib import rcParams
from matplotlib.collections import LineCollection
from matplotlib.text import Annotation, Text
from support.measured_rows import row
from support.papers_rows import Traits

from diffstab.figures.drawing.style import house_style
from diffstab.figures.paper.error_vs_stability import error_vs_stability
from diffstab.figures.points.networks import gather
from diffstab.figures.points.relation import QUANTITIES, quantity_of, relate

pytestmark = pytest.mark.slow


def test_the_artists_hold_the_data(gathered, drawn):
    figure, _ = drawn
    for panel, quantity in zip(figure.axes, QUANTITIES, strict=False):
        marks = {mark.get_gid(): mark.get_offsets().tolist() for mark in panel.collections if mark.get_gid()}
        for network in gathered.networks:
            assert marks.pop(network.name) == [[quantity_of(network, quantity).value, network.error.value]]
        fresh = {f"{n.name} init": [[n.R_init.value, n.error.value]] for n in gathered.networks}
        assert marks == (fresh if quantity == "R" else {})
        assert (panel.get_xscale(), panel.get_yscale()) == ("log", "log")
        bars = [
            bar.tolist() for bars in panel.collections if hasattr(bars, "get_segments") for bar in bars.get_segments()
        ]
        assert len(bars) == 2 * len(gathered.networks)
        one, R_like = gathered.networks[0], quantity_of(gathered.networks[0], quantity)
        assert any(np.allclose(bar, [[R_like.low, one.error.value], [R_like.high, one.error.value]]) for bar in bars)


def test_lines_and_titles_tell_the_relation(gathered, drawn):
    figure, _ = drawn
    relation = relate(gathered.networks)
    lines = {line.get_gid(): line.get_xydata() for line in figure.axes[0].lines}
    for name, law in (("fit", relation.law), ("root", relation.root_law)):
        R, error = lines[name].T
        assert error == pytest.approx(law.factor.value * R**law.exponent.value)
    for panel, found in zip(figure.axes, relation.correlations.values(), strict=False):
        assert f"{found.value:.2f}".replace("-", "\N{MINUS SIGN}") in panel.get_title()


def test_shapes_and_colours_tell_the_architecture(gathered, drawn):
    figure, _ = drawn
    marks = {mark.get_gid(): mark for mark in figure.axes[0].collections if mark.get_gid()}
    corners = {name: len(marks[name].get_paths()[0]) for name in ("lenet", "vgg16", "vgg16_bn", "resnet18")}
    assert corners["lenet"] == corners["vgg16"]
    assert len({corners["lenet"], corners["resnet18"]}) == 2
    light = [marks[name].get_facecolor()[0][:3].sum() for name in ("fc_l2", "lenet", "vgg16", "resnet50")]
    assert light == sorted(light)  # the deeper, the lighter
    assert figure.axes[-1].get_ylabel() == "depth (layers)"


def labels_of(panel):
    return [text for text in panel.texts if isinstance(text, Annotation)]


def test_names_lie_inside_and_cover_no_point_and_no_other(gathered, drawn):
    figure, notes = drawn
    with house_style():
        figure.draw_without_rendering()
        for panel in figure.axes[:3]:
            labels = labels_of(panel)
            missing = [note for note in notes if note.endswith(f"panel of {QUANTITIES[figure.axes.index(panel)]}")]
            assert len(labels) + len(missing) == len(gathered.networks)
            assert len(missing) <= 1
            # with their text alone: an annotation's own extent has the line to its point in it
            boxes = [super(Annotation, label).get_window_extent() for label in labels]
            for box in boxes:
                assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
                assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1
            for one, other in itertools.combinations(boxes, 2):
                assert not one.padded(-1).overlaps(other.padded(-1))  # a pixel of 300 an inch
            for mark in panel.collections:
                if mark.get_gid():
                    ((x, y),) = panel.transData.transform(mark.get_offsets())
                    assert not any(box.contains(x, y) for box in boxes)


def test_a_panel_alone_is_large_and_no_name_lies_on_an_error_bar(gathered):
    """R alone, and the other two, of which only the panel of R has laws."""
    networks = gathered.networks
    figure, notes = error_vs_stability(networks, relate(networks), quantities=("R",))
    with house_style():
        figure.draw_without_rendering()
    panel = figure.axes[0]
    assert not notes
    assert "lower is more stable" in panel.get_xlabel()
    bars = [bar for part in panel.collections if isinstance(part, LineCollection) for bar in part.get_segments()]
    assert len(bars) == 2 * len(networks)
    boxes = [Text.get_window_extent(text) for text in panel.texts]  # without the line to its point
    for bar in bars:
        (left, bottom), (right, top) = np.sort(panel.transData.transform(bar), axis=0)
        assert not [box for box in boxes if box.x0 < right and left < box.x1 and box.y0 < top and bottom < box.y1]
    parts, _ = error_vs_stability(networks, relate(networks), quantities=("D", "1/G"))
    assert [panel.get_xlabel().rpartition(" ")[2] for panel in parts.axes[:2]] == ["$D_f$", "$1/G_f$"]
    assert not [line for panel in parts.axes[:2] for line in panel.lines if line.get_gid() in ("fit", "root")]
    assert figure.get_size_inches()[1] > parts.get_size_inches()[1]


def test_networks_of_unknown_kind_are_grey_and_have_no_colour_bar():
    networks = gather(
        [row(f"net{k}", R=0.1 * 2**k, error=0.01 * 1.5**k, G=0.01 + 0.001 * k) for k in range(4)]
    ).networks
    figure, notes = error_vs_stability(networks, relate(networks))
    assert len(figure.axes) == 3
    assert not notes
    colours = {tuple(mark.get_facecolor()[0]) for mark in figure.axes[0].collections if mark.get_gid()}
    (red, green, blue, _) = colours.pop()
    assert not colours
    assert red == green == blue


def test_the_users_own_settings_neither_change_nor_matter(gathered):
    rcParams["font.size"] = 33.0
    try:
        figure, _ = error_vs_stability(gathered.networks, relate(gathered.networks))
        assert figure.axes[0].get_title() != ""
        assert figure.axes[0].title.get_fontsize() < 10
        assert rcParams["font.size"] == 33.0
    finally:
        rcParams["font.size"] = 10.0


def test_a_long_legend_stays_inside():
    kinds = [Traits(4, False, False), Traits(9, True, False), Traits(12, False, True), Traits(18, True, True), None]
    rows = [row(f"net{k}", R=0.1 * 2**k, error=0.01 * 1.5**k, G=0.01 + 0.001 * k**2) for k in range(5)]
    rows += [row(f"net{k}", weights="init") for k in range(5)]
    networks = gather(rows, traits=lambda name: kinds[int(name[3:])]).networks
    figure, _ = error_vs_stability(networks, relate(networks), show_init=True)
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert len(legend.get_texts()) == 8
    assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
    assert figure.bbox.y0 <= box.y0 < box.y1 < figure.axes[0].get_tightbbox().y0


def test_every_text_can_be_read(drawn):
    figure, _ = drawn
    texts = [text for panel in figure.axes for text in (*panel.texts, *panel.get_xticklabels(), panel.title)]
    assert min(text.get_fontsize() for text in [*texts, *figure.legends[0].get_texts()]) >= 6.5
    assert tuple(figure.get_size_inches()) == (7.0, 2.8)


def test_many_networks_go_without_names():
    networks = gather(
        [row(f"net{k}", R=0.1 * 1.05**k, error=0.01 * 1.02**k, G=0.01 * 1.01**k) for k in range(50)]
    ).networks
    figure, (note,) = error_vs_stability(networks, relate(networks))
    assert "50 networks are too many to write their names" in note
    assert not any(labels_of(panel) for panel in figure.axes)


def test_error_bars_that_are_open_stay_in_the_picture():
    networks = gather(
        [row("a", error=0.0), row("b", error=0.02, R=2.0, G=0.02), row("c", error=0.05, R=3.0, G=0.03)]
    ).networks
    figure, _ = error_vs_stability(networks, relate(networks))
    low, high = figure.axes[0].get_ylim()
    assert 0.0002 < low < 0.001
    assert 0.06 < high < 0.2
