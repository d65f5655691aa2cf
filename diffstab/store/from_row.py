"""A measurement asked for again, from its row."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..checks import refuse_untrusted
from ..options import GIVEN, HUB, LOCAL, OWN, WEIGHTS, MeasureOptions, leads_out
from .entry import Row, is_measured
from .store import Store

# Columns of a row that are options by the same name.
SAME = (
    "model dataset data_dir split images draws transform cutoff cutoff_rule delta_rule interpolation average "
    "convention batch_size resamples seed"
).split()
RENAMED = {"noise_radius_rule": "noise_radius", "layers_asked": "layers"}
# Options that no other column of a row tells: kept in its `asked` where they were set.
ASKED = tuple(
    "temperature checkpoint weights_key img_size crop_pct mean std exif_orientation channels_last compile".split()
)
CHANGES_NOTHING = 1e-6  # relative
OWN_WEIGHTS = "own"  # of own code, as it gives them


def asked_of(options: MeasureOptions) -> dict[str, Any]:
    """What a row keeps of the options beside its other columns."""
    usual = MeasureOptions()
    told = {name: getattr(options, name) for name in ("images", "draws", "until_precision")}
    return told | {name: value for name in ASKED if (value := getattr(options, name)) != getattr(usual, name)}


def options_of(row: Row, store: Store, trust: Iterable[str] = ()) -> MeasureOptions:
    """The options that give a row's numbers again.

    Where images and draws were added until the interval was narrow, those that were reached.

    Args:
        row: Of a measurement.
        store: Where it lies, and the weights that were trained for it.
        trust: Names from the row that may be run, read or fetched: its own code, folder or hub's network, checkpoint,
            data folder, and each argument of the network as NAME=VALUE. A row may come from anybody, so measuring it
            again does nothing with these unless they are repeated here. The networks of the libraries, embedded images
            and weights that lie in the store need no trust.

    Raises:
        ValueError: If the row is no measurement of a named network, was recomputed from another one, its trained
            weights are missing, or it names what is not trusted.
    """
    key = str(row.get("key"))[:12]
    if not is_measured(row):
        raise ValueError(f"the row {key} is a {row.get('status')} {row.get('kind')}; a measurement is needed")
    if row.get("recomputed_from"):
        raise ValueError(
            f"the row {key} was recomputed from {str(row['recomputed_from'])[:12]}; measure that one, then recompute"
        )
    if row.get("model_source") == OWN and not leads_out(str(row["model"])):
        raise ValueError(f"the row {key} is of a Python object, {row['model']}, which its row can't make again")
    if row.get("weights") is None:
        raise ValueError(f"the row {key} does not tell its weights; a row that diffstab measure made is needed")
    asked = row.get("asked") or {}
    found = {name: row.get(name) for name in SAME} | {new: row.get(old) for old, new in RENAMED.items()}
    found |= {name: asked[name] for name in ASKED if name in asked}
    found |= _network(row, asked, store) | _noise_and_size(row, asked) | _numbers(row)
    found["trust"] = list(trust) or None
    options = MeasureOptions.of({name: value for name, value in found.items() if value is not None})
    refuse_untrusted(f"the row {key}", _leading_out(options, in_store=bool(row.get("training"))), options.trusted)
    return options


def _leading_out(options: MeasureOptions, *, in_store: bool) -> dict[str, str]:
    """What a row's options would run, read or fetch beside the libraries and its store: the kind of each by its name.

    Args:
        options: Of the row.
        in_store: Whether their checkpoint lies in its store, named by its hash.
    """
    found = {}
    if leads_out(options.model):
        prefix = options.model.partition(":")[0]
        found[options.model] = {HUB: "the hub's network", LOCAL: "the folder"}.get(prefix, "own code")
    if options.checkpoint is not None and not in_store:
        found[options.checkpoint] = "the checkpoint"
    if options.data_dir is not None:
        found[options.data_dir] = "the data folder"
    for name, value in options.arguments.items():  # constructors read files by some, and own code does what it likes
        found[f"{name}={value if isinstance(value, str) else json.dumps(value)}"] = "the argument"
    return found


def _network(row: Row, asked: Mapping[str, Any], store: Store) -> dict[str, Any]:
    more = dict(row.get("model_options") or {})
    named = {name: more.pop(name, None) for name in ("num_classes", "in_chans")}
    weights: dict[str, Any] = {"weights": row["weights"]}
    if row.get("training"):
        weights = {"checkpoint": store.weights(_training(row, store))}
    elif row["weights"] == OWN_WEIGHTS:
        weights = {}
    elif row["weights"] not in WEIGHTS:
        weights = {"checkpoint": asked.get("checkpoint", row["weights"])}
    batch_norm = None if row["batch_norm"] == "none" else row["batch_norm"]
    return {**named, "model_kwargs": more or None, **weights, "batch_norm": batch_norm}


def _training(row: Row, store: Store) -> Row:
    """The row of the training whose weights a row measures."""
    job = str(row["training"].get("job"))
    found = store.row_of(job) if store.status(job) is not None else {}
    if "checkpoint_sha256" not in found:
        raise ValueError(f"the weights are of the training {job[:12]}, which the store does not have; copy it there")
    return found


def _noise_and_size(row: Row, asked: Mapping[str, Any]) -> dict[str, Any]:
    delta = None if "temperature" in asked else row.get("delta")
    if row["noise_radius_rule"] == GIVEN:
        return {"delta": delta, "noise_radius": None, "noise_norm": row.get("noise_norm")}
    return {"delta": delta}


def _numbers(row: Row) -> dict[str, Any]:
    kind, dash, _ = str(row["precision"]).partition("-")
    return {"precision": None if dash else kind, "amp": kind == "amp" or None}


def differences(row: Row, result: Mapping[str, Any]) -> dict[str, float]:
    """Relative differences of D, G and R that change something: more than 1e-6.

    Args:
        row: As it was.
        result: The JSON form of the measurement made again.

    >>> numbers = {name: {"value": 1.0} for name in "DGR"}
    >>> differences(numbers, {**numbers, "R": {"value": 1.5}})
    {'R': 0.5}
    """
    found = {name: abs(result[name]["value"] - row[name]["value"]) / (abs(row[name]["value"]) or 1.0) for name in "DGR"}
    return {name: value for name, value in found.items() if value > CHANGES_NOTHING}
