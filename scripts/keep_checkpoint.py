"""Keep a trained checkpoint in pretrained/: float16 safetensors, config.json, and its entry in manifest.json.

    python scripts/keep_checkpoint.py runs/resnet18/checkpoint.pt

What is kept is what is measured: the manifest's test error and R_f are those of the float16 weights. Vectors (biases,
batch-norm statistics) stay in float32: they are small, and float16 has no room for some variances.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import click
import torch
from safetensors.torch import save

from diffstab import MaxEntropyEnsemble, load_dataset, load_model, measure
from diffstab.provenance import git_commit, versions
from diffstab.results import write_atomically

PRETRAINED = Path(__file__).parents[1] / "pretrained"


def half(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.half().contiguous() if tensor.is_floating_point() and tensor.ndim > 1 else tensor.contiguous()


@click.command()
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path))
def main(checkpoint: Path) -> None:
    """Keep CHECKPOINT, written by train_sota.py, in pretrained/."""
    state = torch.load(checkpoint, weights_only=True)
    recipe = state["recipe"]
    model, dataset = recipe["model"], recipe["dataset"]
    folder = PRETRAINED / f"{model}-{dataset}"
    folder.mkdir(parents=True, exist_ok=True)
    weights = save({name: half(tensor) for name, tensor in state["model"].items()})
    write_atomically(folder / "model.safetensors", weights)

    test = load_dataset(dataset)
    network = load_model(model, dataset=dataset, checkpoint=folder / "model.safetensors")
    result = measure(network, test, MaxEntropyEnsemble(test.shape[1:], delta=1.0))
    assert result.test_error is not None
    config = {"architecture": model, "num_classes": test.classes, "in_chans": test.shape[0], "input_size": test.shape}
    write_atomically(folder / "config.json", json.dumps(config, indent=2).encode() + b"\n")
    entry = {
        "model": model,
        "dataset": dataset,
        "file": f"{folder.name}/model.safetensors",
        "sha256": hashlib.sha256(weights).hexdigest(),
        "seed": recipe["seed"],
        "recipe": recipe,
        "test_error": asdict(result.test_error),
        "R": result.R._asdict(),
        "measured": f"all {result.images} test images, c = 3, delta = 1, paper convention, seed 0",
        "versions": versions(),
        "git_commit": git_commit(),
    }
    path = PRETRAINED / "manifest.json"
    kept = json.loads(path.read_text())["checkpoints"] if path.exists() else []
    kept = [other for other in kept if (other["model"], other["dataset"]) != (model, dataset)] + [entry]
    kept.sort(key=lambda other: (other["model"], other["dataset"]))
    write_atomically(path, json.dumps({"checkpoints": kept}, indent=2).encode() + b"\n")
    click.echo(f"{folder.name}: {len(weights) / 1e6:.1f} MB, R_f {result.R.value:.3f}", err=True)


if __name__ == "__main__":
    main()
