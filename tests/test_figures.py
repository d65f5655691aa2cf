"""The figure of test error against stability: points from rows, names that can be read, files, one-line errors."""

import csv
import io
import itertools
import json
import math
from typing import NamedTuple

import numpy as np
import plot_error_vs_rf
import pytest
from click.testing import CliRunner
from matplotlib import rcParams
from matplotlib.text import Annotation
from measured_rows import row
from PIL import Image

from diffstab import Store
from diffstab.figures.drawing.axes import log_ticks, span_of
from diffstab.figures.drawing.label_places import place_labels
from diffstab.figures.drawing.style import house_style, write_figure
from diffstab.figures.paper.error_vs_stability import error_vs_stability
from diffstab.figures.points.networks import gather
from diffstab.figures.points.relation import QUANTITIES, networks_csv, paper_values, quantity_of, relate
from diffstab.figures.points.rows import nested, read_rows, typed
from diffstab.figures.points.spread import Spread
from diffstab.store.entry import Entry
from diffstab.store.export import exported
from diffstab.store.table import flat, select


class Traits(NamedTuple):
    depth: int
    batch_norm: bool
    skip: bool


TRAITS = {
    **{f"fc_l{n}": Traits(n, False, False) for n in (2, 4, 6)},
    "lenet": Traits(5, False, False),
    "alexnet": Traits(8, False, False),
    **{f"vgg{n}": Traits(n, False, False) for n in (11, 16, 19)},
    **{f"vgg{n}_bn": Traits(n, True, False) for n in (11, 16, 19)},
    **{f"resnet{n}": Traits(n, True, True) for n in (18, 34, 50)},
    "efficientnet_b0": Traits(18, True, True),
    "vit_tiny": Traits(14, False, True),
}
# R of networks as in Fig. 5
R_OF = dict(
    zip(TRAITS, (3.2, 4, 3.6, 1.4, 0.9, 0.3, 0.2, 0.21, 0.22, 0.12, 0.13, 0.1, 0.085, 0.09, 0.06), strict=False)
)


def rows_like_the_papers(seeds=3, init=False):
    rng = np.random.default_rng(5)
    found = []
    for name, R in R_OF.items():
        G, error = 0.006 * R**-0.3 * math.exp(0.3 * rng.normal()), 0.03 * R**0.38 * math.exp(0.1 * rng.normal())
        for seed in range(seeds):
            a, b, c = np.exp(0.1 * rng.normal(size=3))
            found.append(row(name, seed, R=R * a, G=G * b, error=error * c))
            if init:
                found.append(row(name, seed, R=a, G=0.4, error=0.9, weights="init"))
    return found


@pytest.fixture(scope="module")
def gathered():
    return gather(rows_like_the_papers(init=True), traits=TRAITS.get)


@pytest.fixture(scope="module")
def drawn(gathered):
    return error_vs_stability(gathered.networks, relate(gathered.networks), show_init=True)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store", create=True)
    for one in rows_like_the_papers():
        store.add(Entry(one))
    failed = {**row("broken"), "status": "failed", "error": {"type": "ValueError", "message": "it\ncan't, or won't"}}
    store.add(Entry(failed))
    store.close()
    return store


def run(*arguments):
    return CliRunner().invoke(plot_error_vs_rf.main, [str(argument) for argument in arguments])


# points from rows


def test_a_point_is_the_log_average_over_seeds():
    Rs, errors = (0.1, 0.2, 0.8), (0.01, 0.02, 0.03)
    rows = [row(seed=k, R=R, error=error) for k, (R, error) in enumerate(zip(Rs, errors, strict=True))]
    (network,) = gather(rows).networks
    assert network.seeds == 3
    for spread, values in ((network.R, Rs), (network.error, errors)):
        logs = [math.log(value) for value in values]
        mean = sum(logs) / 3
        sd = math.sqrt(sum((one - mean) ** 2 for one in logs) / 2)
        assert spread == pytest.approx((math.exp(mean), sd, math.exp(mean - sd), math.exp(mean + sd)))


def test_one_seed_has_its_own_interval():
    (network,) = gather([row(R=0.3, error=0.02)]).networks
    assert network.R == (0.3, None, 0.3 / 1.1, 0.3 * 1.1)
    assert network.error == (0.02, None, 0.012, 0.03)
    assert network.R.inverse() == (1 / 0.3, None, 1 / (0.3 * 1.1), 1.1 / 0.3)


