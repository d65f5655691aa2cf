"""The figure of test error against stability holds its points, and every text can be read."""

import numpy as np
import pytest
from matplotlib import rcParams
from matplotlib.colors import to_hex
from matplotlib.text import Annotation
from support.measured_rows import row

from diffstab.figures.drawing.style import house_style
from diffstab.figures.paper.error_vs_stability import error_vs_stability
from diffstab.figures.points.networks import gather
from diffstab.figures.points.relation import QUANTITIES, relate

pytestmark = pytest.mark.slow


def test_the_artists_hold_the_data(gathered, drawn):
    figure, _ = drawn
    for panel, quantity in zip(figure.axes, QUANTITIES, strict=False):
        marks = {mark.get_gid(): mark.get_offsets().tolist() for mark in panel.collections if mark.get_gid()}
        for network in gathered.points:
            assert marks.pop(network.model) == [[network[quantity].value, network["error"].value]]
        fresh = {f"{n.model} init": [[n["R_init"].value, n["error"].value]] for n in gathered.points}
        assert marks == (fresh if quantity == "R" else {})
        assert (panel.get_xscale(), panel.get_yscale()) == ("log", "log")
        bars = [
            bar.tolist() for bars in panel.collections if hasattr(bars, "get_segments") for bar in bars.get_segments()
        ]
        assert len(bars) == 2 * len(gathered.points)
        one, R_like = gathered.points[0], gathered.points[0][quantity]
        assert any(
            np.allclose(bar, [[R_like.low, one["error"].value], [R_like.high, one["error"].value]]) for bar in bars
        )


def test_lines_and_titles_tell_the_relation(gathered, drawn):
    figure, _ = drawn
    relation = relate(gathered.points)
    lines = {line.get_gid(): line.get_xydata() for line in figure.axes[0].lines}
    for name, law in (("fit", relation.law), ("root", relation.root_law)):
        R, error = lines[name].T
        assert error == pytest.approx(law.factor.value * R**law.exponent.value)
    for panel, found in zip(figure.axes, relation.correlations.values(), strict=False):
        assert f"{found.value:.2f}".replace("-", "\N{MINUS SIGN}") in panel.get_title()


def test_colour_and_marker_tell_the_family_in_every_panel(drawn):
    figure, _ = drawn
    for panel in figure.axes:
        marks = {mark.get_gid(): mark for mark in panel.collections if mark.get_gid()}
        looks = {name: (to_hex(mark.get_facecolor()[0]), len(mark.get_paths()[0])) for name, mark in marks.items()}
        families = [("fc_l2", "fc_l6"), ("vgg11", "vgg19"), ("vgg11_bn", "vgg19_bn"), ("resnet18", "resnet50")]
        assert all(looks[one] == looks[other] for one, other in families)
        assert len({looks[one] for one, _ in families}) == len(families)


def labels_of(panel):
    return [text for text in panel.texts if isinstance(text, Annotation)]


def test_names_stand_in_the_panel_of_r_or_in_all_others(gathered, drawn):
    assert [len(labels_of(panel)) for panel in drawn[0].axes] == [len(gathered.points), 0, 0]
    parts, _ = error_vs_stability(gathered.points, relate(gathered.points), quantities=("D", "1/G"))
    assert [len(labels_of(panel)) for panel in parts.axes] == [len(gathered.points)] * 2


def test_the_panel_of_r_has_the_whole_width(gathered, drawn):
    """R alone is as large; the other two have no laws."""
    networks = gathered.points
    alone, notes = error_vs_stability(networks, relate(networks), quantities=("R",))
    assert not notes
    assert "lower is more stable" in alone.axes[0].get_xlabel()
    for figure in (drawn[0], alone):
        with house_style():
            figure.draw_without_rendering()
    R, D, G = (panel.get_position() for panel in drawn[0].axes)
    assert R.width > 1.9 * max(D.width, G.width)
    assert R.y0 > D.y1
    assert D.y0 == G.y0
    assert drawn[0].axes[1].get_ylim() == drawn[0].axes[0].get_ylim()
    height = drawn[0].get_size_inches()[1] * R.height
    assert alone.get_size_inches()[1] * alone.axes[0].get_position().height > 0.8 * height
    parts, _ = error_vs_stability(networks, relate(networks), quantities=("D", "1/G"))
    assert [panel.get_xlabel().partition(" ")[0] for panel in parts.axes] == ["$D_f$", "$1/G_f$"]
    assert not [line for panel in parts.axes for line in panel.lines if line.get_gid() in ("fit", "root")]


def test_networks_of_no_known_family_are_grey_and_have_no_key():
    networks = gather([row(f"net{k}", R=0.1 * 2**k, error=0.01 * 1.5**k, G=0.01 + 0.001 * k) for k in range(4)]).points
    figure, notes = error_vs_stability(networks, relate(networks))
    (legend,) = figure.legends
    assert [text.get_text()[:5] for text in legend.get_texts()] == ["error", "error"]
    assert not notes
    colours = {tuple(mark.get_facecolor()[0]) for mark in figure.axes[0].collections if mark.get_gid()}
    (red, green, blue, _) = colours.pop()
    assert not colours
    assert red == green == blue


def test_the_users_own_settings_neither_change_nor_matter(gathered):
    rcParams["font.size"] = 33.0
    try:
        figure, _ = error_vs_stability(gathered.points, relate(gathered.points))
        assert figure.axes[0].get_title() != ""
        assert figure.axes[0].title.get_fontsize() < 10
        assert rcParams["font.size"] == 33.0
    finally:
        rcParams["font.size"] = 10.0


def test_a_long_legend_stays_inside(gathered, drawn):
    figure, _ = drawn
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert len(legend.get_texts()) == 10  # seven families, R at initialisation, two laws
    assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
    assert figure.bbox.y0 <= box.y0 < box.y1 < figure.axes[1].get_tightbbox().y0


def test_many_networks_go_without_names():
    networks = gather(
        [row(f"net{k}", R=0.1 * 1.05**k, error=0.01 * 1.02**k, G=0.01 * 1.01**k) for k in range(50)]
    ).points
    figure, (note,) = error_vs_stability(networks, relate(networks))
    assert "50 networks are too many to write their names" in note
    assert not any(labels_of(panel) for panel in figure.axes)


def test_error_bars_that_are_open_stay_in_the_picture():
    networks = gather(
        [row("a", error=0.0), row("b", error=0.02, R=2.0, G=0.02), row("c", error=0.05, R=3.0, G=0.03)]
    ).points
    figure, _ = error_vs_stability(networks, relate(networks))
    low, high = figure.axes[0].get_ylim()
    assert 0.0002 < low < 0.001
    assert 0.06 < high < 0.2
