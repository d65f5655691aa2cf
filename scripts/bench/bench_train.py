"""Time of the training loop relative to a bare torch loop, and of its augmentation relative to none.

    python scripts/bench/bench_train.py

The bare loop uses the same network, images, batches and optimiser, without checks, random streams or the test error.
Both run one epoch. Loading, the error on held-out images and checkpoints are not timed: they come once per epoch in any
loop.
"""

import click
import torch
from benchmarking import describe_machine, medians
from torch.nn import functional as F

from diffstab.models import Shape
from diffstab.options import TrainOptions
from diffstab.training import Augmentation, Trainer, darkest, fresh_state, make_optimizer, prepare_images

AUGMENTATIONS = {
    "none": {"translate": 0},
    "translate": {"translate": 4},
    "translate + flip": {"translate": 4, "flip": True},
    "diffeo": {"translate": 0, "diffeo_temperature": 1e-3},
    "translate + flip + diffeo": {"translate": 4, "flip": True, "diffeo_temperature": 1e-3},
}


def rivals_of(model: str, dataset: str, size: int, device: torch.device) -> dict[str, object]:
    """Returns functions that run one epoch: of the bare loop, and of this package's loop with each augmentation."""
    options = {
        name: TrainOptions(model=model, dataset=dataset, train_size=size, **own) for name, own in AUGMENTATIONS.items()
    }
    none = options["none"]
    images = prepare_images(none)
    train = images.train
    shape = Shape(*train.shape, train.classes)
    train.images, train.labels = train.images.to(device), train.labels.to(device)

    def ours(own: TrainOptions) -> object:
        state = fresh_state(own, shape, device, 1)
        trainer = Trainer(own, train, Augmentation.of(own, train.shape[1:], darkest(train.images)), state.model, device)

        def epoch() -> None:
            state.step, state.loss_sum = 0, 0.0
            trainer.run_epoch(state)

        return epoch

    network = fresh_state(none, shape, device, 1).model.train()
    optimizer = make_optimizer(network, none)

    def bare() -> None:
        for index in torch.randperm(len(train.images), device=device).split(none.batch_size):
            loss = F.cross_entropy(network(train.images[index]), train.labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return {"bare": bare, **{name: ours(own) for name, own in options.items()}}


@click.command(context_settings={"show_default": True})
@click.option("--model", "models", multiple=True, default=("lenet", "resnet18-w0.25"))
@click.option("--dataset", default="mnist5k")
@click.option("--size", default=2000, help="Number of training images.")
@click.option("--device", default="cpu")
@click.option("--threads", default=2)
@click.option("--rounds", default=7)
def main(models: tuple[str, ...], dataset: str, size: int, device: str, threads: int, rounds: int) -> None:
    torch.set_num_threads(threads)
    print(describe_machine(torch.device(device)))
    for model in models:
        seconds = medians(rivals_of(model, dataset, size, torch.device(device)), rounds=rounds, warmup=1)
        print(f"{model}, an epoch of {size} images of {dataset}: bare loop {seconds['bare']:.3f} s")
        print(f"  this loop / bare loop      {seconds['none'] / seconds['bare']:.3f}")
        for name in list(AUGMENTATIONS)[1:]:
            print(f"  {name:<26} {seconds[name] / seconds['none']:.3f} of the time without")


if __name__ == "__main__":
    main()
