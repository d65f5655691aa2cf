"""Copy a trained checkpoint to pretrained/: float16 safetensors, config.json, and its entry in manifest.json.

    python scripts/maintain/keep_checkpoint.py runs/resnet18/checkpoint.pt

The manifest's test error and R_f are measured with the float16 weights. Vectors (biases, batch-norm statistics) stay in
float32: they are small, and some variances don't fit into float16.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from operator import itemgetter
from pathlib import Path
from typing import Any

import click
import torch
from safetensors.torch import save

from diffstab import MaxEntropyEnsemble, load_dataset, load_model, measure
from diffstab.models import Shape
from diffstab.provenance import git_commit, versions
from diffstab.training import write_network
from diffstab.writing import write_atomically

PRETRAINED = Path(__file__).parents[2] / "pretrained"


def half(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.half().contiguous() if tensor.is_floating_point() and tensor.ndim > 1 else tensor.contiguous()


def keep(weights: Mapping[str, torch.Tensor], recipe: Mapping[str, Any], origin: Mapping[str, Any]) -> None:
    """Writes a network's folder in pretrained/ and its entry in the manifest; `origin` has versions and commit."""
    model, dataset = recipe["model"], recipe["dataset"]
    folder = PRETRAINED / f"{model}-{dataset}"
    folder.mkdir(parents=True, exist_ok=True)
    content = save({name: half(tensor) for name, tensor in weights.items()})
    data_dir = recipe.get("data_dir")
    test = load_dataset(dataset, data_dir=data_dir)
    path = write_network(folder, content, model, Shape(*test.shape, test.classes), test.preprocessing)
    network = load_model(model, dataset=dataset, data_dir=data_dir, checkpoint=path)
    result = measure(network, test, MaxEntropyEnsemble(test.shape[1:], delta=1.0))
    assert result.test_error is not None
    entry = {
        "model": model,
        "dataset": dataset,
        "file": f"{folder.name}/{path.name}",
        "sha256": hashlib.sha256(content).hexdigest(),
        "seed": recipe["seed"],
        "recipe": dict(recipe),
        "test_error": asdict(result.test_error),
        "R": result.R._asdict(),
        "measured": f"all {result.images} test images, c = 3, delta = 1, paper convention, seed 0",
        **origin,
    }
    enter(entry)
    click.echo(f"{folder.name}: {len(content) / 1e6:.1f} MB, R_f {result.R.value:.3f}", err=True)


def enter(entry: dict[str, Any]) -> None:
    """Writes an entry to the manifest; it replaces an earlier entry of that network."""
    path = PRETRAINED / "manifest.json"
    kept = json.loads(path.read_text())["checkpoints"] if path.exists() else []
    name = itemgetter("model", "dataset")
    kept = sorted([other for other in kept if name(other) != name(entry)] + [entry], key=name)
    write_atomically(path, json.dumps({"checkpoints": kept}, indent=2).encode() + b"\n")


@click.command()
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path))
def main(checkpoint: Path) -> None:
    """Copy CHECKPOINT, the checkpoint.pt of a finished `diffstab train`, to pretrained/."""
    state = torch.load(checkpoint, weights_only=True)
    keep(state["best"], state["recipe"], {"versions": versions(), "git_commit": git_commit()})


if __name__ == "__main__":
    main()
