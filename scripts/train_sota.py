"""Train one of the paper's networks on an embedded or local data set; killed at any point, it goes on where it was.

    python scripts/train_sota.py --model resnet18 --epochs 20 --output runs/resnet18
    python scripts/train_sota.py --model fc_l4 --optimizer adam --lr 1e-3 --weight-decay 0 --epochs 50 \
        --translate 0 --output runs/fc_l4

Recipe (App. E.1): cross-entropy, batches of 128, SGD with momentum 0.9, weight decay 5e-4 and a cosine over all
epochs; random translations; the last epoch is kept, so nothing is chosen on the test set. The training images are
shuffled and translated by a stream of their own per epoch: a resumed run sees what an uninterrupted one would.
"""

import json
import os
import time
from pathlib import Path

import click
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from diffstab.data import TensorImageSet, load_dataset
from diffstab.models import load_model


def translate(images: Tensor, reach: int, generator: torch.Generator) -> Tensor:
    """Each image shifted by whole pixels, uniform in [-reach, reach]^2; the darkest value comes in at the border."""
    if reach == 0:
        return images
    count, _, height, width = images.shape
    padded = F.pad(images, [reach] * 4, value=float(images.min()))
    dx, dy = torch.randint(0, 2 * reach + 1, (2, count, 1, 1), generator=generator)
    rows = dy + torch.arange(height).view(-1, 1)
    columns = dx + torch.arange(width)
    return padded[torch.arange(count).view(-1, 1, 1), :, rows, columns].permute(0, 3, 1, 2)


def make_optimizer(net: nn.Module, recipe: dict) -> torch.optim.Optimizer:
    rate, decay = recipe["lr"], recipe["weight_decay"]
    if recipe["optimizer"] == "adam":
        return torch.optim.Adam(net.parameters(), lr=rate, weight_decay=decay)
    return torch.optim.SGD(net.parameters(), lr=rate, momentum=recipe["momentum"], weight_decay=decay)


def train_epoch(net: nn.Module, data: TensorImageSet, optimizer, recipe: dict, epoch: int) -> float:
    """One pass over the training images; the mean loss."""
    generator = torch.Generator().manual_seed(recipe["seed"] * 100_003 + epoch)
    order = torch.randperm(len(data), generator=generator)
    losses = []
    net.train()
    for index in order.split(recipe["batch_size"]):
        images = translate(data.images[index], recipe["translate"], generator)
        if recipe["bfloat16"]:
            images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=recipe["bfloat16"]):
            loss = F.cross_entropy(net(images), data.labels[index])
        if not torch.isfinite(loss):
            raise SystemExit(f"the loss is {loss.item()} in epoch {epoch}; the last checkpoint is kept")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses).mean().item()


@torch.no_grad()
def test_error(net: nn.Module, data: TensorImageSet) -> float:
    net.eval()
    wrong = [
        net(images).argmax(1) != labels
        for images, labels in zip(data.images.split(250), data.labels.split(250), strict=True)
    ]
    return torch.cat(wrong).double().mean().item()


def save(path: Path, state: dict) -> None:
    """To a temporary name, then renamed: an interrupted run leaves the previous checkpoint whole."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


@click.command(context_settings={"show_default": True})
@click.option("--model", default="resnet18")
@click.option("--dataset", default="mnist5k")
@click.option("--epochs", default=20)
@click.option("--batch-size", default=128)
@click.option("--optimizer", type=click.Choice(["sgd", "adam"]), default="sgd")
@click.option("--lr", default=0.1)
@click.option("--momentum", default=0.9, help="SGD only.")
@click.option("--weight-decay", default=5e-4)
@click.option("--translate", default=4, help="Largest random shift, pixels.")
@click.option("--seed", default=0)
@click.option("--bfloat16/--float32", default=False, help="Forward and backward in bfloat16 autocast.")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Folder of the run.")
def main(output: Path, **recipe) -> None:
    """Train a network and keep it in OUTPUT/checkpoint.pt, with the recipe beside it."""
    output.mkdir(parents=True, exist_ok=True)
    train, test = (load_dataset(recipe["dataset"], split=split) for split in ("train", "test"))
    if not (isinstance(train, TensorImageSet) and isinstance(test, TensorImageSet)):
        raise click.UsageError(f"--dataset is {recipe['dataset']!r}; an embedded data set with labels is needed")
    net = load_model(recipe["model"], dataset=recipe["dataset"], weights="init", seed=recipe["seed"])
    if recipe["bfloat16"]:
        net.to(memory_format=torch.channels_last)
    optimizer = make_optimizer(net, recipe)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe["epochs"])
    path, done, error = output / "checkpoint.pt", 0, float("nan")
    if path.exists():
        state = torch.load(path, weights_only=True)
        if state["recipe"] != recipe:
            raise click.UsageError(f"{path} has another recipe: {state['recipe']}; this run's: {recipe}")
        net.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        done, error = state["epochs_done"], state["test_error"]
    for epoch in range(done, recipe["epochs"]):
        start = time.perf_counter()
        loss = train_epoch(net, train, optimizer, recipe, epoch)
        schedule.step()
        error = test_error(net, test)
        parts = {"model": net, "optimizer": optimizer, "schedule": schedule}
        states = {name: part.state_dict() for name, part in parts.items()}
        save(path, {**states, "recipe": recipe, "epochs_done": epoch + 1, "test_error": error})
        seconds = time.perf_counter() - start
        click.echo(f"epoch {epoch + 1:3d}  loss {loss:.4f}  test error {error:.2%}  {seconds:.0f} s", err=True)
    print(json.dumps({"recipe": recipe, "test_error": error}))


if __name__ == "__main__":
    main()
