"""Figures over training sets, data sets, fields, widths, epochs and regimes: tables and artists hold the rows."""

import math

import numpy as np
import pytest
from support.measured_rows import interval, row

from diffstab import MaxEntropyEnsemble
from diffstab.figures.paper.against_one import BEFORE, alpha_figure, learning_figure, width_figure
from diffstab.figures.paper.correlations import correlations
from diffstab.figures.paper.error_grid import by_dataset, by_field
from diffstab.figures.paper.groups import datasets_figure
from diffstab.figures.paper.stripe import stripe_figure
from diffstab.figures.paper.training_set import errors, stabilities_figure, training_set_figure
from diffstab.options.experiments import REGIME, STRIPE

pytestmark = pytest.mark.slow

SIZES = (100, 1000)
SEEDS = (1.0, 2.0, 8.0)  # factors of R
LOG_MEAN = 16 ** (1 / 3)
PLAIN = {"interpolation": "bilinear", "cutoff_rule": "disk", "delta_rule": "exact"}


def by_size(model="lenet", exponent=-1.0, **more):
    """Trained on P images, R falls as P to the exponent; with networks at initialisation."""
    own = []
    for P in SIZES:
        for seed, factor in enumerate(SEEDS):
            training = {"job": f"{model} {P} {seed}", "model": model, "seed": seed, "epochs": 20, "train_size": P}
            numbers = {"R": factor * (P / 100) ** exponent, "error": 10 / P}
            named = {"weights_sha256": f"{P} {seed}", "training": training}
            own.append(row(model, seed, **{**numbers, **named, **PLAIN, **more}))
    return own + [row(model, seed, weights="init", R=2.0, **{**PLAIN, **more}) for seed in range(2)]


def lines_by(drawn, column):
    return {line[column]: line for line in drawn.table}


def curves(figure):
    return {line.get_gid(): line for axes in figure.axes for line in axes.lines if line.get_gid()}


def test_r_against_p_is_log_averaged_and_has_its_exponent():
    rows = [*by_size(), *by_size(exponent=0.5, cutoff=15.0, temperature=1e-4)]
    drawn = training_set_figure(rows)
    found = {(line["cutoff"], line["train_size"]): line for line in drawn.table}
    assert len(found) == len(drawn.table) == 4
    for (cutoff, P), line in found.items():
        exponent = -1 if cutoff == 3 else 0.5
        assert line["R"] == pytest.approx(LOG_MEAN * (P / 100) ** exponent)
        assert line["R_exponent"] == pytest.approx(exponent)
        assert line["R_init"] == pytest.approx(2)
    levels = [line for gid, line in curves(drawn.figure).items() if gid == "lenet init"]
    assert [line.get_ydata()[0] for line in levels] == pytest.approx([2])
    guide = curves(drawn.figure)["slope"]
    (x0, x1), (y0, y1) = guide.get_xdata()[1:3], guide.get_ydata()[0:3:2]
    assert math.log(y1 / y0) / math.log(x1 / x0) == pytest.approx(-1)


def test_bands_hold_all_three_quantities():
    gaussian = by_size(interpolation="gaussian")
    drawn = stabilities_figure([*by_size(), *gaussian])
    for quantity, value in (("R", LOG_MEAN), ("G", 0.01), ("D", LOG_MEAN * 0.01)):
        assert curves(drawn.figure)[f"lenet {quantity} 3"].get_ydata()[0] == pytest.approx(value)
    assert {line["interpolation"] for line in drawn.table} == {"bilinear"}


def test_errors_by_size_are_curves_and_others_stand_behind():
    rows = [*by_size(), *(row("vgg16", seed, R=3.0, **PLAIN) for seed in range(2))]
    drawn = errors(rows)
    x, y = curves(drawn.figure)["lenet"].get_data()
    np.testing.assert_allclose(x, [LOG_MEAN, LOG_MEAN / 10])
    np.testing.assert_allclose(y, [0.1, 0.01])
    assert [(line["model"], line["train_size"]) for line in drawn.table] == [
        *(("lenet", P) for P in SIZES),
        ("vgg16", None),
    ]
    with pytest.raises(ValueError, match="no training with train_size"):
        errors(rows[-1:])


