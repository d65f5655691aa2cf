"""A probe measures what `measure` does, at its steps, and leaves the training as it was bit for bit."""

import json
import os
import pickle
import random
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.stopped_runs import OPTIONS
from support.watched_trainings import IMAGES, PlainTraining, RandomImages, everything

import diffstab
from diffstab import StabilityProbe, measure
from diffstab.data.load import load_dataset
from diffstab.models import Shape
from diffstab.options.train import TrainOptions
from diffstab.streams import choose
from diffstab.training.loop import train
from diffstab.training.start import fresh_state

pytestmark = pytest.mark.usefixtures("one_thread")
FEW = {"count": 12, "resamples": 100}


def random_states():
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002


@pytest.mark.parametrize(
    ("images", "settings"),
    [
        (IMAGES, {}),
        (IMAGES, {"batch_norm": "batch"}),
        (RandomImages(IMAGES), {}),  # fails to measure: its images are others each time
        (torch.utils.data.DataLoader(RandomImages(IMAGES), 8, shuffle=True), {"count": None}),
        (torch.utils.data.DataLoader(torch.utils.data.TensorDataset(IMAGES), 8, shuffle=True), {"count": None}),
        (IMAGES, {"batch_size": 5, "draws": 2, "average": "mean", "interpolation": "gaussian"}),
    ],
)
def test_weights_after_an_epoch_with_the_probe_are_those_without_it(images, settings):
    alone = PlainTraining()
    alone.run_epoch()
    left, watched = everything(alone), PlainTraining()
    settings = {name: value for name, value in (FEW | settings).items() if value is not None}
    probe = StabilityProbe(images, schedule=2, note=lambda text: None, **settings)
    watched.run_epoch(lambda step: probe(watched.network, step))
    assert [line["step"] for line in probe.history] == [0, 2, 4]
    assert everything(watched) == left


def test_a_measurement_between_backward_and_step_changes_nothing():
    training = PlainTraining()
    training.run_epoch()
    modes = [module.training for module in training.network.modules()]
    assert set(modes) == {True, False}
    training.backward()
    before, drawn = everything(training), random_states()
    for network in (training.network, training.average, torch.nn.parallel.DataParallel(training.network)):
        assert StabilityProbe(IMAGES, note=lambda text: None, **FEW)(network, 0)["R"] > 0
    assert everything(training) == before
    assert any(grad is not None for *_, grad in before["parameters"])
    assert random_states() == drawn
    assert [module.training for module in training.network.modules()] == modes


@pytest.mark.parametrize(
    ("schedule", "steps"),
    [
        ("powers", [0, 1, 2, 4, 8]),
        (3, [0, 3, 6, 9]),
        ([7, 2], [2, 7]),
        (iter([7, 2]), [2, 7]),
        (range(1, 12, 5), [1, 6]),
        (np.array([4]), [4]),
        (lambda step: step > 9, [10]),
    ],
)
def test_a_probe_measures_at_its_steps_alone(schedule, steps):
    probe = StabilityProbe(IMAGES, schedule, **FEW)
    found = {step: probe(torch.nn.Flatten(), step) for step in range(11)}
    assert [step for step, values in found.items() if values] == steps
    assert probe.history == [{"step": step, **found[step]} for step in steps]


@pytest.mark.parametrize("settings", [{}, {"delta": 0.5, "cutoff": 2, "seed": 3, "count": 9}, {"average": "mean"}])
def test_a_probe_gives_the_numbers_of_measure(settings):
    network = PlainTraining().network
    found = StabilityProbe(IMAGES, **settings)(network, 0)
    result = measure(network, IMAGES, **settings)
    for name in "DGR":
        estimate = getattr(result, name)
        assert [found[name + end] for end in ("", "_low", "_high")] == [estimate.value, estimate.low, estimate.high]
    assert len(found) == 9


def test_a_failure_is_told_once_and_the_training_goes_on():
    told = []
    probe = StabilityProbe(IMAGES, schedule=1, note=told.append, **FEW)
    for step in range(2):
        found = probe(lambda images: images.flatten(1) * 0, step)
        assert len(found) == 9
        assert set(found.values()) == {None}
    assert probe(lambda images: 1 / 0, 2)["R"] is None
    assert len([text for text in told if "R_f was not measured at step 0, and the training goes on" in text]) == 1
    assert not [text for text in told if "at step 1" in text or "at step 2" in text]
    assert probe(torch.nn.Flatten(), 3)["R"] > 0
    with pytest.warns(UserWarning, match="R_f was not measured at step 0"):
        StabilityProbe(IMAGES, **FEW)(lambda images: 1 / 0, 0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"layers": "all"}, TypeError, "layers can't be set; allowed: against, amp, ascent_starts"),
        ({"temperatur": 1}, TypeError, "temperatur can't be set"),
        ({"delta": -1.0}, ValueError, "delta"),
        ({"delta": 0.0}, ValueError, "nothing moves"),
        ({"average": "mode"}, ValueError, "average is 'mode'"),
        ({"draws": 0}, ValueError, "draws is 0"),
        ({"schedule": "power"}, ValueError, "schedule is 'power'; allowed: powers"),
        ({"schedule": 0}, ValueError, "schedule is 0"),
        ({"schedule": 1.5}, TypeError, "schedule"),
        ({"images": ["a", "b"]}, TypeError, "images"),
    ],
)
def test_what_a_probe_cannot_do_is_refused_before_the_training(arguments, error, message):
    with pytest.raises(error, match=message):
        StabilityProbe(**{"images": IMAGES, **arguments})


