"""Fig. 12: a network trained with several augmentations, grouped by them; test_figures_profiles has the rest."""

import math
from collections import Counter

import fig12_augmentation
import pytest
from support.measured_rows import AUGMENTATIONS, LEVELS, all_augmented, augmented, row

from diffstab import Store
from diffstab.figures.drawing.codes import cutoff_look
from diffstab.figures.paper.catalogue import sweep_file
from diffstab.figures.paper.groups import augmentation_figure, augmentation_of
from diffstab.figures.points.rows import read_rows
from diffstab.sweep.executors.base import InlineExecutor
from diffstab.sweep.run import run_sweep
from diffstab.sweep.spec import read_spec

pytestmark = pytest.mark.slow

CUTOFFS = (3.0, 10.0)
SWEEP = """
train:
  model: fc_l2
  recipe: laptop
  epochs: 1
  train_size: 100
  include:
    - {translate: 0}
    - {translate: 4}
    - {translate: 0, diffeo_temperature: 1e-2, diffeo_cutoff: 1, diffeo_cutoff_rule: half-integer}
measure:
  weights: train
  images: 40
  cutoff: [3, 5]
"""


def test_the_table_is_the_log_average_of_the_seeds():
    drawn = augmentation_figure(all_augmented())
    groups = [(name, c) for name in AUGMENTATIONS for c in CUTOFFS]
    assert [(line["augmentation"], line["cutoff"]) for line in drawn.table] == groups
    for line in drawn.table:
        level = LEVELS[line["augmentation"]]
        assert (line["model"], line["weights"], line["seeds"]) == ("lenet", "trained", 3)
        assert line["R"] == pytest.approx(level * line["cutoff"] * 16 ** (1 / 3))
        assert line["R_log_sd"] == pytest.approx(math.log(2) * math.sqrt((16 / 9 + 1 / 9 + 25 / 9) / 2))
        assert line["error"] == pytest.approx(0.01 * 6 ** (1 / 3) * level)
    assert drawn.setting["delta"] == 1.0
    assert not {"cutoff", "augmentation"} & set(drawn.setting)


def test_one_seed_has_its_own_interval():
    (line,) = augmentation_figure([augmented("none")]).table
    assert [line[f"R{end}"] for end in ("", "_log_sd", "_low", "_high")] == [3.0, None, 3.0 / 1.1, 3.0 * 1.1]


def test_groups_stand_in_the_papers_order_and_points_at_their_values():
    drawn = augmentation_figure(all_augmented())
    (panel,) = drawn.figure.axes
    labels = [label.get_text() for label in panel.get_xticklabels()]
    errors = [f"{100 * 0.01 * 6 ** (1 / 3) * level:.1f}" for level in LEVELS.values()]
    assert labels == [f"{name}\ntest error {error} %" for name, error in zip(AUGMENTATIONS, errors, strict=True)]
    points = {line.get_gid(): line for line in panel.lines if line.get_gid() not in (None, "unit")}
    assert len(points) == len(drawn.table) == 6
    bars = [bar for bars in panel.collections for bar in bars.get_segments()]
    for line, bar in zip(drawn.table, bars, strict=True):
        point = points[f"lenet {line['augmentation']} {line['cutoff']:g}"]
        ((x, y),) = point.get_xydata()
        assert y == line["R"]
        assert x == pytest.approx(list(AUGMENTATIONS).index(line["augmentation"]) + (-0.125, 0.125)[line["cutoff"] > 3])
        assert bar.tolist() == [pytest.approx([x, line["R_low"]]), pytest.approx([x, line["R_high"]])]
        assert (point.get_color(), point.get_marker()) == cutoff_look(line["cutoff"])
    assert panel.get_xlim() == (-0.5, 2.5)
    assert [text.get_text() for text in drawn.figure.legends[0].get_texts()] == ["$c$ = 3", "$c$ = 10"]


def test_the_axis_holds_all_points_and_the_line_at_1():
    for rows in (all_augmented(), [augmented("diffeo (T = 0.01, c = 1)")]):
        drawn = augmentation_figure(rows)
        (panel,) = drawn.figure.axes
        low, high = panel.get_ylim()
        assert panel.get_yscale() == "log"
        assert low < min(1, *(line["R_low"] for line in drawn.table))
        assert high > max(1, *(line["R_high"] for line in drawn.table))
        assert [line.get_gid() for line in panel.lines].count("unit") == 1


