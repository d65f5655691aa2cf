"""The stripe model and the fully connected nets between two regimes: closed forms, laws of their starts, cells."""

import json
import math

import pytest
import torch
from torch import nn

from diffstab.experiments.gradient_flow import Flow
from diffstab.experiments.regime import GAIN, SHARPNESS, Predictor, fully_connected, initial_weights, run_regime
from diffstab.experiments.run import run_experiment
from diffstab.experiments.stripe import Probe, alignment_of, run_stripe, stripes
from diffstab.experiments.stripe import initial_weights as stripe_weights
from diffstab.options.experiments import REGIME, STRIPE, RegimeOptions, StripeOptions

SMALL_STRIPE = StripeOptions(train_size=100, dimension=4, width=50, until_loss=0.2, test_points=300)
SMALL_REGIME = {"train_size": 60, "width": 15, "layers": 2, "turn": 1.0, "until_loss": 0.3, "images": 40}
SPEC = """
stripe: {train_size: [50, 60], dimension: 3, width: 20, until_loss: 0.4, test_points: 50}
regime: {train_size: 30, width: 5, layers: 1, turn: 1, until_loss: 0.5, images: 20, alpha: [1e-2, 1]}
"""


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


# stripe model


def test_half_of_the_points_lie_between_the_planes():
    points, labels = stripes(100_000, 3, generator())
    assert abs(float(labels.mean())) < 4 / math.sqrt(100_000)
    assert points.shape == (100_000, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("g", "R"), [((1.0, 0.0, 0.0, 0.0), 0.0), ((1, 1, 1, 1), 1.0), ((3, 1, 0, 0), (1 / 3) / (10 / 4))]
)
def test_a_linear_net_has_the_closed_form_of_eq_6(g, R):
    """f = g . x: means give (||g_perp||^2 / (d - 1)) / (||g||^2 / d), within the error of 4,000 points."""
    d, shift = 4, 1e3  # of the bias: the relu is linear
    options = StripeOptions(dimension=d, width=2, alpha=1.0, test_points=4000)
    nothing = [torch.zeros(2, d), torch.zeros(2), torch.zeros(2)]
    omega = math.sqrt(d) * torch.tensor(g, dtype=torch.float32)
    weights = [torch.stack([omega, torch.zeros(d)]), torch.full((2,), shift), torch.tensor([2.0, -2.0])]
    found = Probe(options, nothing, generator()).at(Flow(weights, 0, 0.0, 1.0, False))
    spread = 3 * math.sqrt(2 * 2 / 4000)
    assert found["R_mean"]["value"] == pytest.approx(R, rel=spread, abs=1e-12)


def test_at_initialisation_no_direction_counts_more():
    alignments = [alignment_of(stripe_weights(5000, 10, generator(seed))) for seed in range(5)]
    assert all(abs(math.log(one)) < 0.15 for one in alignments)


def test_learning_the_stripe_turns_weights_and_lowers_r():
    found = run_stripe(SMALL_STRIPE)
    assert found["alignment"] > 3
    assert found["R"]["low"] < found["R"]["value"] < found["R"]["high"] < 0.5
    assert found["test_error"]["value"] < 0.35
    assert [one["loss"] < limit for one, limit in zip(found["on_the_way"], (0.5, 0.25), strict=True)] == [True, True]


@pytest.mark.slow
def test_a_seed_is_an_experiment():
    assert run_stripe(SMALL_STRIPE) == run_stripe(SMALL_STRIPE)
    other = StripeOptions(**{**SMALL_STRIPE.to_dict(), "seed": 1})
    assert run_stripe(other)["R"] != run_stripe(SMALL_STRIPE)["R"]


# fully connected nets


def test_the_network_is_that_of_eqs_10_to_14():
    options = RegimeOptions(width=7, layers=2)
    weights = initial_weights(12, options, generator())
    images = torch.randn(5, 1, 3, 4, generator=generator(1))
    z = images.reshape(5, 12)
    for k, weight in enumerate(weights):
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        layer.weight.data = weight / math.sqrt(weight.shape[1])
        z = layer(z)
        z = GAIN / SHARPNESS * torch.log(1 + torch.exp(SHARPNESS * z)) if k < 2 else z
    torch.testing.assert_close(fully_connected(weights, images), z[:, 0])


def test_preactivations_have_unit_variance_at_the_start():
    weights = initial_weights(400, RegimeOptions(width=2000, layers=3), generator())
    images = torch.randn(50, 400, generator=generator(1))
    for depth in (1, 2, 3):
        last = weights[:depth]
        z = images
        for weight in last[:-1]:
            z = GAIN * nn.functional.softplus(z @ weight.T / math.sqrt(weight.shape[1]), beta=SHARPNESS)
        z = z @ last[-1].T / math.sqrt(last[-1].shape[1])
        assert float(z.square().mean()) == pytest.approx(1, abs=0.1)


def test_the_predictor_is_nothing_at_the_start():
    weights = initial_weights(12, RegimeOptions(width=7), generator())
    assert not Predictor(weights, weights, 5.0)(torch.randn(3, 1, 3, 4)).any()


def test_lazy_nets_hardly_move():
    """||w - w_0|| falls as 1 / alpha where alpha is large."""
    moved = [run_regime(RegimeOptions(**SMALL_REGIME, alpha=alpha))["moved"] for alpha in (100.0, 1000.0)]
    assert moved[0] / moved[1] == pytest.approx(10, rel=0.1)


def test_more_images_than_there_are_are_refused():
    with pytest.raises(ValueError, match="9000 images asked of the 4000 in mnist5k/train; ask for fewer"):
        run_experiment(RegimeOptions(train_size=9000))


# cells of a sweep


def sweep(cli, path, store, *more):
    return cli("sweep", str(path), "--store", str(store), "--jobs", "1", *more)


@pytest.mark.slow
def test_experiments_are_cells_of_a_sweep(cli, tmp_path):
    path, store = tmp_path / "s.yaml", tmp_path / "store"
    path.write_text(SPEC)
    first = json.loads(sweep(cli, path, store, "--json").stdout)
    assert (first["cells"], first["done"], first["failed"]) == (4, 4, 0)
    again = json.loads(sweep(cli, path, store, "--json").stdout)
    assert (again["done"], again["skipped"]) == (0, 4)
    query = ["results", "query", "--store", str(store), "--columns", "kind,train_size,test_error.value"]
    listed = cli(*query)
    assert listed.stdout.count(STRIPE) == listed.stdout.count(REGIME) == 2, listed.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "stripe: {trian_size: 5}",
            "stripe.trian_size is not an option of diffstab stripe; did you mean 'train_size'?",
        ),
        ("stripe: {dimension: 1}", "stripe.dimension: dimension is 1"),
        ("regime: {alpha: 0}", "regime.alpha: alpha is 0; it must be above 0"),
        ("stripes: {}", "'stripes' is not a section; did you mean 'stripe'?"),
    ],
)
def test_bad_options_are_refused(cli, tmp_path, text, message):
    path = tmp_path / "s.yaml"
    path.write_text(text)
    answer = sweep(cli, path, tmp_path / "store")
    assert (answer.exit_code, message in answer.stderr) == (2, True), answer.stderr


@pytest.mark.slow
def test_an_experiment_that_fails_keeps_its_reason(cli, tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("regime: {train_size: 9000}")
    answer = sweep(cli, path, tmp_path / "store")
    assert answer.exit_code == 1
    assert "9000 images asked of the 4000" in answer.stderr
