"""Fig. 12: networks trained with several augmentations, grouped by them."""

import csv
import io
import math

import fig12_augmentation
import pytest
from click.testing import CliRunner
from measured_rows import row

from diffstab import Store
from diffstab.figures.augmentation import augmentation_figure, augmentation_of
from diffstab.store import Entry

AUGMENTATIONS = {
    "none": {"translate": 0},
    "translation\n4 px": {"translate": 4},
    "diffeo\nT = 0.01, c = 1": {"translate": 0, "diffeo_temperature": 0.01, "diffeo_cutoff": 1.0},
}
LEVEL = {"none": 1.0, "translation\n4 px": 0.5, "diffeo\nT = 0.01, c = 1": 0.1}
SHORTER = {"job": "x", "model": "lenet", "seed": 1, "epochs": 5, "translate": 0}
FACTORS = (1.0, 2.0, 8.0)  # of R, by seed


def trained(name, seed, cutoff, model="lenet", **more):
    training = {"job": f"{name} {seed}", "model": model, "seed": seed, "epochs": 20, **AUGMENTATIONS[name]}
    numbers = {"R": LEVEL[name] * cutoff * FACTORS[seed], "error": 0.01 * (seed + 1) * LEVEL[name]}
    weights = {"weights_sha256": f"{name} {seed}", "temperature": 0.01 / cutoff}
    return row(model, seed, **numbers, cutoff=cutoff, training=training, **weights, **more)


def swept():
    return [trained(name, seed, c) for c in (10.0, 3.0) for seed in range(3) for name in reversed(AUGMENTATIONS)]


def test_table_is_the_log_average_of_the_seeds():
    drawn = augmentation_figure(swept())
    assert [(line["augmentation"], line["cutoff"]) for line in drawn.table] == [
        (name, c) for name in sorted(AUGMENTATIONS, key=lambda name: name) for c in (3.0, 10.0)
    ]
    for line in drawn.table:
        level = LEVEL[line["augmentation"]]
        assert line["model"] == "lenet"
        assert line["seeds"] == 3
        assert line["R"] == pytest.approx(level * line["cutoff"] * 16 ** (1 / 3))
        assert line["R_log_sd"] == pytest.approx(math.log(2) * math.sqrt((16 / 9 + 1 / 9 + 25 / 9) / 2))
        assert line["error"] == pytest.approx(0.01 * 6 ** (1 / 3) * level)
    assert drawn.setting["delta"] == 1.0
    assert "cutoff" not in drawn.setting


def test_groups_stand_in_order_and_points_at_their_values():
    drawn = augmentation_figure(swept())
    panel = drawn.figure.axes[0]
    labels = [label.get_text() for label in panel.get_xticklabels()]
    assert [label.rpartition("\n")[0] for label in labels] == list(AUGMENTATIONS)
    assert labels[1].endswith("0.91 %")
    points = {line.get_gid(): line.get_xydata()[0] for line in panel.lines if line.get_gid() not in (None, "unit")}
    for line in drawn.table:
        x, y = points[f"{line['augmentation']} {line['cutoff']:g}"]
        assert round(x) == list(AUGMENTATIONS).index(line["augmentation"])
        assert (x > round(x)) == (line["cutoff"] == 10)
        assert y == pytest.approx(line["R"])
    keys = [text.get_text() for text in drawn.figure.legends[0].get_texts()]
    assert keys == ["$c$ = 3", "$c$ = 10"]


def test_names_of_augmentations():
    assert augmentation_of({}) == "none"
    both = {"translate": 2, "flip": True, "diffeo_temperature": 1e-3, "diffeo_cutoff": 3}
    assert augmentation_of(both) == "translation\n2 px + flip + diffeo\nT = 0.001, c = 3"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no network that a sweep trained is among 0 of 0 rows"),
        ([row(weights="init")], "no network that a sweep trained is among 1 of 1 rows"),
        ([*swept(), trained("none", 0, 3.0, model="resnet18")], "rows are of 2 networks, lenet, resnet18; choose one"),
        ([*swept(), trained("none", 0, 3.0, delta=2.0)], "several settings: delta is 1 and 2"),
        (
            [trained("none", 0, 3.0), trained("none", 1, 3.0) | {"training": SHORTER}],
            "'none' was trained in several ways: training.epochs is 20 and 5",
        ),
    ],
)
def test_what_cannot_stand_in_one_figure_is_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        augmentation_figure(rows)


def test_the_script_writes_the_figure(tmp_path):
    store = Store(tmp_path / "store", create=True)
    for one in swept():
        store.add(Entry(one))
    store.close()
    output = tmp_path / "fig12.png"
    answer = CliRunner().invoke(fig12_augmentation.main, [str(tmp_path / "store"), "-o", str(output)])
    assert answer.exit_code == 0, answer.output
    assert {path.name for path in tmp_path.iterdir()} == {"store", "fig12.png", "fig12.pdf", "fig12.csv"}
    lines = list(csv.DictReader(io.StringIO((tmp_path / "fig12.csv").read_text(), newline="")))
    assert [float(line["R"]) for line in lines] == [line["R"] for line in augmentation_figure(swept()).table]
