"""Jobs, the units of work of a sweep, and the one function that every executor calls to run them."""

import hashlib
import json
import os
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..experiments import run_experiment
from ..options import (
    COLUMNS,
    LOCAL,
    ONNX,
    OPTIONS,
    PREFIXES,
    TRANSFORMERS,
    MeasureOptions,
    RegimeOptions,
    Role,
    StripeOptions,
    TrainOptions,
    settings_of,
)
from ..results import SCHEMA, StabilityResult
from ..store import DONE, FAILED, WEIGHTS, Entry, asked_of, measured_entry
from .code_files import imported_files
from .content import content_of, content_of_dataset, content_of_graph

TRAIN, MEASURE = "train", "measure"
Options = MeasureOptions | TrainOptions | StripeOptions | RegimeOptions
KINDS: dict[str, type[Options]] = {TRAIN: TrainOptions, MEASURE: MeasureOptions, **OPTIONS}
THREADS = 1  # per job: many jobs side by side use a machine better than one job on all its cores


@dataclass(frozen=True)
class Job:
    """One training, one measurement or one experiment.

    Attributes:
        options: Options of the command or experiment.
        id: Hash (sha256) of the options and of the files' content; a job whose id is in the store is done.
        trained_by: Train job whose weights are measured; None for other weights.
        replaces: Time of the job's row in the store, if the network has changed since.
    """

    options: Options
    id: str
    trained_by: "Job | None" = None
    replaces: str | None = None

    @property
    def kind(self) -> str:
        """Kind of job: `train`, `measure`, or the name of an experiment."""
        return next(kind for kind, options in KINDS.items() if type(self.options) is options)

    def __str__(self) -> str:
        changed = changed_options(self.options)
        if self.trained_by is not None:
            changed["weights"] = TRAIN
            changed |= {f"train.{name}": value for name, value in changed_options(self.trained_by.options).items()}
        texts = [
            f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in changed.items()
        ]
        return " ".join([self.kind, *filter(None, [self.model]), *texts])

    @property
    def model(self) -> str:
        """Name of the network; empty for an experiment."""
        return self.options.model if isinstance(self.options, MeasureOptions | TrainOptions) else ""


def changed_options(options: Options) -> dict[str, Any]:
    """Returns the options, except the model, that differ from the defaults."""
    return {
        name: value for name, value in options.changed().items() if name not in ("model", "trust") and value is not None
    }


def train_job(options: TrainOptions) -> Job:
    """Returns the job of one training."""
    return Job(options, _identity(TRAIN, options.to_dict(), None))


def measure_job(options: MeasureOptions, trained_by: Job | None = None) -> Job:
    """Returns the job of one measurement.

    Args:
        options: Options of `diffstab measure`.
        trained_by: Train job whose weights are measured.
    """
    return Job(options, _identity(MEASURE, options.to_dict(), trained_by), trained_by)


def experiment_job(options: StripeOptions | RegimeOptions) -> Job:
    """Returns the job of one experiment."""
    kind = next(name for name, own in OPTIONS.items() if type(options) is own)
    return Job(options, _identity(kind, options.to_dict(), None))


def _identity(kind: str, options: Mapping[str, Any], trained_by: Job | None) -> str:
    """Returns a job's id.

    Files count by content, not by name. The machine and options that change no number don't count.
    """
    content = {
        name: options[name]
        for name, one in settings_of(KINDS[kind]).items()
        if not one.has(Role.EXECUTION) and (one.has(Role.FIRST) or options[name] != one.default)
    }
    content |= _model_files(content["model"]) if kind in (TRAIN, MEASURE) else {}
    if content.get("checkpoint") is not None:
        content["checkpoint"] = content_of(content["checkpoint"])
        content.pop("weights")
    if "dataset" in content:
        content["dataset"] = content_of_dataset(content["dataset"])
    if kind == MEASURE and content["batch_norm"] != "batch":
        content.pop("batch_size")
    for name in ("data_dir", "changed_dir"):
        if content.get(name) is not None:
            content[name] = content_of(content[name])
    content |= {"schema": SCHEMA, "kind": kind, "trained_by": trained_by.id if trained_by else None}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _model_files(model: str) -> dict[str, Any]:
    """Returns hashes of the files that a model's name refers to: a folder, a graph, or own code with its imports."""
    prefix, _, name = model.partition(":")
    if is_folder_of_weights(model):
        return {"model": content_of(os.path.expanduser(name))}
    if prefix == ONNX:
        return {"model": content_of_graph(Path(name).expanduser())}
    if is_own_code(model):
        from ..models import code_file

        file = code_file(model)
        if file is None:
            return {}
        imported = {name: content_of(str(one)) for name, one in imported_files(file, prefix).items()}
        return {"code": content_of(str(file)), **({"imports": imported} if imported else {})}
    return {}


def is_folder_of_weights(model: str) -> bool:
    """Returns True if a model's name means a folder with a network: `local-dir:PATH`, or one of transformers."""
    prefix, _, name = model.partition(":")
    return prefix == LOCAL or (prefix == TRANSFORMERS and os.path.isdir(os.path.expanduser(name)))