def test_each_data_set_has_its_points():
    rows = [
        row(R=R, dataset=name, cutoff=c, temperature=1 / c, weights=weights)
        for name, R in (("mnist", 0.5), ("cifar10", 2.0))
        for c in (3.0, 15.0)
        for weights in ("train", "init")
    ]
    drawn = datasets_figure(rows)
    assert {(line["dataset"], line["R"]) for line in drawn.table} == {("mnist", 0.5), ("cifar10", 2.0)}
    assert len(drawn.table) == 8
    ticks = drawn.figure.axes[0].get_xticklabels()
    assert [tick.get_text() for tick in ticks] == ["cifar10", "mnist"]


def networks(exponent=1.0, **more):
    """Whose error is a power of R."""
    values = ((0.2, 0.05), (0.5, 0.01), (1.0, 0.03), (3.0, 0.02))
    return [row(f"net{k}", R=R, G=G, error=0.02 * R**exponent, **{**PLAIN, **more}) for k, (R, G) in enumerate(values)]


def temperature(delta, cutoff):
    """On 28 pixels."""
    return MaxEntropyEnsemble(28, cutoff, delta=delta).temperature


def test_every_field_has_its_correlation():
    grid = [(delta, c) for delta in (0.3, 1.0) for c in (3.0, 15.0)]
    rows = [
        one
        for delta, c in grid
        for one in networks(-1 if delta < 1 else 1, delta=delta, cutoff=c, temperature=temperature(delta, c))
    ]
    drawn = by_field(rows)
    assert {(line["delta"], line["cutoff"]): round(line["correlation_R"], 9) for line in drawn.table} == {
        at: -1.0 if at[0] < 1 else 1.0 for at in grid
    }
    allowed = {(line["delta"], line["cutoff"]): line["allowed_probability"] for line in drawn.table}
    assert allowed[1.0, 3.0] > 0.9  # delta = 1 at c = 3 hardly ever folds on 28 pixels, at c = 15 always
    assert allowed[1.0, 15.0] == 0


def test_every_data_set_has_its_correlations():
    drawn = by_dataset([*networks(), *networks(-1, dataset="cifar10")])
    assert len(drawn.figure.axes) == 6
    table = correlations([*networks(), *networks(-1, dataset="cifar10")]).table
    R = {line["dataset"]: line["correlation"] for line in table if line["quantity"] == "R"}
    assert {name: round(value, 9) for name, value in R.items()} == {"mnist5k": 1.0, "cifar10": -1.0}
    paper = {line["dataset"]: line["paper"] for line in table if line["quantity"] == "R"}
    assert paper == {"mnist5k": 0.75, "cifar10": 0.97}
    with pytest.raises(ValueError, match="3"):
        correlations(networks()[:2])


def test_widths_are_neurons_and_the_loss_is_that_of_the_trainings():
    models = {"fc_l2-w0.125": (8, 0.5), "fc_l2": (64, 1e-3)}
    rows = []
    for model, (_, loss) in models.items():
        own = row(model)
        rows += [own, {"kind": "train", "status": "done", "key": "", "job": own["training"]["job"], "train_loss": loss}]
    drawn = width_figure(rows)
    assert {line["width"]: line["loss"] for line in drawn.table} == dict(models.values())
    assert curves(drawn.figure)["fc_l2 loss"].get_xdata() == pytest.approx([8, 64])
    without = width_figure([one for one in rows if one["kind"] == "measure"])
    assert "loss" not in without.table[0]
    with pytest.raises(ValueError, match="no fully connected net"):
        width_figure([row("lenet")])


def watched(seed=0, **more):
    """A training whose stability was measured before the first epoch and after two."""
    head = {"kind": "train", "status": "done", "model": "lenet", "dataset": "mnist5k", "recipe": "laptop"}
    probed = [
        {"epoch": epoch, "D": 0.01 * R, "G": 0.01, "R": R, "validation_error": error, "watched_images": 50}
        for epoch, R, error in ((0, 1.0, None), (1, SEEDS[seed], 0.1), (20, 0.1, 0.0))
    ]
    return {**head, "key": f"{seed}", "job": f"{seed}", "seed": seed, "stability_images": 50, "probed": probed, **more}


def test_learning_is_drawn_from_epoch_0():
    drawn = learning_figure([watched(seed) for seed in range(3)])
    found = lines_by(drawn, "epoch")
    assert {epoch: round(line["R"], 9) for epoch, line in found.items()} == {
        BEFORE: 1.0,
        1: round(LOG_MEAN, 9),
        20: 0.1,
    }
    assert found[BEFORE]["error"] is None
    assert found[20]["error"] == pytest.approx(0.5 / 50)  # half an image
    assert any("half an image" in note for note in drawn.notes)
    with pytest.raises(ValueError, match="no training that was watched"):
        learning_figure([{**watched(), "probed": []}])
    with pytest.raises(ValueError, match="the trainings differ in dataset"):
        learning_figure([watched(), watched(1, dataset="svhn")])