def test_measurements_of_the_same_weights_are_one_seed():
    """With other images and fields, R 0.1 and 0.4 of one training are 0.2; the other training has 0.8."""
    shared = {"weights_sha256": "one"}
    rows = [row(R=0.1, seed=0, **shared), {**row(R=0.4, seed=0, **shared), "key": "other"}, row(R=0.8, seed=1)]
    (network,) = gather(rows).networks
    assert network.seeds == 2
    assert network.R.value == pytest.approx(0.4)
    assert network.R.log_sd == pytest.approx(math.log(4) / math.sqrt(2))
    (alone,) = gather(rows[:2]).networks
    assert tuple(alone.R) == pytest.approx((0.2, None, 0.2 / 1.1, 0.2 * 1.1))


def test_no_error_is_half_an_image_and_said():
    found = gather([row(error=0.0, seed=0), row(error=0.0, seed=1), row(error=0.016, seed=2)])
    assert found.notes == ["lenet has no error among 500 images; half an image is taken, 0.001"]
    assert found.networks[0].error.value == pytest.approx((0.001**2 * 0.016) ** (1 / 3))
    alone = gather([row(error=0.0)]).networks[0].error
    assert (alone.value, alone.low) == (0.001, 0.0)


def test_only_trained_networks_count_and_fresh_ones_give_their_r():
    rows = [row(R=0.5), row(R=1.1, weights="init"), row("vgg11", weights="init"), {**row("x"), "status": "failed"}]
    rows += [{"kind": "train", "status": "done", "model": "lenet", "test_error": {"value": 0.5}}]
    rows += [row(R=9.0, weights="init", cutoff=10.0)]  # another setting's
    found = gather(rows)
    (network,) = found.networks
    assert (network.name, network.R.value, network.R_init.value) == ("lenet", 0.5, 1.1)
    assert found.notes == ["1 failed cells are left out"]
    assert found.setting["cutoff"] == 3.0


def test_networks_have_their_traits_and_short_names():
    rows = [row("vgg11_bn-w0.25"), row("paper:lenet"), row("resnet18-w0.5"), row("resnet18-w1")]
    asked = []
    traits = {"vgg11_bn-w0.25": Traits(11, True, False)}
    found = gather(rows, traits=lambda name: asked.append(name) or traits.get(name)).networks
    by_name = {network.name: network for network in found}
    assert set(asked) == set(by_name)
    assert {network.label for network in found} == {"vgg11_bn", "lenet", "resnet18-w0.5", "resnet18-w1"}
    assert [by_name["vgg11_bn-w0.25"].depth, by_name["vgg11_bn-w0.25"].batch_norm] == [11, True]
    assert by_name["paper:lenet"].depth is None


@pytest.mark.parametrize(
    ("others", "message"),
    [
        (
            {"cutoff": 5.0},
            r"several settings: cutoff is 3 and 5; choose one with a filter such as cutoff=3 \(--where\)",
        ),
        ({"delta": 2.0, "temperature": 0.004}, r"temperature is 0.001 and 0.004; delta is 1 and 2; .* such as delta=1"),
        ({"average": "mean"}, "average is median and mean"),
        ({"dataset": "photos"}, "dataset is mnist5k and photos"),
        ({"images": 200}, "images is 500 and 200"),
        (
            {"training": {"job": "j", "seed": 4, "epochs": 30}},
            "'lenet' was trained in several ways: .*epochs is 20 and",
        ),
        ({"weights": "a/b.pt", "training": {}}, "weights is train and a checkpoint; .* such as weights=train"),
        ({"weights": "pretrained", "training": {}}, "weights is train and pretrained"),
        ({"test_error": None}, "'lenet' on mnist5k has no test_error; leave it out with the filter model!=lenet"),
        ({"R": 0.0}, "D of 'lenet' is 0, which has no logarithm"),
    ],
)
def test_rows_that_make_no_point_are_refused(others, message):
    with pytest.raises(ValueError, match=message):
        gather([row(seed=0), row(seed=1, **others)])


def test_all_networks_are_trained_for_one_task_each_in_its_own_way():
    def trained(**more):
        return {"training": {"job": "j", "seed": 0, "dataset": "mnist5k", **more}}

    alike = [row("a", **trained(lr=0.1)), row("b", **trained(lr=0.01, label_noise=0.0)), row("c", weights="pretrained")]
    assert len(gather(alike).networks) == 3
    for more, message in (({"train_size": 500}, "train_size is none and 500"), ({"label_noise": 0.2}, "none and 0.2")):
        with pytest.raises(ValueError, match=message):
            gather([*alike, row("d", **trained(**more))])


def test_networks_without_batch_norm_stand_beside_those_with_it():
    rows = [row("lenet", batch_norm="none"), row("resnet18"), row("lenet", weights="init", batch_norm="none")]
    assert [network.name for network in gather(rows, traits=TRAITS.get).networks] == ["lenet", "resnet18"]
    with pytest.raises(ValueError, match="batch_norm is running and batch"):
        gather([*rows, row("vgg11_bn", batch_norm="batch")], traits=TRAITS.get)


