"""Options: canonical values, so that two ways to ask for one thing are one; errors that name what came."""

import pytest

from diffstab.cli import main
from diffstab.cli.measure import measure
from diffstab.options import EXECUTION
from diffstab.options.measure import MeasureOptions
from diffstab.options.train import TrainOptions
from diffstab.sweep.jobs import measure_job


def test_two_ways_to_ask_for_one_measurement_are_equal():
    assert MeasureOptions.from_mapping({"cutoff": 5}) == MeasureOptions.from_mapping(
        {"cutoff": 5.0, "delta": 1, "cutoff-rule": "disk"}
    )
    assert (
        MeasureOptions.from_mapping({"noise-radius": "ensemble"})
        == MeasureOptions.from_mapping({"noise_radius": None})
        == MeasureOptions()
    )
    assert MeasureOptions(temperature=1e-3).delta is MeasureOptions(delta_share=0.01).delta is None
    assert TrainOptions.from_mapping({"lr": "1e-3"}).lr == 1e-3  # YAML reads a number without a point as a text


def test_texts_mappings_and_lists_that_mean_the_same_are_equal():
    forms = (
        "depth=2 name=batch on=true",
        ["on=True", "depth=2", "name=batch"],
        '{"depth": 2, "name": "batch", "on": true}',
    )
    forms += ({"on": True, "name": "batch", "depth": 2},)
    found = [MeasureOptions(model_kwargs=form) for form in forms]
    assert all(one == found[0] for one in found)
    assert found[0].arguments == {"depth": 2, "name": "batch", "on": True}
    assert MeasureOptions().arguments == {}
    means = [MeasureOptions(mean=form) for form in ("0.5,0.5,0.50", "0.5 .5 0.5", [0.5, 0.5, 0.5], (0.5, 0.5, 0.5))]
    assert all(one == means[0] for one in means)
    assert means[0].override == {"img_size": None, "crop_pct": None, "mean": (0.5, 0.5, 0.5), "std": None}
    assert MeasureOptions(std=0.25).override["std"] == (0.25,)
    names = ("torch/CIFAR-10", "cifar10", "cifar_10")
    assert len({measure_job(MeasureOptions(dataset=name, split="validation")).id for name in names}) == 1
    assert MeasureOptions(split="validation").split == "val"


def test_the_convention_fills_in_what_is_left_to_it():
    reference = MeasureOptions(convention="reference")
    assert (reference.cutoff_rule, reference.delta_rule, reference.noise_radius) == (
        "half-integer",
        "asymptotic",
        "per-image",
    )
    assert MeasureOptions(convention="reference", cutoff_rule="disk").cutoff_rule == "disk"
    assert MeasureOptions(weights="init").batch_norm == "batch"
    assert MeasureOptions(weights="init", checkpoint="file").batch_norm == "running"


@pytest.mark.parametrize(
    ("mapping", "error", "message"),
    [
        ({"cutof": 3}, ValueError, "'cutof' is not an option; did you mean 'cutoff'"),
        ({"zzz": 3}, ValueError, "'zzz' is not an option; known: model, num_classes"),
        ({"noise-radius": "ensemble", "noise_radius": "ensemble"}, ValueError, "'noise_radius' is given twice"),
        ({"seed": "0"}, TypeError, "seed is '0'; a whole number"),
        ({"images": 1}, ValueError, "images is 1; it must be at least 2"),
        ({"images": 2.5}, TypeError, "images is 2.5; a whole number"),
        ({"model": 18}, TypeError, "model is 18; a name is needed"),
        ({"model": ""}, TypeError, "model is ''; a name is needed"),
        ({"cutoff": "three"}, TypeError, "cutoff is 'three'; a number is needed"),
        ({"cutoff": float("nan")}, ValueError, "cutoff is nan"),
        ({"delta": 1, "temperature": 1e-3}, ValueError, "delta is 1 and temperature is 0.001; give one of the two"),
        ({"delta": 1, "delta_share": 0.1}, ValueError, "delta is 1 and delta_share is 0.1; give one of the two"),
        ({"delta_share": 0.1, "transform": "pairs", "changed_dir": "x"}, ValueError, "transform is 'pairs', which has"),
        ({"interpolation": "bilinar"}, ValueError, "interpolation is 'bilinar'; .*did you mean 'bilinear'"),
        ({"convention": "papre"}, ValueError, "convention is 'papre'; .*did you mean 'paper'"),
        ({"until_precision": 0}, ValueError, "until_precision is 0; it must be above 0"),
        ({"model_kwargs": {"in_chans": 1}}, ValueError, "model_kwargs has in_chans; give it as --in-chans"),
        ({"model_kwargs": "depth"}, ValueError, "model_kwargs is .*; names with values are needed, as in depth=12"),
        ({"model_kwargs": [3]}, ValueError, "model_kwargs is .*; names with values are needed"),
        ({"model_kwargs": {"layer": object}}, TypeError, "model_kwargs is .*; numbers, texts, true, false, null"),
        ({"mean": "0.5,x,0.5"}, TypeError, "mean is 'x'; a number is needed"),
        ({"std": [0.5, 0.5]}, ValueError, "std is .*; one number, or one for each of 3 channels"),
        ({"crop_pct": 1.01}, ValueError, "crop_pct is 1.01; it must be 0.01 to 1"),
        ({"dataset": "cifar-1O"}, ValueError, "dataset is 'cifar-1O'; .*did you mean 'cifar10'"),
        ({"split": "tset"}, ValueError, "split is 'tset'; .*did you mean 'test'"),
        ({"download": "yes"}, TypeError, "download is 'yes'; true or false"),
        ({"resamples": 10}, ValueError, "resamples is 10; it must be at least 100"),
        ({"seed": True}, TypeError, "seed is True"),
    ],
)
def test_what_can_not_be_is_named(mapping, error, message):
    with pytest.raises(error, match=message):
        MeasureOptions.from_mapping(mapping)


def test_a_flag_is_true_or_false():
    with pytest.raises(TypeError, match="bfloat16 is 1; true or false"):
        TrainOptions.from_mapping({"bfloat16": 1})


@pytest.mark.parametrize(("command", "options"), [("measure", MeasureOptions), ("train", TrainOptions)])
def test_the_command_has_these_options_and_defaults(command, options):
    """A spec's keys are the command's own names; how results are told is the command's alone."""
    parameters = {parameter.name: parameter for parameter in main.commands[command].params}
    told = {
        "store",
        "from_row",
        "output",
        "report",
        "as_json",
        "with_init",
        "resume",
        "tensorboard",
        "wandb",
        "network",
        *("fail_above", "baseline", "fail_if", "margin"),
    }
    assert parameters.keys() - told == set(options().to_dict())
    for name, usual in options().to_dict().items():
        if parameters[name].default is not None and type(parameters[name].default).__name__ != "Sentinel":
            assert parameters[name].default == usual, name
    assert set(EXECUTION) & parameters.keys()


def test_the_command_refuses_in_one_line(cli):
    answer = cli("measure", "--images", "1")
    assert answer.exit_code == 2
    assert answer.stderr == "Error: images is 1; it must be at least 2\n"
    assert measure.name == "measure"
