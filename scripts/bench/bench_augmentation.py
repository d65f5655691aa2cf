"""Test error after training without the augmentation, and with it: half of the default, the default, p = 1, all of T.

    python scripts/bench/bench_augmentation.py --dataset fashionmnist --data-dir /usr/share/datasets/fashion-mnist

Trainings of one seed begin with the same weights and see the same images in the same order, so errors are compared seed
by seed. The interval is Student's over seeds, for the difference from no augmentation.
"""

import statistics
from collections.abc import Callable

import click
import numpy as np
import torch
from torch import Tensor

from diffstab.fields import largest_temperature
from diffstab.models import Shape
from diffstab.options import DEFAULT_CUTOFF, TrainOptions
from diffstab.statistics import mean_interval
from diffstab.training import Trainer, fresh_state, measure_error, prepare_images
from diffstab.training.images import Images
from diffstab.transforms import RandomDiffeomorphism
from diffstab.transforms.law import UNFOLDED

CPU = torch.device("cpu")
NONE = "none"
FIXED = {"recipe": "laptop", "select": "last", "holdout": 0}
Transform = Callable[[Tensor], Tensor]


def augmentations(size: tuple[int, int]) -> dict[str, RandomDiffeomorphism | None]:
    """Returns the compared augmentations, by name."""
    largest = largest_temperature(size, DEFAULT_CUTOFF, UNFOLDED)
    return {
        NONE: None,
        "half of the default": RandomDiffeomorphism(temperature=(0.0, largest / 4)),
        "default": RandomDiffeomorphism(),
        "default, p = 1": RandomDiffeomorphism(p=1.0),
        "published range, p = 1": RandomDiffeomorphism(temperature="range", p=1.0),
    }


def error_after(options: TrainOptions, images: Images, transform: RandomDiffeomorphism | None) -> float:
    """Trains a network and returns its test error after the last epoch."""
    epochs = options.epochs
    state = fresh_state(options, Shape(*images.test.shape, images.test.classes), CPU, epochs)

    def augment(batch: Tensor, generator: torch.Generator) -> Tensor:
        if transform is None:
            return batch
        transform.generator = generator
        deformed: Tensor = transform(batch)
        return deformed

    trainer = Trainer(options, images.train, augment, state.model, CPU)  # type: ignore[arg-type]
    for _ in range(epochs):
        trainer.run_epoch(state)
        state.schedule.step()
        state.epochs_done, state.step = state.epochs_done + 1, 0
    return measure_error(state.model, images.test, CPU)


def compare(given: dict[str, object], seeds: int) -> None:
    """Trains with each augmentation and prints one line for each."""
    errors: dict[str, list[float]] = {}
    for seed in range(seeds):
        options = TrainOptions.from_mapping({**given, "seed": seed})
        images = prepare_images(options)
        for name, transform in augmentations(images.test.shape[1:]).items():
            errors.setdefault(name, []).append(error_after(options, images, transform))
    for name, own in errors.items():
        mean, low, high = mean_interval(100 * (np.array(own) - np.array(errors[NONE])))
        change = "" if name == NONE else f"{mean:+6.2f} points ({low:+.2f} to {high:+.2f})"
        print(f"  {name:<24} {100 * statistics.fmean(own):6.2f} % {change}", flush=True)


@click.command(context_settings={"show_default": True})
@click.option("--model", "models", multiple=True, default=("lenet", "fc_l4", "vgg11_bn-w0.25"))
@click.option("--dataset", default="mnist5k")
@click.option("--data-dir", help="Folder of the data set.")
@click.option("--size", default=2000, help="Number of training images.")
@click.option("--epochs", default=40, help="Passes over the training images.")
@click.option("--seeds", default=5, type=click.IntRange(min=2))
@click.option("--threads", default=1)
def main(
    models: tuple[str, ...], dataset: str, data_dir: str | None, size: int, epochs: int, seeds: int, threads: int
) -> None:
    torch.set_num_threads(threads)
    for model in models:
        print(f"{model}, {size} images of {dataset}, {epochs} epochs, {seeds} seeds: test error", flush=True)
        given = {"model": model, "dataset": dataset, "data_dir": data_dir, "train_size": size, "epochs": epochs}
        compare({name: value for name, value in given.items() if value is not None} | FIXED, seeds)


if __name__ == "__main__":
    main()
