"""The networks that docs/networks.md lists are measured as it says, and what it says can't be is refused."""

import math
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import timm
import torch
import torchvision.models
from safetensors.torch import save_file
from torch import nn

from diffstab import MaxEntropyEnsemble, measure
from diffstab.measuring.by_name import measure_cell
from diffstab.models.from_timm import timm_card
from diffstab.models.resolve import resolve_model
from diffstab.models.sources import Shape
from diffstab.options.measure import MeasureOptions
from diffstab.results import StabilityResult
from diffstab.results.layers import LayerStability

PAGE = (Path(__file__).parents[2] / "docs" / "networks.md").read_text()
CLASSES = 10
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


class Row(NamedTuple):
    """Of a table of the page; with the part of the error that is quoted, for what can't be measured."""

    model: str
    side: int
    arguments: str
    family: str = ""
    measured: str = ""
    error: str = ""


def table(heading: str) -> list[dict[str, str]]:
    """The cells of a section's table by column, without quotes."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line.strip("| ").split("|") for line in section.splitlines() if line.startswith("|")]
    names, _, *rows = ([cell.strip(" `") for cell in line] for line in lines)
    return [dict(zip(names, row + [""] * (len(names) - len(row)), strict=True)) for row in rows]


def listed(heading: str) -> list[Row]:
    others = ("family", "measured", "error")
    return [
        Row(row["model"], int(row["input"].split()[0]), row["with"], **{name: row.get(name, "") for name in others})
        for row in table(heading)
    ]


TIMM, TORCHVISION, OTHERS, ONCE = map(listed, ("timm", "torchvision", "Other outputs", "Run once"))
REFUSED = listed("What can't be measured")


def name_of(row: Row) -> str:
    return row.model.rpartition(".")[2]


def options(row: Row, **others: Any) -> MeasureOptions:
    return MeasureOptions(
        model=row.model,
        weights="init",
        dataset="photos",
        img_size=row.side,
        images=4,
        num_classes=None if row.error else CLASSES,
        model_kwargs=row.arguments or None,
        resamples=100,
        device="cpu",
        **others,
    )


def check_numbers(result: StabilityResult | LayerStability) -> None:
    for number in (result.D, result.G, result.R):
        assert math.isfinite(number.value)
        assert number.value > 0
        assert number.low <= number.value <= number.high


def test_enough_families_are_listed():
    assert len({row.family for row in TIMM}) == len(TIMM) >= 40
    assert len({row.family for row in TORCHVISION}) == len(TORCHVISION) >= 15


def test_every_family_of_timm_is_told_of():
    told = {row.family for row in (*TIMM, *ONCE) if row.model.startswith("timm:")}
    whole = re.findall(r"\| (\w+), the whole family", PAGE)
    assert set(timm.list_modules()) - told <= set(whole)


@pytest.mark.parametrize("row", [*TIMM, *TORCHVISION, *OTHERS, *ONCE], ids=name_of)
def test_network_is_of_its_family(row):
    source, _, name = row.model.partition(":")
    if source == "timm":
        assert name in timm.list_models(module=row.family)
    else:
        assert torchvision.models.get_model_builder(name).__module__.split(".")[-1] == row.family


@pytest.mark.parametrize("row", [*TIMM, *TORCHVISION, *OTHERS], ids=name_of)
def test_network_is_measured(row):
    result = measure_cell(options(row, layers="auto"))
    shape, _, where = row.measured.partition(", ")
    check_numbers(result)
    assert result.raw.outputs.shape == (4, math.prod(map(int, re.findall(r"\d+", shape))))
    assert result.output == (where or None)
    assert result.preprocessing["size"] == [row.side, row.side]
    assert len(result.layers) > 2
    for layer in result.layers:
        check_numbers(layer)
    depths = [layer.depth for layer in result.layers]
    assert depths == sorted(depths)
    output = next(layer for layer in reversed(result.layers) if layer.is_output)
    assert (output.D, output.G, output.R) == (result.D, result.G, result.R)
    first_of_several_features = "tensor 1 of 5" in row.measured  # which the network goes on from
    assert (result.layers[-1].is_output, result.layers[-1].depth) == (not first_of_several_features, 1.0)


def state(network: nn.Module) -> dict[str, Any]:
    """All that a measurement must leave as it was."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    modules = list(network.modules())
    return {
        "tensors": {name: tensor.clone() for name, tensor in [*network.named_parameters(), *network.named_buffers()]},
        "modes": [module.training for module in modules],
        "hooks": [len(getattr(module, kind)) for module in modules for kind in hooks],
        "gradients": [parameter.requires_grad for parameter in network.parameters()],
    }


@pytest.mark.parametrize(
    "spec",
    [
        "timm:convit_tiny",  # replaces a buffer when images have another size
        "timm:resnet10t",
        "timm:levit_128s",
        "timm:nf_regnet_b0",
        "torchvision:regnet_y_400mf",
        "torchvision:mobilenet_v3_small",
    ],
)
@pytest.mark.parametrize("batch_norm", ["running", "batch"])
def test_network_is_left_as_it_was(spec, batch_norm):
    network = resolve_model(spec, Shape(3, 64, 64, CLASSES), dataset="photos", weights="init").network.train()
    images = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    before = state(network)
    measure(network, images, MaxEntropyEnsemble(64, cutoff=3, delta=1.0), batch_norm=batch_norm, resamples=100)
    after = state(network)
    torch.testing.assert_close(after.pop("tensors"), before.pop("tensors"), rtol=0, atol=0)
    assert after == before


@pytest.mark.parametrize("row", REFUSED, ids=name_of)
def test_what_cannot_be_measured_is_refused(row):
    with pytest.raises((ValueError, TypeError), match=re.escape(row.error)):
        measure_cell(options(row))


def test_classifier_of_zeros_is_measured_with_other_weights(tmp_path):
    row = next(row for row in REFUSED if row.model == "timm:gmlp_ti16_224")
    network = timm.create_model("gmlp_ti16_224", img_size=row.side)
    assert not network.head.weight.any()
    nn.init.normal_(network.head.weight, generator=torch.Generator().manual_seed(4))
    save_file(network.state_dict(), tmp_path / "trained.safetensors")
    check_numbers(measure_cell(options(row, checkpoint=str(tmp_path / "trained.safetensors"))))


def test_every_network_of_timm_tells_how_images_become_its_input():
    cards = {name: timm_card(name).preprocessing for name in timm.list_models()}
    assert all(cards.values())
    bordered = cards["volo_d4_448"]  # whose share of 1.15 leaves a border
    assert (bordered.size, bordered.resize) == ((448, 448), (389, 389))