def test_a_filter_chooses_a_setting():
    rows = [row(R=0.5), row(R=0.7, cutoff=5.0)]
    assert gather(rows, ["cutoff=5"]).networks[0].R.value == 0.7
    with pytest.raises(ValueError, match="no measurement of a trained network is among 0 of 2 rows"):
        gather(rows, ["cutoff=7"])
    with pytest.raises(ValueError, match="no row has a column 'cutof'; did you mean 'cutoff'"):
        gather(rows, ["cutof=7"])


def test_what_adaptive_effort_took_is_no_setting():
    asked = {"images": 500, "until_precision": 0.05}
    assert len(gather([row("a", images=500, asked=asked), row("b", images=900, asked=asked)]).networks) == 2


# relations


def test_the_relation_is_that_of_the_points(gathered):
    error = [math.log(network.error.value) for network in gathered.networks]
    found = relate(gathered.networks)
    for quantity, power in (("R", 1), ("D", 1), ("1/G", -1)):
        values = [power * math.log(getattr(network, quantity[-1]).value) for network in gathered.networks]
        assert found.correlations[quantity].value == pytest.approx(np.corrcoef(values, error)[0, 1])
    assert found.root_law.exponent.value == 0.5


def test_the_papers_values_have_one_sign():
    assert paper_values("Tiny-ImageNet") == ("tinyimagenet", {"R": 0.74, "D": 0.69, "1/G": 0.66})
    assert paper_values("mnist5k") == paper_values("MNIST")
    assert paper_values("photos") is None


def test_the_table_holds_the_points(gathered):
    table = list(csv.DictReader(io.StringIO(networks_csv(gathered.networks).decode())))
    assert [line["name"] for line in table] == [network.name for network in gathered.networks]
    for line, network in zip(table, gathered.networks, strict=True):
        told = [int(line["depth"]), line["batch_norm"] == "True", line["skip"] == "True", int(line["seeds"])]
        assert told == [network.depth, network.batch_norm, network.skip, 3]
        for column, spread in (("test_error", network.error), ("R", network.R), ("R_init", network.R_init)):
            ends = tuple(float(line[f"{column}{end}"]) for end in ("", "_log_sd", "_low", "_high"))
            assert ends == spread


# the picture


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


def test_an_axis_has_ticks_at_any_span():
    for low, high in ((0.01, 0.011), (0.01, 0.02), (0.3, 4), (1e-9, 1e9), (0.97, 1.03)):
        ticks = log_ticks(low, high)
        assert 2 <= len(ticks) <= 7
        assert all(low <= tick <= high for tick in ticks)
    assert span_of([Spread(2.0, None, 2.0, 2.0)]) == pytest.approx((2 / 1.5, 3.0))


# places of names


def test_a_crowd_of_labels_is_spread_out():
    rng = np.random.default_rng(1)
    points = 100 + 15 * rng.normal(size=(9, 2))
    sizes = np.tile([30.0, 8.0], (9, 1))
    markers = np.concatenate([points - 3, points + 3], axis=1)
    frame, lines = np.array([0.0, 0.0, 200.0, 200.0]), np.zeros((0, 4))
    corners = place_labels(points, sizes, frame, markers, lines, gap=4.0)
    again = place_labels(points, sizes, frame, markers, lines, gap=4.0)
    boxes = [(*corner, *(corner + size)) for corner, size in zip(corners, sizes, strict=True)]
    assert np.array_equal(corners, again)
    for (a, b, c, d), (e, f, g, h) in itertools.combinations([*boxes, *map(tuple, markers)], 2):
        if (a, b, c, d) in boxes:
            assert min(c, g) <= max(a, e) + 1e-9 or min(d, h) <= max(b, f) + 1e-9


def test_a_label_without_room_is_left_out():
    points, sizes = np.array([[10.0, 10.0], [12.0, 10.0]]), np.array([[14.0, 6.0], [14.0, 6.0]])
    markers = np.concatenate([points - 3, points + 3], axis=1)
    none = np.zeros((0, 4))
    assert place_labels(points, sizes, np.array([2.0, 4.0, 20.0, 16.0]), markers, none, gap=4.0) == [None, None]
    one = place_labels(points, sizes, np.array([2.0, 4.0, 20.0, 21.0]), markers, none, gap=4.0)
    assert sum(place is None for place in one) == 1


# stores and CSV files


def test_a_csv_export_gives_the_rows_back(store, tmp_path):
    rows = store.rows()
    path = tmp_path / "rows.csv"
    path.write_bytes(exported(rows, "csv"))
    again, notes = read_rows(path)
    assert notes == []
    assert [flat(one) for one in again] == [
        {name: value for name, value in flat(one).items() if value is not None} for one in rows
    ]
    assert len(select(again, ["R.value<0.2", "seed=0"])) == len(select(rows, ["R.value<0.2", "seed=0"]))


