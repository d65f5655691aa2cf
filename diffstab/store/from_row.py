"""Options of a measurement, recovered from its row, so that it can be measured again."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from shlex import quote
from typing import Any

from ..checks import channel_values, names_in, refuse_untrusted
from ..options import (
    GIVEN,
    HUB,
    LOCAL,
    ONNX,
    OWN,
    TRANSFORMERS,
    WEIGHTS,
    MeasureOptions,
    Role,
    is_table,
    leads_out,
    names_with,
    settings_of,
)
from .entry import Row, is_measured
from .store import Store

ASKED = names_with(MeasureOptions, Role.ASKED)
CHANGES_NOTHING = 1e-6  # relative
OWN_WEIGHTS = "own"  # weights that the user's code, or a file's graph, gives to its network
# kinds of names that lead out; any other is own code
KINDS = {HUB: "the hub's network", LOCAL: "the folder", TRANSFORMERS: "the network of transformers", ONNX: "the file"}


def asked_of(options: MeasureOptions) -> dict[str, Any]:
    """Returns the options that a row keeps in its column `asked`."""
    told = {"images": options.images, "draws": options.draws, "until_precision": options.until_precision}
    values, usual = options.to_dict(), MeasureOptions().to_dict()
    return told | {name: values[name] for name in ASKED if values[name] != usual[name]}


def options_of(row: Row, store: Store, trust: Iterable[str] = ()) -> MeasureOptions:
    """Returns the options that give a row's numbers again.

    If images and draws were added until the interval was narrow, the options have the numbers that were reached.

    Args:
        row: Row of a measurement.
        store: Store of the row, which also has weights that were trained for it.
        trust: Names from the row that may be run, read or fetched: code of your own, a folder's or hub's network, a
            checkpoint, a data folder, and each argument of the network as NAME=VALUE. A row may come from anybody, so
            these are only used if you repeat them here. Networks of the libraries, embedded images and weights in
            the store need no trust.

    Raises:
        ValueError: If the row is no measurement of a named network, was recomputed from another row, lacks its trained
            weights, or names something that is not trusted.
    """
    options = replace(_options(row, store), trust=names_in("trust", list(trust)) if trust else None)
    key = str(row.get("key"))[:12]
    refuse_untrusted(f"the row {key}", _leading_out(options, in_store=bool(row.get("training"))), options.trusted)
    return options


def command_beside(row: Row, other: Row, store: Store) -> str | None:
    """Returns the command that measures a row's network as another row was measured, and adds it to the store.

    Args:
        row: Row of the network.
        other: Row that gives images, setting and seed.
        store: Store of both rows.

    Returns:
        One line for a shell; None if no command can do it: for a Python object, trained weights in the store, a
        recomputed row, or another resizing of the images.
    """
    if row.get("training") or any(one.get("recomputed_from") for one in (row, other)):
        return None
    seen = _seen_alike(row, other)
    if seen is None:
        return None
    try:
        options, goal = _options(row, store), _options(other, store).to_dict()
        taken = names_with(MeasureOptions, Role.COMPARED | Role.BESIDE)
        options = replace(options, **{name: goal[name] for name in taken}, **seen)
    except (ValueError, TypeError, KeyError):  # an older row, or one of another program, may lack what is needed
        return None
    return " ".join(["diffstab", "measure", *map(quote, _words(options)), "--store", quote(str(store.folder))])


def _seen_alike(row: Row, other: Row) -> dict[str, Any] | None:
    """Returns options that give a row's network the same input as another row's; None if no options can."""
    own, goal = (one.get("preprocessing") or {} for one in (row, other))
    differ = {name for name in {*own, *goal} if own.get(name) != goal.get(name)} - {"source"}
    if row.get("dataset") != other.get("dataset") or not differ:
        return {}
    if not own or not goal or not differ <= {"mean", "std"}:
        return None
    return {name: channel_values(name, goal[name]) for name in differ}


def _words(options: MeasureOptions) -> Iterator[str]:
    """Yields the network and the options that differ from the defaults, as words of a command line."""
    changed = options.changed()
    yield options.model
    for name in settings_of(MeasureOptions):
        value = changed.get(name)
        if name in ("model", "model_kwargs", "trust") or value is None:
            continue
        yield f"--{name.replace('_', '-')}"
        if value is not True:
            yield f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
    for name, value in options.arguments.items():
        yield from ("--model-kwargs", f"{name}={value if isinstance(value, str) else json.dumps(value)}")


def _options(row: Row, store: Store) -> MeasureOptions:
    """Returns the options of a row, without asking whether what it names is trusted."""
    key = str(row.get("key"))[:12]
    if not is_measured(row):
        raise ValueError(f"the row {key} is a {row.get('status')} {row.get('kind')}; a measurement is needed")
    if row.get("recomputed_from"):
        raise ValueError(
            f"the row {key} was recomputed from {str(row['recomputed_from'])[:12]}; measure that one, then recompute"
        )
    if row.get("model_source") == OWN and not leads_out(str(row["model"])):
        raise ValueError(f"the row {key} is of a Python object, {row['model']}, which can't be rebuilt from a row")
    if row.get("weights") is None:
        raise ValueError(f"the row {key} does not name its weights; a row that diffstab measure made is needed")
    asked = row.get("asked") or {}
    found = {name: row.get(one.column) for name, one in settings_of(MeasureOptions).items() if one.column}
    found |= {name: asked.get(name) for name in ASKED}
    found |= _network(row, asked, store) | _noise_and_size(row, asked) | _numbers(row)
    return MeasureOptions.from_mapping({name: value for name, value in found.items() if value is not None})


def _leading_out(options: MeasureOptions, *, in_store: bool) -> dict[str, str]:
    """Returns the names in a row's options that would be run, read or fetched from outside, with the kind of each.

    Args:
        options: Options of the row.
        in_store: True if the checkpoint lies in the row's store, named by its hash.
    """
    found = {}
    if leads_out(options.model):
        prefix = options.model.partition(":")[0]
        found[options.model] = KINDS.get(prefix, "own code")
    if options.checkpoint is not None and not in_store:
        found[options.checkpoint] = "the checkpoint"
    if is_table(options.dataset):
        found[options.dataset] = "the data set"
    if options.data_dir is not None:
        found[options.data_dir] = "the data folder"
    if options.changed_dir is not None:
        found[options.changed_dir] = "the folder of changed images"
    for name, value in options.arguments.items():  # may name files that are read
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
    """Returns the row of the training whose weights a row measures. Raises ValueError if the store lacks it."""
    job = str(row["training"].get("job"))
    found = store.row_of(job) if store.status(job) is not None else {}
    if "checkpoint_sha256" not in found:
        raise ValueError(f"the weights are of the training {job[:12]}, which the store does not have; copy it there")
    return found


def _noise_and_size(row: Row, asked: Mapping[str, Any]) -> dict[str, Any]:
    radius = None if row["noise_radius_rule"] == GIVEN else row["noise_radius_rule"]
    return {
        "delta": None if {"temperature", "delta_share"} & asked.keys() else row.get("delta"),
        "noise_radius": radius,
    }


def _numbers(row: Row) -> dict[str, Any]:
    kind, dash, _ = str(row["precision"]).partition("-")
    return {"precision": None if dash else kind, "amp": kind == "amp" or None}


def differences(row: Row, result: Mapping[str, Any]) -> dict[str, float]:
    """Returns the relative differences of D, G and R that are larger than 1e-6 (rounding).

    Args:
        row: Row of the first measurement.
        result: JSON form of the repeated measurement.

    >>> numbers = {name: {"value": 1.0} for name in "DGR"}
    >>> differences(numbers, {**numbers, "R": {"value": 1.5}})
    {'R': 0.5}
    """
    found = {name: abs(result[name]["value"] - row[name]["value"]) / (abs(row[name]["value"]) or 1.0) for name in "DGR"}
    return {name: value for name, value in found.items() if value > CHANGES_NOTHING}
