"""Rows with which a figure is drawn again from its kept points, docs/images/FIGURE.csv, without measuring.

A point that is the average over n seeds becomes n rows with the same log-average and standard deviation. The setting
is read from the description inside FIGURE.png. The rows have only what figures read.
"""

import csv
import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from diffstab.fields import MaxEntropyEnsemble
from diffstab.figures.points.rows import nested, typed
from diffstab.options import REGIME, STRIPE
from diffstab.store import Row

Line = Mapping[str, Any]
SAME_POINTS = {"table2-correlations": "fig20-datasets"}  # figures drawn from the points of another
WEIGHTS = {None: "train", "trained": "train", "init": "init"}
COLUMNS = (  # of points that rows have too
    *("dataset", "transform", "cutoff", "interpolation", "delta", "worst"),
    *("noise_radius_rule", "noise_norm", "noise_radius"),
)
SIDE = 28  # pixels, of digits
BEFORE_TRAINING, FIRST_EPOCH = 0, 1
IMAGES = 1000  # behind a test error where the setting does not say it
AUGMENTATION = re.compile(
    r"penalty (?P<penalty>\S+)|translation \((?P<translate>\d+) px\)|(?P<flip>flip)|"
    r"diffeo \(T = (?P<T>\S+), c = (?P<c>\S+)\)"
)


def rows_of(name: str, folder: Path) -> list[Row]:
    """The rows of a figure.

    Args:
        name: The figure's name.
        folder: Folder with the figure's .csv and .png.
    """
    name = SAME_POINTS.get(name, name)
    with (folder / f"{name}.csv").open(newline="") as stream:
        lines = [{column: typed(text) for column, text in line.items()} for line in csv.DictReader(stream)]
    setting = described(folder / f"{name}.png").get("setting", {})
    kinds = {"stage": stripes, "alpha": regimes, "epoch": watched, "layer": layered}
    make = next((kinds[column] for column in kinds if column in lines[0]), measured)
    return make(lines, setting)


def described(picture: Path) -> dict[str, Any]:
    """The description inside a picture: version, commit, setting."""
    with Image.open(picture) as opened:
        found: dict[str, Any] = json.loads(opened.info.get("Description", "{}"))
    return found if "setting" in found else {"setting": found}


def seeds_of(line: Line, name: str, seeds: int) -> list[dict[str, float]]:
    """A value for each seed, with the log-average and standard deviation of the point.

    >>> [round(one["value"], 9) for one in seeds_of({"R": 2.0, "R_log_sd": 2**0.5 * math.log(2)}, "R", 2)]
    [4.0, 1.0]
    """
    value, deviation = line[name], line.get(f"{name}_log_sd")
    if deviation is None:
        ends = {end: line.get(f"{name}_{end}") for end in ("low", "high")}
        return [{"value": value, **{end: value if own is None else own for end, own in ends.items()}}] * seeds
    reach = deviation * math.sqrt((seeds - 1) / 2)
    values = [value * math.exp(part * reach) for part in (1, -1, *[0] * (seeds - 2))]
    return [{"value": own, "low": own, "high": own} for own in values]


def numbers_of(line: Line, images: int = IMAGES) -> Iterator[Row]:
    """R, D, G and the test error of each seed of a point, with weights that tell seeds apart."""
    seeds = int(line["seeds"])
    found = {name: seeds_of(line, name, seeds) for name in "RDGE" if line.get(name) is not None}
    error = next((name for name in ("error", "test_error") if line.get(name) is not None), None)
    errors = seeds_of(line, error, seeds) if error else []
    for seed in range(seeds):
        row: Row = {"weights_sha256": str(seed), **{name: own[seed] for name, own in found.items()}}
        yield {**row, "test_error": {**errors[seed], "images": images}} if errors else row


def measured(lines: Sequence[Line], setting: Line) -> list[Row]:
    """Measurements, those at initialisation and the losses of trainings where points have them."""
    rows: list[Row] = []
    for line in lines:
        head = {"status": "done", "kind": "measure", "model": line.get("model") or line["name"]}
        own = {name: line[name] for name in COLUMNS if line.get(name) is not None}
        size = {"training.train_size": line["train_size"]} if "train_size" in line else {}
        weights = WEIGHTS[line.get("weights")]
        shared = nested({**setting, **size, **head, **own, "weights": weights})
        if "delta" in shared and "cutoff" in shared:
            own = {"delta": shared["delta"], "cutoff_rule": shared.get("cutoff_rule")}
            shared["temperature"] = MaxEntropyEnsemble(SIDE, shared["cutoff"], **own).temperature
        training = {**shared.pop("training", {}), **augmentation(line.get("augmentation") or line.get("way", ""))}
        losses = seeds_of(line, "loss", int(line["seeds"])) if line.get("loss") else []
        for seed, numbers in enumerate(numbers_of(line, setting.get("images", IMAGES))):
            job = {"job": f"{head['model']} {seed}"}
            rows.append({**shared, **numbers, **({"training": {**training, **job}} if weights == "train" else {})})
            if losses:
                rows.append({"kind": "train", "status": "done", **job, "train_loss": losses[seed]["value"]})
        if line.get("R_init"):
            seeds = 2 if line.get("R_init_log_sd") else 1
            fresh = [dict.fromkeys("RDG", value) for value in seeds_of(line, "R_init", seeds)]
            rows += [{**shared, **one, "weights": "init", "weights_sha256": f"{k}"} for k, one in enumerate(fresh)]
    return rows