def test_cells_keep_every_digit_and_kind():
    for value in (0.1, 1e-300, 12345678901234567890, -3, 1.0, True, "resnet18", "1.2.3", "nan"):
        again = typed(str(value))
        assert (again, type(again)) == (value, type(value))
    assert typed("") is None
    assert nested(flat(row())) == row()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "can't be read .No such file or directory.; a store's folder or its CSV file"),
        ("a,b\n1,2\n", "lacks the column 'model'"),
        ("", "lacks the column 'model'"),
        (b"\xff\xfe", "can't be read"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    path = tmp_path / "f.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message):
        read_rows(path)


def test_a_cut_csv_file_is_refused(store, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(exported(store.rows()[:3], "csv")[:-300])
    with pytest.raises(ValueError, match=r"row 4: it has not \d+ columns as the first; is it cut off"):
        read_rows(path)


# files and the script


def test_a_store_and_its_csv_give_the_same_files(store, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(exported(store.rows(), "csv"))
    told = []
    for name, source in (("one", store.folder), ("two", path)):
        answer = run(source, "-o", tmp_path / f"{name}.png")
        assert answer.exit_code == 0, answer.output
        assert "note: 1 failed cells are left out" in answer.stderr
        told.append(answer.stdout)
    assert told[0] == told[1]
    for suffix in ("png", "pdf", "csv"):
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()
    assert told[0].startswith("15 networks, seeds: 3; mnist5k/test, c = 3, delta = 1 px, median\n")
    assert "paper, mnist" in told[0]
    assert sorted(one.name for one in tmp_path.iterdir() if "." in one.name) == sorted(
        ["rows.csv", *(f"{name}.{suffix}" for name in ("one", "two") for suffix in ("csv", "pdf", "png"))]
    )


def test_json_says_the_same_and_files_say_what_made_them(store, tmp_path):
    answer = run(store.folder, "-o", tmp_path / "f", "--json", "--where", "model!=fc_l6", "--average", "median")
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    networks = gather(store.rows(), ["model!=fc_l6"]).networks
    relation = relate(networks)
    assert told["networks"] == 14
    assert told["correlation"]["R"] == {**relation.correlations["R"]._asdict(), "paper": 0.75}
    assert told["fit"]["exponent"] == relation.law.exponent._asdict()
    with Image.open(tmp_path / "f.png") as picture:
        assert picture.size == (2100, 840)
        origin = json.loads(picture.info["Description"])
    assert origin["setting"]["cutoff"] == 3.0
    assert origin["filters"] == ["model!=fc_l6", "average=median"]
    assert {"git_commit", "diffstab", "setting"} <= set(origin)
    assert (tmp_path / "f.pdf").read_bytes().startswith(b"%PDF")


def test_figures_are_whole_or_not_there(drawn, tmp_path):
    with pytest.raises(ValueError, match="can't be written"):
        write_figure(drawn[0], tmp_path / "missing" / "f", title="t", origin={})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/missing", "-o", "{}/f.png"], "can't be read (No such file or directory)"),
        (["{store}"], "Missing option '-o'"),
        (["{store}", "-o", "/missing/f.png"], "can't be written"),
        (["{store}", "-o", "{}/f.png", "--where", "cutof=3"], "no row has a column 'cutof'; did you mean 'cutoff'?"),
        (["{store}", "-o", "{}/f.png", "--where", "model=lenet"], "1 networks; a correlation over networks needs"),
        (["{store}", "-o", "{}/f.png", "more"], "unexpected extra argument"),
    ],
)
def test_the_script_refuses_in_one_line(store, tmp_path, arguments, message):
    answer = run(*(one.replace("{store}", str(store.folder)).replace("{}", str(tmp_path)) for one in arguments))
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert answer.stderr.splitlines()[-1].startswith("Error: ")
    assert not list(tmp_path.glob("f.*"))


def test_without_matplotlib_the_script_says_what_to_install(store, tmp_path, monkeypatch):
    monkeypatch.setattr("diffstab.figures.paper.catalogue.find_spec", lambda name: None)
    answer = run(store.folder, "-o", tmp_path / "f.png")
    assert (answer.exit_code, answer.stderr) == (
        2,
        "Error: figures need the package matplotlib: pip install 'diffstab[plot]'\n",
    )


def test_the_script_tells_its_options():
    answer = run("--help")
    assert answer.exit_code == 0
    assert "--show-init" in answer.stdout
    assert "COMMAND" not in answer.stdout


def test_show_init_without_such_rows_is_said(store, tmp_path):
    answer = run(store.folder, "-o", tmp_path / "f.png", "--show-init")
    assert answer.exit_code == 0
    assert "note: no value at initialisation is among the rows" in answer.stderr
