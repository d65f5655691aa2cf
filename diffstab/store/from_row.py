"""A measurement asked for again, from its row."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from shlex import quote
from typing import Any

from ..checks import channel_values, names_in, refuse_untrusted
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
# Options that make a measurement comparable with another one: `setting.SETTING` and the seed, as they are asked for.
TAKEN = tuple(
    "dataset data_dir split images draws transform cutoff cutoff_rule temperature delta delta_rule interpolation "
    "average noise_radius noise_norm convention exif_orientation seed".split()
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
    options = replace(_options(row, store), trust=names_in("trust", list(trust)) if trust else None)
    key = str(row.get("key"))[:12]
    refuse_untrusted(f"the row {key}", _leading_out(options, in_store=bool(row.get("training"))), options.trusted)
    return options


def command_beside(row: Row, other: Row, store: Store) -> str | None:
    """The command that measures the network of a row as another row was measured, and keeps the result in the store.

    Args:
        row: Of the network.
        other: Whose images, setting and seed are taken.
        store: Where both lie.

    Returns:
        One line for a shell; None if no command does it: for a Python object, trained weights that the store keeps, a
        recomputed row, or another resizing of the images.
    """
    if row.get("training") or any(one.get("recomputed_from") for one in (row, other)):
        return None
    seen = _seen_alike(row, other)
    if seen is None:
        return None
    try:
        options, goal = _options(row, store), _options(other, store)
        options = replace(options, **{name: getattr(goal, name) for name in TAKEN}, **seen)
    except (ValueError, TypeError, KeyError):  # what an older or a stranger's row does not tell
        return None
    return " ".join(["diffstab", "measure", *map(quote, _words(options)), "--store", quote(str(store.folder))])


def _seen_alike(row: Row, other: Row) -> dict[str, Any] | None:
    """Options that give a network the input that another one got; None if there are none."""
    own, goal = (one.get("preprocessing") or {} for one in (row, other))
    differ = {name for name in {*own, *goal} if own.get(name) != goal.get(name)} - {"source"}
    if row.get("dataset") != other.get("dataset") or not differ:
        return {}
    if not own or not goal or not differ <= {"mean", "std"}:
        return None
    return {name: channel_values(name, goal[name]) for name in differ}


def _words(options: MeasureOptions) -> Iterator[str]:
    """The network and the options that differ from the defaults, as words of a command line."""
    usual = MeasureOptions(weights=options.weights, checkpoint=options.checkpoint, convention=options.convention)
    plain = {"weights": MeasureOptions().weights, "convention": MeasureOptions().convention, "checkpoint": None}
    yield options.model
    for name, value in options.to_dict().items():
        if name in ("model", "model_kwargs", "trust") or value is None or value == {**usual.to_dict(), **plain}[name]:
            continue
        yield f"--{name.replace('_', '-')}"
        if value is not True:
            yield f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
    for name, value in options.arguments.items():
        yield from ("--model-kwargs", f"{name}={value if isinstance(value, str) else json.dumps(value)}")


def _options(row: Row, store: Store) -> MeasureOptions:
    """The options of a row, whatever it names."""
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
    return MeasureOptions.of({name: value for name, value in found.items() if value is not None})


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