def augmentation(name: str) -> dict[str, Any]:
    """The options of a training, from the name that a figure gives its augmentation.

    >>> augmentation("translation (4 px)"), augmentation("none")
    ({'translate': 4}, {})
    """
    found: dict[str, Any] = {}
    for match in AUGMENTATION.finditer(name):
        options = {"penalty": match["penalty"], "translate": match["translate"], "flip": match["flip"] and "True"}
        options |= {"diffeo_temperature": match["T"], "diffeo_cutoff": match["c"]}
        found |= {option: typed(text) for option, text in options.items() if text}
    return found


def layered(lines: Sequence[Line], setting: Line) -> list[Row]:
    """Measurements with their layers."""
    networks: dict[tuple[Any, ...], list[list[Row]]] = defaultdict(list)
    for line in lines:
        head, numbers = {"name": str(line["layer"]), "depth": line["depth"]}, list(numbers_of(line))
        told = seeds_of(line, "low_frequency", len(numbers)) if line.get("low_frequency") else []
        shares = [{"low_frequency": one["value"]} for one in told] or [{}] * len(numbers)
        layers = [{**head, **own, **share} for own, share in zip(numbers, shares, strict=True)]
        networks[line["model"], WEIGHTS[line["weights"]], line.get("shuffle_channels", False)].append(layers)
    head = {**nested(dict(setting)), "status": "done", "kind": "measure"}
    return [
        {**head, "model": model, "weights": weights, "shuffle_channels": shuffled, "weights_sha256": str(seed)}
        | {"layers": layers}
        for (model, weights, shuffled), points in networks.items()
        for seed, layers in enumerate(zip(*points, strict=True))
    ]


def watched(lines: Sequence[Line], setting: Line) -> list[Row]:
    """Trainings whose stability was measured while they went on."""
    trainings: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for line in lines:
        epoch = BEFORE_TRAINING if line["epoch"] < FIRST_EPOCH else line["epoch"]
        for seed, own in enumerate(numbers_of(line)):
            values = {name: own[name]["value"] for name in "RDG"}
            error = own["test_error"]["value"] if "test_error" in own else None
            probe = {"epoch": epoch, **values, "validation_error": error, "watched_images": IMAGES}
            trainings[line["model"], seed].append(probe)
    head = {**setting, "status": "done", "kind": "train"}
    return [
        {**head, "model": model, "job": f"{model} {seed}", "probed": probes}
        for (model, seed), probes in trainings.items()
    ]


def regimes(lines: Sequence[Line], setting: Line) -> list[Row]:
    """Experiments from the feature to the lazy regime."""
    head = {**setting, "status": "done", "kind": REGIME, "fitted": True}
    return [
        {**head, "alpha": line["alpha"], "moved": line["moved"], "seed": seed, **own, "R_init": start}
        for line in lines
        for seed, (own, start) in enumerate(
            zip(numbers_of(line), seeds_of(line, "R_init", int(line["seeds"])), strict=True)
        )
    ]


def stripes(lines: Sequence[Line], setting: Line) -> list[Row]:
    """Experiments of the stripe model; a flow that lacks the last stage ran out of steps."""
    flows: dict[tuple[int, int], list[Row]] = defaultdict(list)
    for line in lines:
        means = seeds_of(line, "R_mean", int(line["seeds"]))
        for seed, own in enumerate(numbers_of(line, setting["test_points"])):
            stage = {"stage": line["stage"], "R_mean": means[seed], "alignment": line["alignment"], **own}
            flows[line["train_size"], seed].append(stage)
    rows = []
    for (size, seed), stages in flows.items():
        ended = stages[-1]["stage"] == "end"
        loss = {"loss": setting["until_loss"] * (1 if ended else 2), "fitted": ended}
        way = {"on_the_way": stages[: len(stages) - ended], "train_size": size, "seed": seed}
        rows.append({**setting, "status": "done", "kind": STRIPE, **stages[-1], **way, **loss})
    return rows
