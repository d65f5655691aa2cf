"""Networks of transformers and ONNX, and data sets of `datasets`, by the command line: measured, repeated, swept."""

import json

import pytest
from datasets import ClassLabel, Dataset, Features
from datasets import Image as Pictures
from support.graphs import as_onnx, convolutional
from support.hugging_face import network_of, picture, saved
from transformers import ViTImageProcessor

from diffstab import Store
from diffstab.options import MeasureOptions, TrainOptions
from diffstab.sweep import measure_job
from diffstab.training import train

NAMES = ["cat", "dog", "owl"]
SQUARE = {"height": 32, "width": 32}


def pictures(seed=0, count=12):
    features = Features({"image": Pictures(), "label": ClassLabel(names=NAMES)})
    columns = {"image": [picture(seed + k, 40, 36) for k in range(count)], "label": [k % 3 for k in range(count)]}
    return Dataset.from_dict(columns, features=features)


@pytest.fixture
def names(tmp_path, monkeypatch):
    """Names of a network of each kind, and of a data set; the labels of the first are in another order."""
    monkeypatch.chdir(tmp_path)
    labels = dict(enumerate(["dog", "owl", "cat"]))
    saved("vit", network_of("ViT", num_labels=3, id2label=labels), ViTImageProcessor(size=SQUARE))
    as_onnx(convolutional(3, classes=3), tmp_path / "net.onnx", ["N", 3, 36, 40])
    pictures().save_to_disk("pets")
    return "transformers:vit", "onnx:net.onnx", "hfds:pets"


def output_of(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(result):
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.strip().split("\n")[-1:]
    return line


def test_a_row_is_measured_again_where_its_names_are_trusted(cli, names):
    network, graph, images = names
    few = ("--images", 8, "--device", "cpu", "--store", "kept", "--json")
    for model in (network, graph):
        first = output_of(cli("measure", model, "--dataset", images, *few))
        assert (first["model"], first["dataset"], first["split"]) == (model, images, None)
        again = ("measure", "--store", "kept", "--from-row", first["key"], "--json")
        line = refused(cli(*again))
        kind = {network: "the network of transformers", graph: "the file"}[model]
        assert f"names {kind} '{model}', the data set '{images}'; if you trust this, add --trust {model}" in line
        same = output_of(cli(*again, "--trust", model, "--trust", images))
        assert [same[name] for name in "DGR"] == [first[name] for name in "DGR"]
        assert same["key"] == first["key"]


def test_classes_are_matched_by_their_names(cli, names):
    """Of a network whose outputs are ordered otherwise, in transformers' own words."""
    import torch
    from transformers import AutoImageProcessor, AutoModelForImageClassification

    network, _, images = names
    theirs = AutoModelForImageClassification.from_pretrained("vit").eval()
    processor, wrong = AutoImageProcessor.from_pretrained("vit", backend="pil"), 0
    for row in pictures():
        with torch.no_grad():
            found = theirs(**processor(row["image"], return_tensors="pt")).logits.argmax().item()
        wrong += theirs.config.id2label[found] != NAMES[row["label"]]
    result = output_of(cli("measure", network, "--dataset", images, "--images", 12, "--json", "--device", "cpu"))
    assert result["test_error"]["value"] == pytest.approx(wrong / 12)
    assert 0 < wrong < 12


def test_a_sweep_takes_the_names_and_sees_changed_content(cli, names, tmp_path):
    network, graph, images = names
    spec = f"measure:\n  model: ['{network}', '{graph}']\n  dataset: '{images}'\n  images: 6\n  device: cpu\n"
    (tmp_path / "spec.yaml").write_text(spec)

    def run():
        result = cli("sweep", "spec.yaml", "--store", "kept", "--json", "--yes")
        return {name: output_of(result)[name] for name in ("done", "failed", "skipped")}

    assert run() == {"done": 2, "failed": 0, "skipped": 0}
    assert run() == {"done": 0, "failed": 0, "skipped": 2}
    as_onnx(convolutional(3, classes=3, seed=9), tmp_path / "net.onnx", ["N", 3, 36, 40])
    assert run() == {"done": 1, "failed": 0, "skipped": 1}
    saved("vit", network_of("ViT", num_labels=3, seed=9))
    assert run() == {"done": 1, "failed": 0, "skipped": 1}
    (tmp_path / "pets").rename(tmp_path / "before")
    pictures(seed=50).save_to_disk("pets")
    assert run() == {"done": 2, "failed": 0, "skipped": 0}
    hashes = {(row["model"], row["data_sha256"], row["weights_sha256"]) for row in Store("kept").rows()}
    assert len(hashes) == 6


def test_a_jobs_name_depends_on_content_and_not_on_the_path(names, tmp_path):
    network, graph, images = names

    def job(model, dataset=images):
        return measure_job(MeasureOptions(model=model, dataset=dataset)).id

    before = job(network), job(graph), job("lenet")
    for old, new in (("vit", "other"), ("net.onnx", "other.onnx"), ("pets", "animals")):
        (tmp_path / old).rename(tmp_path / new)
    assert before == tuple(job(one, "hfds:animals") for one in ("transformers:other", "onnx:other.onnx", "lenet"))
    assert len({*before, job("lenet", "hfds:animals,label=label"), job("lenet", "hfds:someone/animals")}) == 5
    assert job("transformers:a/b") != job("transformers:a/c")


@pytest.mark.slow
def test_workers_and_pages_take_them(cli, names, tmp_path):
    network, _, images = names
    options = ("--images", 6, "--device", "cpu", "--json", "--dataset", images)
    alone = output_of(cli("measure", network, *options))
    several = output_of(cli("measure", network, *options, "--workers", 2, "--report", "page.html"))
    assert [several[name] for name in "DGR"] == [alone[name] for name in "DGR"]
    assert "transformers:vit" in (tmp_path / "page.html").read_text()


def test_a_network_of_transformers_is_trained_and_measured(cli, names, tmp_path):
    options = {"epochs": 1, "train_size": 100, "device": "cpu"}
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    output_of(cli("train", "--model", names[0], *words, "--output", "trained", "--json"))
    again = ("measure", "local-dir:trained", "--images", 20, "--device", "cpu", "--json")
    assert "names transformers:vit" in refused(cli(*again)) or "'transformers:vit'" in refused(cli(*again))
    assert output_of(cli(*again, "--trust", names[0]))["test_error"]["value"] <= 1


def test_training_needs_images_in_memory(names):
    with pytest.raises(ValueError, match=r"dataset is 'hfds:pets'; training needs labelled images held in memory"):
        train(TrainOptions(model="fc_l2", dataset=names[2], epochs=1))


def test_errors_are_one_line(cli, names):
    for words, message in (
        (("--model", "transformers:nowhere/x", "--dataset", names[2]), "pretrained transformers:nowhere/x is not on"),
        (("--model", "onnx:nothing.onnx"), "model is 'onnx:nothing.onnx', which can't be read"),
        (("--model", names[1], "--dataset", names[2], "--layers", "auto"), "shows no layers; measure it without"),
        (("--dataset", "hfds:pets,label=none"), "has no column 'none'; there are image, label: name one"),
    ):
        line = refused(cli("measure", *words, "--images", 4, "--device", "cpu"))
        assert line.startswith("Error: ")
        assert message in line