def is_own_code(model: str) -> bool:
    """Returns True if a model's name is `package.module:callable`, code that may read any file."""
    prefix, colon, _ = model.partition(":")
    return bool(colon) and prefix not in PREFIXES


def start_of(options: TrainOptions) -> MeasureOptions:
    """Returns the options that measure the network with which a training begins."""
    return MeasureOptions(
        model=options.model,
        dataset=options.dataset,
        data_dir=options.data_dir,
        seed=options.seed,
        trust=options.trust,
        weights="init",
    )


def run_job(
    job: Job, *, checkpoint: Path | None = None, scratch: Path | None = None, threads: int = THREADS
) -> list[Entry]:
    """Runs a job and returns its rows with their sidecars; a job that fails returns one row with the error.

    Jobs of one process run one after another.

    Args:
        job: Job to run.
        checkpoint: File of the weights that `job.trained_by` gave.
        scratch: Folder for a training's state, from which it continues after a stop.
        threads: Number of torch's threads. Sums in float32 depend on it by 1e-6, so executors choose it without regard
            to the machine's load.
    """
    try:
        with _threads(threads):
            if isinstance(job.options, StripeOptions | RegimeOptions):
                row = {**_head(job, DONE), **job.options.to_dict(), **run_experiment(job.options), **_origin()}
                return [Entry(row)]
            return [_trained(job, scratch) if job.kind == TRAIN else _measured(job, checkpoint)]
    except (ValueError, TypeError) as error:  # messages of the library are complete without a traceback
        return [failed_entry(job, type(error).__name__, str(error))]
    except Exception as error:  # one bad model never stops a sweep
        return [failed_entry(job, type(error).__name__, str(error), traceback.format_exc(limit=-5))]


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Sets torch's number of threads inside the context; it holds for the whole process, so jobs take turns."""
    import torch

    from ..processes import taking_turns

    with taking_turns():
        before = torch.get_num_threads()
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def _measured(job: Job, checkpoint: Path | None) -> Entry:
    from ..measuring import measure_cell

    options = job.options
    assert isinstance(options, MeasureOptions)
    if job.trained_by is None:
        return measured_row(job, measure_cell(options))
    result = measure_cell(replace(options, checkpoint=str(checkpoint)))
    return measured_row(job, replace(result, weights=TRAIN))


def measured_row(job: Job, result: StabilityResult) -> Entry:
    """Makes the row of a measurement, with the id of its job and the options that were asked for."""
    assert isinstance(job.options, MeasureOptions)
    more = {"asked": asked_of(job.options), "data_dir": job.options.data_dir}
    return measured_entry(result, job=job.id, **more, training=_training(job))


def _training(job: Job) -> dict[str, Any] | None:
    return None if job.trained_by is None else {"job": job.trained_by.id, **_told(job.trained_by.options)}


def _trained(job: Job, scratch: Path | None) -> Entry:
    from ..measuring import network_hashes
    from ..processes import chosen_device
    from ..statistics import binomial_interval
    from ..training import train

    options = job.options
    assert isinstance(options, TrainOptions)
    trained = train(options, folder=scratch, device=chosen_device(options.device))
    error, images = trained.test_error, trained.test_images
    row = {
        **_head(job, DONE),
        **_told(options),
        "test_error": {**binomial_interval(error * images, images)._asdict(), "value": error, "images": images},
        "epoch": trained.epoch,
        "train_loss": trained.train_loss,
        "seconds": trained.seconds,
        **_origin(),
    }
    if is_own_code(options.model):
        _, row["start_sha256"] = network_hashes(start_of(options))
    if trained.probed:
        row["probed"] = trained.probed
    return Entry(row, {WEIGHTS: trained.weights()})


def _origin() -> dict[str, Any]:
    from ..provenance import git_commit, versions

    return {"versions": versions(), "git_commit": git_commit()}


def failed_entry(job: Job, kind: str, message: str, where: str | None = None) -> Entry:
    """Makes the row of a failed job.

    Args:
        job: Job that failed.
        kind: Type of the error.
        message: Text of the error.
        where: Traceback, if the error is not one of the library's messages.
    """
    options = _told(job.options)
    renamed = {one.column: options.pop(name) for name, one in COLUMNS.items() if name in options and one.column != name}
    training = _training(job)
    if training is not None:
        options["weights"] = TRAIN
    error = {"type": kind, "message": message, "traceback": where}
    return Entry({**_head(job, FAILED), **options, **renamed, "training": training, "error": error})


def _told(options: Options) -> dict[str, Any]:
    """Returns the options that a row keeps: all but `trust`, which every user must give anew."""
    return {name: value for name, value in options.to_dict().items() if name != "trust"}


def _head(job: Job, status: str) -> dict[str, Any]:
    return {"schema": SCHEMA, "kind": job.kind, "status": status, "key": job.id, "job": job.id}
