"""Rows with hostile names, and the report of a store."""

import json
import re
from dataclasses import replace

import numpy as np
import torch
from support.measured_rows import interval, row
from torch import nn

from diffstab import MaxEntropyEnsemble, load_dataset, measure
from diffstab.statistics import binomial_interval

FORMULA = "=cmd|' /C calc'!A0"
NAME = "</script><img src=x onerror=alert(1)> & 'it'"
FAULTLESS = {**binomial_interval(0, 500)._asdict(), "images": 500}
IMAGES = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0)).mul(4).exp()


def report(cli, *arguments):
    return cli("report", *map(str, arguments))


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def layered(R, count=3, **more):
    """A row with layers."""
    depths = np.linspace(0, 1, count)
    layers = [{"name": f"layer{k}", "depth": depth, "R": interval(R * (2 - depth))} for k, depth in enumerate(depths)]
    layers[0] |= {"D": interval(0.25), "E": interval(0.0625)}  # a map
    return row(R=R, layers=layers, **more)


def some_rows():
    """Networks along a power law, at initialisation, over delta, under another convention; a failure."""
    rng = np.random.default_rng(0)
    values = np.geomspace(0.1, 4.0, 6)
    errors = 0.04 * values**0.4 * np.exp(0.1 * rng.normal(size=6))
    rows = [layered(R, model=f"net{k}", seed=0, error=e) for k, (R, e) in enumerate(zip(values, errors, strict=True))]
    rows += [row(f"net{k}", 0, R=0.9 + 0.02 * k, error=0.9, weights="init") for k in range(6)]
    rows += [row("net2", 0, R=R, delta=delta) for delta, R in ((0.1, 3.0), (0.5, 1.2), (2.0, 0.2))]
    rows += [row("net3", 0, R=0.5, convention="reference"), row("net4", 0, R=1.5, precision="amp-bfloat16")]
    rows += [row(name, 0, R=R, test_error=FAULTLESS) for name, R in ((NAME, 2.5), (FORMULA, 2.6))]
    rows = [{**one, "radius_average": "median", "weights_sha256": one["model"] + one["weights"]} for one in rows]
    failed = {"type": "ValueError", "message": f"no such model {NAME}", "traceback": ""}
    return [*rows, {"key": "f", "kind": "measure", "status": "failed", "model": NAME, "job": "j", "error": failed}]


def many_rows(count):
    """As large as those of real stores: hashes, versions, layers, all of them different."""
    rng = np.random.default_rng(1)
    numbers, found = rng.lognormal(size=(count, 20)), []
    for k, own in enumerate(numbers):
        hashes = {name: rng.bytes(32).hex() for name in ("weights_sha256", "key", "job", "raw", "checksum")}
        more = {
            "versions": {"torch": "2.9.0", "timm": "1.0.0"},
            "preprocessing": {"size": [224, 224], "mean": [0.5] * 3},
        }
        intervals = {letter: interval(float(v)) for letter, v in zip("DGR", own, strict=False)}
        layers = [{"name": f"blocks.{j}.mlp", "depth": j / 12, "R": interval(float(own[j]))} for j in range(13)]
        seconds = {"seconds": float(own[4]), "noise_radius": float(own[5])}
        base = row(f"family{k % 40}/network-{k}", k % 3, error=float(0.01 * own[3]), layers=layers)
        base["training"] |= {"job": hashes["job"]}
        found.append({**base, **intervals, **hashes, **more, **seconds})
    return found


def network(name):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        blur = nn.AvgPool2d({"sharp": 1, "blurred": 2, "flat": 4}[name])
        return nn.Sequential(blur, nn.Flatten(), nn.Linear((8 // blur.kernel_size) ** 2, 5))


def on_digits(count=40, **options):
    """A network on embedded images, whose pictures can be had again."""
    flat = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 10))
    return replace(measure(flat, load_dataset("mnist5k"), count=count, **options), model="flat")


def measured(name, cutoff=3, **options):
    result = measure(network(name), IMAGES, MaxEntropyEnsemble(8, cutoff, delta=1.0), resamples=200, **options)
    return replace(result, model=name, dataset="random")