def test_an_augmentation_is_named_by_what_it_does():
    assert {name: augmentation_of(training) for name, training in AUGMENTATIONS.items()} == dict(
        zip(AUGMENTATIONS, AUGMENTATIONS, strict=True)
    )
    assert augmentation_of({}) == "none"
    all_three = {"translate": 2, "flip": True, "diffeo_temperature": 1e-3, "diffeo_cutoff": 3}
    assert augmentation_of(all_three) == "translation (2 px) + flip + diffeo (T = 0.001, c = 3)"


def test_rows_of_networks_that_no_sweep_trained_are_left_out():
    others = [row(weights="pretrained"), row("vgg11", weights="init"), {**row("broken"), "status": "failed"}]
    drawn = augmentation_figure([*all_augmented(), *others])
    assert drawn.table == augmentation_figure(all_augmented()).table
    assert drawn.notes == [
        "1 failed cells are left out",
        "2 rows of networks that no sweep trained are left out",
    ]


def test_augmentations_of_fewer_seeds_or_cutoffs_are_drawn():
    drawn = augmentation_figure([*all_augmented()[:-1], augmented("none", 0, 5.0)])
    assert [line["seeds"] for line in drawn.table] == [2, 1, 3, 3, 3, 3, 3]
    assert drawn.notes == ["the points of lenet have 1 to 3 seeds"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no network that a sweep trained is among 0 of 0 rows"),
        ([row(weights="init")], "no network that a sweep trained is among 1 of 1 rows"),
        ([augmented("none"), augmented("none", model="vgg11")], "of 2 networks, lenet, vgg11; choose .* model=lenet"),
        ([augmented("none"), augmented("none", transform="scale", cutoff_rule=None)], "transform is diffeo and scale"),
    ],
)
def test_what_can_not_stand_in_one_figure_is_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        augmentation_figure(rows)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"epochs": 5}, "'lenet, none' was trained in several ways: training.epochs is 20 and 5; .*training.epochs=20"),
        ({"diffeo_cutoff_rule": "half-integer"}, "training.diffeo_cutoff_rule is disk and half-integer"),
    ],
)
def test_the_seeds_of_an_augmentation_are_trained_alike(changed, message):
    other = augmented("none", 1)
    other["training"] |= changed
    with pytest.raises(ValueError, match=message):
        augmentation_figure([augmented("none"), other])
    apart = [augmented("none"), augmented("translation (4 px)", 1)]
    apart[1]["training"] |= changed  # a group of its own
    assert len(augmentation_figure(apart).table) == 2


def test_the_filter_that_a_message_names_works():
    rows = all_augmented()
    rows[0]["R"]["value"] = 0.0
    with pytest.raises(ValueError, match=r"R of 'lenet' is 0, .* the filter model!=lenet \(--where\)"):
        augmentation_figure(rows)
    with pytest.raises(ValueError, match="no network that a sweep trained is among 0 of 18 rows"):
        augmentation_figure(rows, ["model!=lenet"])


def test_the_file_of_the_sweep_has_five_seeds_of_the_papers_augmentations():
    jobs = read_spec(sweep_file("augmentation", "laptop")).jobs
    trained = Counter(augmentation_of(job.options.to_dict()) for job in jobs if job.kind == "train")
    assert trained == dict.fromkeys(AUGMENTATIONS, 5)
    probed = Counter((job.trained_by.id, job.options.cutoff) for job in jobs if job.kind == "measure")
    assert set(probed.values()) == {1}
    assert {cutoff for _, cutoff in probed} == {3, 5, 10, 15}
    assert len(probed) == 60


def test_a_sweep_is_drawn(cli, tmp_path):
    """Trained, measured, drawn; the rows know how they were trained."""
    path = tmp_path / "sweep.yaml"
    path.write_text(SWEEP)
    store = Store(tmp_path / "store", create=True)
    assert run_sweep(read_spec(path).jobs, store, InlineExecutor()).done == 9
    store.close()
    arguments = ["--preset", "own", "--store", str(tmp_path / "store"), "-o", str(tmp_path / "f")]
    answer = cli(*arguments, command=fig12_augmentation.main)
    assert answer.exit_code == 0, answer.output
    assert answer.stdout == "fig12-augmentation: 1 network; 6 points; 40 images of mnist5k/test; delta = 1; median\n"
    rows = read_rows(tmp_path / "store")[0]
    table = augmentation_figure(rows).table
    assert [(line["augmentation"], line["cutoff"]) for line in table] == [
        (name, c) for name in AUGMENTATIONS for c in (3.0, 5.0)
    ]
    measured = [one for one in Store(tmp_path / "store").rows() if one["kind"] == "measure"]
    values = {(augmentation_of(one["training"]), one["cutoff"]): one["R"]["value"] for one in measured}
    assert {(line["augmentation"], line["cutoff"]): line["R"] for line in table} == values
