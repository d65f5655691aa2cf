"""Figures refuse rows of which they can make no curve, and say what is missing."""

import pytest
from support.measured_rows import all_augmented, augmented, row
from support.profiles import AFFINE, FIGURES, at_deltas, at_norms, deep, in_shells, layers, with_layers

from diffstab.figures.paper.channels import channels_figure
from diffstab.figures.paper.curves import delta_figure, depth_figure, noise_figure, spectrum_figure, worst_figure
from diffstab.figures.paper.equivariance import equivariance_figure
from diffstab.figures.paper.groups import augmentation_figure
from diffstab.figures.paper.penalties import penalty_figure
from diffstab.figures.points.rows import read_rows
from diffstab.store.export import exported


@pytest.fixture(scope="module")
def drawn():
    return {name: draw(rows()) for name, (draw, rows, _) in FIGURES.items()}


def refused(draw, rows, message, *filters):
    with pytest.raises(ValueError, match=message):
        draw(rows, filters)


def test_depth_needs_layers():
    refused(depth_figure, [row(), row(seed=1)], r"no row has layers among 2 of 2 rows .* measure with layers: auto")
    assert depth_figure([*deep(), row("vgg11")]).notes == ["1 rows without layers are left out"]


def test_a_csv_export_has_no_layers(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(exported(deep(), "csv"))
    refused(depth_figure, read_rows(path)[0], r"give the store's folder \(a CSV export has no layers\)")


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_after_the_filters_is_said(name):
    draw, rows, _ = FIGURES[name]
    refused(
        draw,
        rows(),
        r"no (measurement|network that a sweep trained) is among 0 of \d+ rows that pass the filters",
        "model=vgg*",
    )


@pytest.mark.parametrize(
    ("name", "others", "message"),
    [
        ("depth", {"cutoff": 5.0}, r"several settings: cutoff is 3 and 5; choose one with a filter such as cutoff=3"),
        ("depth", {"transform": "scale", **AFFINE}, "transform is diffeo and scale"),
        ("delta", {"average": "mean"}, "average is median and mean"),
        ("delta", {"cutoff_rule": "y"}, "cutoff_rule is x and y"),
        ("spectrum", {"cutoff_rule": "shell", "delta": 2.0}, "delta is 1 and 2"),
        ("worst", {"cutoff": 5.0}, "cutoff is 3 and 5"),
        ("noise", {"cutoff": 5.0}, "cutoff is 3 and 5"),
        ("noise", {"images": 200}, "images is 500 and 200"),
        ("transformations", {"delta": 2.0}, "delta is 1 and 2; choose one with a filter such as delta=1"),
        ("transformations", {"cutoff_rule": "y"}, "cutoff_rule is x and y"),
        ("transformations", {"noise_norm": 3.0}, "noise_norm is none and 3"),
        ("depth", {"training": {"job": "j", "seed": 4, "epochs": 30}}, "'lenet' was trained in several ways: .*epochs"),
    ],
)
def test_mixed_settings_are_refused(name, others, message):
    draw, rows, _ = FIGURES[name]
    more = {"layers": layers(1.0), "noise_radius": 1.0, **others}
    refused(draw, [*rows(), row(seed=9, **more)], message)
    if "epochs" not in message:  # at initialisation: other settings than those of the trained are left out
        notes = draw([*rows(), row(seed=9, weights="init", **more)]).notes
        assert notes == ["1 rows at initialisation under other settings are left out"]
        fresh = [one for one in rows() if one["weights"] == "init"]
        refused(draw, [*fresh, row(seed=9, weights="init", **more)], message)


def test_mixed_settings_of_augmentations_are_refused():
    refused(augmentation_figure, [*all_augmented(), augmented("none", delta=2.0)], "delta is 1 and 2; .* delta=1")
    refused(augmentation_figure, [*all_augmented(), augmented("none", average="mean")], "average is median and mean")


def test_batch_norm_in_two_ways_at_initialisation_is_refused():
    rows = [*deep(), *with_layers([row("lenet", 5, weights="init", batch_norm="running")])]
    refused(depth_figure, rows, "batch_norm is batch and running")


def test_a_curve_needs_two_points():
    refused(delta_figure, at_deltas(), r"delta is 1 in all rows; .* delta: \[0.3, 1, 3\]", "delta=1")
    refused(spectrum_figure, in_shells(), "cutoff is 4 in all rows", "cutoff=4")
    refused(worst_figure, at_deltas(), "no row is of a search for the worst case; measure some", "cutoff=3")
    refused(noise_figure, at_norms(), "noise_radius is 10 in all rows", "noise_norm=10")


def test_what_has_no_size_or_logarithm_is_refused():
    refused(delta_figure, [row(delta=None, transform="contrast")], "delta of 'lenet' under contrast is None; .*!=none")
    refused(channels_figure, deep(), "no row has shuffled channels among .*; measure with shuffle_channels: true")
    refused(penalty_figure, all_augmented(), r"no network was trained with a penalty among .*; sweep train: \{penalty:")
    refused(equivariance_figure, deep(), "no layer has E_f among .*; measure with layers: auto, and not against: still")
    rows = with_layers([row()])
    rows[0]["layers"][2]["R"]["value"] = 0.0
    refused(depth_figure, rows, r"R of 'lenet' \(layer conv2\) is 0, which has no logarithm")


def test_points_with_fewer_seeds_are_told():
    rows = deep()
    rows[1] = {**rows[1], "layers": rows[1]["layers"][:2]}
    drawn = depth_figure(rows)
    assert drawn.notes == ["the points of lenet have 2 to 3 seeds"]
    assert [line["seeds"] for line in drawn.table[:4]] == [3, 3, 2, 2]
