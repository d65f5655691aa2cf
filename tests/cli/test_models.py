"""`diffstab models`: what it lists, that every listed name can be used, and which weights it says there are."""

import json
import shlex
import subprocess
import sys

import pytest
import torch
from huggingface_hub import constants

from diffstab.cli.models import WEIGHTS
from diffstab.models import listing, sources
from diffstab.models.checkpoints import read_manifest
from diffstab.models.sources import Shape
from diffstab.options import LIBRARIES

SHAPE = Shape(3, 224, 224, 1000)


def rows(cli, *arguments: str):
    answer = cli("models", *arguments, "--json")
    assert answer.exit_code == 0, answer.stderr
    return json.loads(answer.stdout)


@pytest.fixture(autouse=True)
def caches(tmp_path, monkeypatch):
    """Empty ones of the hub and of torch.hub."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    return tmp_path


def test_the_table_is_on_stdout_and_the_count_on_stderr(cli):
    answer = cli("models", "paper:fc_l2")
    assert answer.exit_code == 0
    assert answer.stdout.splitlines() == ["model        weights  dataset", "paper:fc_l2  kept     mnist5k"]
    assert answer.stderr == "1 network, each set of weights by itself\n"


def test_without_a_pattern_the_papers_come_and_the_others_are_counted(cli):
    answer, everything, papers = cli("models"), rows(cli), rows(cli, "paper:*")
    assert answer.stdout == cli("models", "paper:*").stdout
    others = len(everything) - len(papers)
    assert answer.stderr.startswith(f"{len(papers)} networks of the paper; {others:,} others")
    told = shlex.split(answer.stderr.partition("diffstab ")[2].partition(",")[0])
    assert len(cli(*told).stdout.splitlines()) == len(everything) + 1  # as it says
    assert rows(cli, "*") == everything
    cached = cli("models", "--weights", "kept").stdout.splitlines()[1:]
    assert len(cached) == sum(row["weights"] == "kept" for row in everything)


def test_json_has_the_same_rows_as_the_table(cli):
    found, answer = rows(cli, "paper:*"), cli("models", "paper:*")
    assert len(answer.stdout.splitlines()) == len(found) + 1
    assert answer.stderr.startswith(f"{len(found)} networks")
    for line, row in zip(answer.stdout.splitlines()[1:], found, strict=True):
        assert line.split() == [row["spec"], row["weights"], row["dataset"] or "-"]


def test_every_kept_network_is_listed_and_those_without_weights_too(cli):
    found = rows(cli, "paper:*")
    kept = {(row["spec"], row["dataset"]) for row in found if row["weights"] == "kept"}
    assert kept == {(f"paper:{entry['model']}", entry["dataset"]) for entry in read_manifest()}
    assert {"spec": "paper:vgg11", "weights": "none", "dataset": None} in found
    assert {row["spec"].partition(":")[2] for row in found} >= set(sources.names("paper"))


def test_all_three_sources_are_listed_and_every_name_can_be_used(cli):
    found = rows(cli)
    specs = [row["spec"] for row in found]
    assert len({(row["spec"], row["dataset"]) for row in found}) == len(found) > 1500
    assert {spec.partition(":")[0] for spec in specs} == set(LIBRARIES)
    assert {row["weights"] for row in found} == {"kept", "published", "none"}
    for spec in specs[::97]:
        assert sources.find(spec, SHAPE) == tuple(spec.split(":", 1))


@pytest.mark.parametrize(
    ("pattern", "among", "least"),
    [
        ("resnet18", {"paper:resnet18", "timm:resnet18.a1_in1k", "torchvision:resnet18@IMAGENET1K_V1"}, 3),
        ("timm:resnet18", {"timm:resnet18.a1_in1k", "timm:resnet18.tv_in1k"}, 2),
        ("*.a1_in1k", {"timm:resnet18.a1_in1k", "timm:resnet50.a1_in1k"}, 2),
        ("timm:test_vit4", {"timm:test_vit4"}, 1),  # without weights
        ("torchvision:resnet50", {f"torchvision:resnet50@IMAGENET1K_V{n}" for n in (1, 2)}, 2),
        ("*@IMAGENET1K_V2", {"torchvision:resnet50@IMAGENET1K_V2"}, 2),
        ("resnet18-w0.*", {"paper:resnet18-w0.25"}, 1),
    ],
)
def test_a_pattern_lists_the_networks_that_match(cli, pattern, among, least):
    found = {row["spec"] for row in rows(cli, pattern)}
    assert among <= found
    assert len(found) >= least
    stem = pattern.partition(":")[2] or pattern
    assert all(stem.strip("*") in spec for spec in found)


def test_weights_choose_among_them(cli):
    assert {row["weights"] for row in rows(cli, "*resnet*", "--weights", "kept")} == {"kept"}
    two = rows(cli, "*resnet*", "--weights", "kept", "--weights", "none")
    assert {row["weights"] for row in two} == {"kept", "none"}
    assert len(two) == sum(len(rows(cli, "*resnet*", "--weights", one)) for one in ("kept", "none"))
    assert (listing.KEPT, listing.CACHED, listing.PUBLISHED, listing.NONE) == WEIGHTS


def test_weights_on_this_machine_are_shown_as_cached(cli, caches):
    from torchvision.models import ResNet18_Weights

    def cached():
        return [row["spec"] for row in rows(cli, "*resnet18*") if row["weights"] == "cached"]

    hub = caches / "hub" / "models--timm--resnet18.a1_in1k"
    (hub / "refs").mkdir(parents=True)
    (hub / "refs" / "main").write_text("c0ffee")
    (hub / "snapshots" / "c0ffee").mkdir(parents=True)
    (hub / "snapshots" / "c0ffee" / "config.json").write_text("{}")
    (caches / "torch" / "checkpoints").mkdir(parents=True)
    assert cached() == []  # its config alone
    (hub / "snapshots" / "c0ffee" / "model.safetensors").write_bytes(b"")
    (caches / "torch" / "checkpoints" / ResNet18_Weights.DEFAULT.url.rsplit("/", 1)[-1]).write_bytes(b"")
    assert cached() == ["timm:resnet18.a1_in1k", "torchvision:resnet18@IMAGENET1K_V1"]
    assert [row["spec"] for row in rows(cli, "--weights", "cached")] == cached()
    (caches / "torch" / "checkpoints" / "se_resnet50-ce0d4300.pth").touch()  # of timm, but on no hub
    assert rows(cli, "*legacy_seresnet50*") == [
        {"spec": "timm:legacy_seresnet50.in1k", "weights": "cached", "dataset": None}
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["paper:resnet81"], "no network matches 'paper:resnet81'; a pattern such as"),
        (["keras:*"], "no network matches 'keras:*'"),
        (["hf-hub:*"], "no network matches 'hf-hub:*'"),
        (["paper:vgg11", "--weights", "kept"], "no network that matches 'paper:vgg11' has weights that are kept"),
        (["paper:*", "--weights", "cached", "--weights", "published"], "has weights that are cached or published"),
        (["--weights", "some"], "'--weights': 'some' is not one of 'kept', 'cached', 'published', 'none'"),
    ],
)
def test_nothing_found_is_one_line_and_status_2(cli, arguments, message):
    answer = cli("models", *arguments)
    assert answer.exit_code == 2
    assert (answer.stdout, answer.stderr.count("\n")) == ("", 1)
    assert answer.stderr.startswith("Error: ")
    assert message in answer.stderr


@pytest.mark.slow
def test_the_papers_nets_are_listed_without_timm():
    script = (
        "import sys; from diffstab.models.listing import named_models; named_models('paper:*'); print(*sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"timm", "torchvision.models"} & set(answer.stdout.split())