def test_making_a_probe_draws_nothing_and_a_probe_can_be_pickled():
    drawn = random_states()
    probe = StabilityProbe(torch.utils.data.DataLoader(RandomImages(IMAGES), 4, shuffle=True))
    assert random_states() == drawn
    probe = pickle.loads(pickle.dumps(StabilityProbe(IMAGES, **FEW)))
    assert probe(torch.nn.Flatten(), 1)["R"] > 0


def test_other_processes_than_the_first_return_at_once(monkeypatch):
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    assert StabilityProbe(IMAGES, **FEW)(lambda images: 1 / 0, 0) == {}
    monkeypatch.setenv("RANK", "0")
    assert StabilityProbe(IMAGES, **FEW)(torch.nn.Flatten(), 0)["R"] > 0


JOINED = """
import torch, torch.distributed as dist
from datetime import timedelta
from support.watched_trainings import IMAGES, PlainTraining
from diffstab import StabilityProbe

torch.set_num_threads(1)
dist.init_process_group("gloo", timeout=timedelta(seconds=60))
training, told = PlainTraining(), []
wrapped = training.network = torch.nn.parallel.DistributedDataParallel(training.network)
probe = StabilityProbe(IMAGES, schedule=2, count=12, note=told.append)
training.run_epoch(lambda step: probe(wrapped, step))
assert [line["step"] for line in probe.history] == ([0, 2, 4] if dist.get_rank() == 0 else [])
assert all(line["R"] > 0 for line in probe.history)
probe(torch.nn.Sequential(wrapped), 0)  # whose buffers the wrapper would broadcast
probe(torch.nn.Sequential(wrapped), 2)
(failure,) = [text for text in told if "not measured" in text] or [None]
assert (failure is None) == (dist.get_rank() > 0), told
assert failure is None or "a DistributedDataParallel runs in all processes together" in failure
weights = torch.cat([value.flatten().double() for value in wrapped.state_dict().values()])
both = [torch.empty_like(weights) for _ in range(2)]
dist.all_gather(both, weights)
assert torch.equal(*both) and not any(module.training for module in [wrapped.module[-1]])
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_train_on_while_the_first_measures(tmp_path):
    script = tmp_path / "joined.py"
    script.write_text(JOINED)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    found = subprocess.run(command, capture_output=True, text=True, env=_with_support(), check=False)
    assert found.returncode == 0, found.stderr[-3000:]


def _with_support():
    places = (Path(__file__).parents[1], Path(diffstab.__file__).parents[1], os.environ.get("PYTHONPATH", ""))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))}


@pytest.mark.filterwarnings("ignore:.*never reaches its output")
@pytest.mark.usefixtures("few_digits", "dropout_net")
def test_the_own_loop_keeps_the_numbers_that_measure_gives(tmp_path):
    options = replace(OPTIONS, stability_images=15, seed=2)
    trained = train(options, folder=tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines if "R" in line] == [0, 1, 2, 3]
    assert set(lines[0]) == {"epoch", "D", "G", "R"}
    assert set(lines[1]) == {"epoch", "steps", "lr", "loss", "test_error", "seconds", "D", "G", "R"}
    test = load_dataset("mnist5k", split="test").images[::19]
    result = measure(trained.network, test, delta=1.0, cutoff=3, indices=choose(15, len(test), 2), seed=2)
    assert {name: lines[-1][name] for name in "DGR"} == {name: getattr(result, name).value for name in "DGR"}
    fresh = fresh_state(options, Shape(1, 28, 28, 10), torch.device("cpu"), options.epochs).kept
    begin = {"indices": choose(15, len(test), 2), "seed": 2, "batch_norm": "batch"}  # App. E.1
    result = measure(fresh, test, delta=1.0, cutoff=3, **begin)
    assert {name: lines[0][name] for name in "DGR"} == {name: getattr(result, name).value for name in "DGR"}
    assert trained.weights() == train(replace(options, stability_images=0)).weights()


@pytest.mark.usefixtures("few_digits")
def test_the_own_loop_is_silent_of_a_network_that_is_zero_at_first(tmp_path):
    options = TrainOptions(
        model="fc_l4", alpha=1.0, loss="soft-hinge", epochs=1, lr=1e-2, stability_images=9, select="last"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(options, folder=tmp_path)
    first, last = map(json.loads, (tmp_path / "metrics.jsonl").read_text().splitlines())
    assert first == {"epoch": 0, "D": None, "G": None, "R": None}
    assert last["R"] > 0
