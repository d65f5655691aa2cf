"""ImageNet weights of another package, converted: the names, and R_f of a network trained on ImageNet."""

import pytest
import torch
from convert_efficientnet_lite0 import converted, main, timm_names

from diffstab.measuring.by_name import measure_cell
from diffstab.options.measure import MeasureOptions

pytestmark = pytest.mark.slow

PHOTOS = {"model": "timm:tf_efficientnet_lite0", "dataset": "photos", "draws": 2, "seed": 1}


@pytest.fixture(scope="module")
def checkpoint(cli, tmp_path_factory):
    path = tmp_path_factory.mktemp("lite0") / "lite0.safetensors"
    answer = cli(str(path), command=main)
    assert answer.exit_code == 0, answer.output
    return path


def test_training_on_imagenet_made_it_stable(checkpoint):
    """R_f on photographs at 224 pixels, c = 3, delta = 1: about 0.1 to 0.3, against about 1 at initialisation."""
    trained = measure_cell(MeasureOptions(**PHOTOS, checkpoint=str(checkpoint)))
    fresh = measure_cell(MeasureOptions(**PHOTOS, weights="init"))
    assert 0.05 < trained.R.value < 0.35
    assert 0.6 < fresh.R.value < 1.4
    assert trained.R.high < fresh.R.low
    assert trained.raw.outputs.shape[1] == fresh.raw.outputs.shape[1] == 1000
    assert trained.preprocessing == fresh.preprocessing  # timm's own, of the published weights
    assert (trained.preprocessing["mean"], trained.preprocessing["interpolation"]) == ([0.5] * 3, "bicubic")
    assert (trained.precision, trained.cutoff, trained.delta) == ("float32", 3.0, 1.0)


def test_names_go_block_by_block():
    names = ["_conv_stem.weight", "_blocks.0._project_conv.weight", "_blocks.1._expand_conv.weight"]
    names += ["_blocks.1._project_conv.weight", "_blocks.2._bn2.bias", "_bn1.running_mean", "_fc.bias"]
    assert list(timm_names(names, [1, 2]).values()) == [
        "conv_stem.weight",
        "blocks.0.0.conv_pw.weight",
        "blocks.1.0.conv_pw.weight",
        "blocks.1.0.conv_pwl.weight",
        "blocks.1.1.bn2.bias",
        "bn2.running_mean",
        "classifier.bias",
    ]


def test_weights_of_another_network_are_refused():
    with pytest.raises(ValueError, match="not those of an EfficientNet-Lite0"):
        converted({"_fc.bias": torch.zeros(1000)})
