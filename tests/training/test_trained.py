"""What is kept of a training is what was trained: the epoch, its weights, their average."""

import json
import math
from dataclasses import replace

import pytest
import torch
from support.stopped_runs import OPTIONS, stopped_and_resumed

from diffstab.data.load import load_dataset
from diffstab.models.checkpoints import fill, read_checkpoint
from diffstab.models.load import load_model
from diffstab.training import loop
from diffstab.training.loop import train
from diffstab.training.optimisation import soft_hinge

pytestmark = pytest.mark.usefixtures("one_thread", "few_digits")


@pytest.mark.parametrize("bfloat16", [False, True])
def test_weights_come_back_exactly(tmp_path, dropout_net, bfloat16):
    trained = train(replace(OPTIONS, epochs=1, bfloat16=bfloat16))
    path = trained.write(tmp_path)
    state = trained.network.state_dict()
    assert int(state["1.num_batches_tracked"]) == 14
    assert read_checkpoint(path).keys() == state.keys()
    other = train(replace(OPTIONS, epochs=1, seed=1)).network
    fill(other, read_checkpoint(path), "test", dataset="mnist5k", classes=10)
    for name, value in other.state_dict().items():
        assert value.dtype == state[name].dtype
        assert torch.equal(value, state[name])
    assert path.read_bytes() == trained.weights() == trained.weights()


def test_config_says_what_the_network_is(tmp_path):
    train(replace(OPTIONS, epochs=1)).write(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config == {"architecture": "fc_l4", "num_classes": 10, "in_chans": 1, "input_size": [1, 28, 28]}


def errors_in_turn(monkeypatch, errors):
    """Errors after each epoch in place of the measured ones; the last call, of the kept network, gives 0.5."""
    left = iter([*errors, 0.5])
    monkeypatch.setattr(loop, "measure_error", lambda *arguments: next(left))


@pytest.mark.parametrize(
    ("select", "errors", "epoch"),
    [("validation", (0.3, 0.2, 0.4), 2), ("test", (0.2, 0.3, 0.4), 1), ("last", (0.1, 0.2, 0.3), 3),
     ("validation", (0.2, 0.1, 0.1), 3)],
)  # fmt: skip
def test_the_epoch_that_is_kept(tmp_path, monkeypatch, select, errors, epoch):
    """The best on the images that choose, of equals the later; its weights come back exactly, also after a stop."""
    options = replace(OPTIONS, select=select)
    weights = {}

    def remember(report):
        weights[report.epoch] = torch.load(tmp_path / "checkpoint.pt")["model"]

    errors_in_turn(monkeypatch, errors)
    trained = train(options, folder=tmp_path, progress=remember)
    assert (trained.epoch, trained.epochs, trained.test_error) == (epoch, 3, 0.5)
    for name, value in trained.network.state_dict().items():
        assert torch.equal(value, weights[epoch][name])
    errors_in_turn(monkeypatch, ())
    assert train(options, folder=tmp_path).weights() == trained.weights()


def test_the_error_that_chooses_is_of_images_held_out(monkeypatch):
    seen = []
    measure_error = loop.measure_error
    monkeypatch.setattr(loop, "measure_error", lambda *given: (seen.append(given[1].split), measure_error(*given))[1])
    for select, splits in (("validation", ["validation", "test"]), ("test", ["test"] * 2), ("last", ["test"] * 2)):
        seen.clear()
        train(replace(OPTIONS, epochs=1, select=select))
        assert seen == splits


def test_averaged_weights_are_kept_in_place_of_the_network_s(tmp_path, monkeypatch):
    """The average by its definition, from the weights after each step; stopped and resumed, bit for bit."""
    options = replace(OPTIONS, ema=0.9, epochs=2)
    steps, update = [], torch.optim.swa_utils.AveragedModel.update_parameters

    def watched(self, model):
        steps.append({name: value.double() for name, value in model.state_dict().items()})
        update(self, model)

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.swa_utils.AveragedModel, "update_parameters", watched)
        trained = train(options)
    assert len(steps) == 28
    expected = steps[0]
    for step in steps[1:]:
        expected = {name: 0.9 * value + 0.1 * step[name] for name, value in expected.items()}
    for name, value in trained.network.state_dict().items():
        torch.testing.assert_close(value.double(), expected[name], rtol=1e-5, atol=1e-6)
    assert stopped_and_resumed(options, tmp_path).weights() == trained.weights()


def test_a_large_alpha_trains_lazily():
    """||w - w_0|| falls as 1/alpha, the outputs of alpha (f - f_0) hardly change, and the loss falls alike (Eq. 7)."""
    options = replace(OPTIONS, loss="soft-hinge", optimizer="sgd", lr=0.5, momentum=0, weight_decay=0, epochs=4)
    found = {alpha: train(replace(options, alpha=alpha)) for alpha in (100.0, 1000.0)}
    moved = {alpha: distance(trained.network.network, trained.network.initial) for alpha, trained in found.items()}
    assert moved[100.0] / moved[1000.0] == pytest.approx(10, rel=0.1)
    images = load_dataset("mnist5k").images[:50]
    lazy, lazier = (trained.network(images).detach() for trained in found.values())
    assert (lazy - lazier).norm() < 0.1 * lazier.norm()
    losses = [trained.train_loss * alpha**2 for alpha, trained in found.items()]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert losses[0] < 0.9 * soft_hinge(torch.zeros(1, 10), torch.zeros(1, dtype=torch.int64))


def distance(one, other):
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return math.sqrt(sum(float((p.detach() - q).square().sum()) for p, q in pairs))


def test_what_alpha_trained_is_measured_from_its_file(tmp_path):
    trained = train(replace(OPTIONS, epochs=1, alpha=5.0, loss="soft-hinge"))
    path = trained.write(tmp_path)
    again = load_model("fc_l4", checkpoint=path)
    images = load_dataset("mnist5k").images[:5]
    assert torch.equal(again(images), trained.network(images))
    assert float(again.alpha) == 5


def test_the_soft_hinge_is_the_paper_s_in_each_class():
    outputs, labels = torch.randn(6, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 3, 3])
    terms = [
        math.log1p(math.exp(20 * (1 - float(outputs[row, k]) * (1 if k == labels[row] else -1)))) / 20
        for row in range(6)
        for k in range(4)
    ]
    assert float(soft_hinge(outputs, labels)) == pytest.approx(sum(terms) / 24, rel=1e-6)