def regime(alpha, seed=0, **more):
    shared = {"dataset": "mnist5k", "train_size": 100, "width": 50, "layers": 2, "turn": 0.1, "until_loss": 0.01}
    own = {"kind": REGIME, "status": "done", "key": f"{alpha} {seed}", "alpha": alpha, "seed": seed, "fitted": True}
    values = {"D": interval(0.1), "G": interval(0.1), "R": interval(SEEDS[seed] * alpha), "R_init": interval(0.5)}
    error = {"test_error": {"value": 0.1, "low": 0.1, "high": 0.1, "images": 100}}
    return {**shared, **own, **values, **error, "moved": 1 / alpha, "images": 100, "cutoff": 3.0, "delta": 1.0, **more}


def test_the_lazy_regime_is_drawn_over_alpha():
    rows = [regime(alpha, seed) for alpha in (100.0, 0.01) for seed in range(3)]
    drawn = alpha_figure([*rows[:-1], {**rows[-1], "fitted": False}])
    assert [line["alpha"] for line in drawn.table] == [0.01, 100.0]
    for line in drawn.table:
        assert line["R"] == pytest.approx(LOG_MEAN * line["alpha"])
        assert line["moved"] == pytest.approx(1 / line["alpha"])
    assert curves(drawn.figure)["init"].get_ydata()[0] == pytest.approx(0.5)
    assert any(note.startswith("1 of 6 flows ran out of steps") for note in drawn.notes)
    with pytest.raises(ValueError, match="differ in width; choose one"):
        alpha_figure([regime(1.0), regime(1.0, 1, width=7)])


def stripe(P, seed=0):
    """R falls as 1/P at the end, as P^-1/2 when the loss was 0.5."""
    shared = {"dimension": 10, "width": 100, "alpha": 1e-3, "noise_norm": 1.0, "turn": 0.1, "until_loss": 0.05}
    own = {"kind": STRIPE, "status": "done", "key": f"{P} {seed}", "train_size": P, "seed": seed, "fitted": True}
    error = {"value": 1 / P, "low": 0.5 / P, "high": 2 / P, "images": 1000}
    numbers = {"R": interval(SEEDS[seed] / P), "test_error": error}
    numbers |= {"R_mean": numbers["R"], "alignment": P, "loss": 0.05}
    way = [{**numbers, "loss": 0.5, "R": interval(SEEDS[seed] / P**0.5)}]
    return {**shared, **own, **numbers, "test_points": 1000, "on_the_way": way}


def test_slopes_of_the_stripe_model_are_those_of_its_rows():
    drawn = stripe_figure([stripe(P, seed) for P in (100, 400, 1600) for seed in range(3)])
    slopes = {line["stage"]: line["R_exponent"] for line in drawn.table}
    assert slopes == pytest.approx({"0.5": -0.5, "end": -1.0})
    late = {**stripe(1600), "loss": 0.3, "fitted": False}
    drawn = stripe_figure([*(stripe(P) for P in (100, 400, 800, 1600)), late])
    assert [line["seeds"] for line in drawn.table if line["stage"] == "end"] == [1, 1, 1, 1]
    assert drawn.notes == ["1 of 5 flows ran out of steps before the last loss and count until where they came"]
    with pytest.raises(ValueError, match="3"):
        stripe_figure([stripe(P) for P in (100, 400)])


DRAWN = {
    "training set": lambda: training_set_figure(by_size()),
    "data sets": lambda: datasets_figure([row()]),
    "fields": lambda: by_field(networks(temperature=temperature(1.0, 3.0))),
    "correlations": lambda: correlations(networks()),
    "learning": lambda: learning_figure([watched()]),
    "regimes": lambda: alpha_figure([regime(1.0)]),
}


@pytest.mark.parametrize("name", DRAWN)
def test_lines_have_the_same_columns_and_axes_their_names(name):
    drawn = DRAWN[name]()
    assert len({tuple(line) for line in drawn.table}) == 1
    for axes in drawn.figure.axes:
        assert axes.get_xlabel() or axes.get_subplotspec().get_geometry()[0] > 1
