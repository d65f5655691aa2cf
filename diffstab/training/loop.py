"""The training loop: cross-entropy and a cosine over all epochs; the last one is kept, none is chosen on the test set.

Order and shifts of the images come from one stream per (seed, epoch), drawn on the CPU, and the masks of a network's
dropout from another: a run that was stopped sees what an uninterrupted one would. On the CPU, with the same number of
threads, its weights are the same bit for bit.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from ..data import TensorImageSet, load_dataset
from ..models import Shape, resolve_model
from ..models.failing import told_as_value_error
from ..options import TrainOptions
from ..settings import DEFAULT_DATASET, LARGEST_SEED
from ..streams import untouched_global_state
from .augment import translate
from .state import TrainingState, prepare, read_state, recipe_of, write_state
from .trained import Trained

CPU = torch.device("cpu")
TEST_BATCH = 250  # images
Progress = Callable[[int, int, float, float], None]


def train(
    options: TrainOptions, *, folder: Path | None = None, device: torch.device = CPU, progress: Progress | None = None
) -> Trained:
    """A network of the model that `options` name, trained on their data set.

    The global random states of Python, numpy and torch are not touched.

    Args:
        options: What to train, and how. Their `device` is not read here.
        folder: Holds `checkpoint.pt` after every epoch, from which the same call goes on; made where it is missing.
        device: Where the network is trained.
        progress: Called after each epoch, once its checkpoint is written, with
            (epoch, epochs, mean loss, test error); epochs count from 1.

    Raises:
        ValueError: If model or data set is unknown or the images have no labels, the folder can't be written, its
            checkpoint is damaged or of other options, or the loss stops being finite.

    >>> options = TrainOptions(model="fc_l4", optimizer="adam", lr=1e-3, weight_decay=0, translate=0, epochs=1)
    >>> trained = train(options)
    >>> trained.test_error < 0.6
    True
    """
    recipe = recipe_of(options)
    path = None if folder is None else prepare(Path(folder))
    images, test = labelled_splits(options)
    shape = Shape(*images.shape, images.classes)
    with untouched_global_state(device):
        state = fresh_state(options, shape, device)
    if path is not None and path.exists():
        content = read_state(path, recipe)
        state.fill(content, f"checkpoint {str(path)!r}", dataset=images.name, classes=images.classes)
    while state.epochs_done < options.epochs:
        with untouched_global_state(device):
            run_epoch(state, images, test, options, device, path)
        if path is not None:
            write_state(path, state, recipe)
        if progress is not None:
            progress(state.epochs_done, options.epochs, state.loss, state.test_error)
    return Trained(
        network=state.model.eval(),
        options=options,
        shape=shape,
        epochs=state.epochs_done,
        loss=state.loss,
        test_error=state.test_error,
        seconds=state.seconds,
    )


def labelled_splits(options: TrainOptions) -> tuple[TensorImageSet, TensorImageSet]:
    """Training and test images. Raises ValueError unless they have labels and are held in memory."""
    test = load_dataset(options.dataset, split="test", data_dir=options.data_dir)
    if isinstance(test, TensorImageSet) and test.classes:
        train = load_dataset(options.dataset, split="train", data_dir=options.data_dir)
        if isinstance(train, TensorImageSet):
            return train, test
    raise ValueError(
        f"dataset is {options.dataset!r}; training needs labelled images held in memory, such as {DEFAULT_DATASET}"
    )


def fresh_state(options: TrainOptions, shape: Shape, device: torch.device) -> TrainingState:
    """Before the first epoch: the initialised network, tried on one image, and its optimiser and schedule."""
    loaded = resolve_model(options.model, shape, dataset=options.dataset, weights="init", seed=options.seed)
    network = loaded.network.to(device)
    if options.bfloat16:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with told_as_value_error(options.model, shape[:3]), torch.no_grad():
        network(torch.zeros(1, *shape[:3], device=device))
    optimizer = make_optimizer(network, options)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs)
    return TrainingState(network, optimizer, schedule)


def make_optimizer(network: nn.Module, options: TrainOptions) -> torch.optim.Optimizer:
    """SGD with momentum, or Adam."""
    rate, decay = options.lr, options.weight_decay
    if options.optimizer == "adam":
        return torch.optim.Adam(network.parameters(), lr=rate, weight_decay=decay)
    return torch.optim.SGD(network.parameters(), lr=rate, momentum=options.momentum, weight_decay=decay)


def run_epoch(
    state: TrainingState,
    images: TensorImageSet,
    test: TensorImageSet,
    options: TrainOptions,
    device: torch.device,
    path: Path | None,
) -> None:
    """One epoch and its test. Raises ValueError if the loss or the outputs stop being finite."""
    start = time.perf_counter()
    loss = train_epoch(state.model, images, state.optimizer, options, state.epochs_done, device)
    error = measure_error(state.model, test, device) if math.isfinite(loss) else math.nan
    if math.isnan(error):
        what = "the network's outputs are no longer finite" if math.isfinite(loss) else f"the loss is {loss:g}"
        advice = f"lower lr, which is {options.lr:g}"
        if path is not None and state.epochs_done:
            advice += f", and take another folder ({str(path)!r} keeps epoch {state.epochs_done})"
        raise ValueError(f"{what} in epoch {state.epochs_done + 1}; {advice}")
    state.schedule.step()
    state.epochs_done, state.loss, state.test_error = state.epochs_done + 1, loss, error
    state.seconds += time.perf_counter() - start


def train_epoch(
    network: nn.Module,
    data: TensorImageSet,
    optimizer: torch.optim.Optimizer,
    options: TrainOptions,
    epoch: int,
    device: torch.device,
) -> float:
    """One pass over the training images; the mean loss, or the first that is not finite, at which it ends."""
    stream = (options.seed * 100_003 + epoch) % (LARGEST_SEED + 1)
    generator = torch.Generator().manual_seed(stream)
    seed_masks(LARGEST_SEED - stream, device)
    order = torch.randperm(len(data), generator=generator)
    losses = []
    network.train()
    for index in order.split(options.batch_size):
        batch = translate(data.images[index], options.translate, generator).to(device)
        if options.bfloat16:
            batch = batch.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=options.bfloat16):
            loss = F.cross_entropy(network(batch), data.labels[index].to(device))
        if not torch.isfinite(loss):
            return loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses).mean().item()


def seed_masks(seed: int, device: torch.device) -> None:
    """Seeds the global generators that dropout draws from: the CPU's and the device's, no other device's."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


@torch.no_grad()
def measure_error(network: nn.Module, data: TensorImageSet, device: torch.device) -> float:
    """Share of wrongly classified images; NaN where an output is not finite."""
    network.eval()
    wrong = 0
    for images, labels in zip(data.images.split(TEST_BATCH), data.labels.split(TEST_BATCH), strict=True):
        outputs = network(images.to(device))
        if not torch.isfinite(outputs).all():
            return math.nan
        wrong += int((outputs.argmax(1) != labels.to(device)).sum())
    return wrong / len(data)
