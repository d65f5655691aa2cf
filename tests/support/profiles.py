"""Rows over depth, displacement, noise and transformations, and the figures that are drawn from them."""

import channel_shuffle
import equivariance_depth
import fig03_delta
import fig11_noise
import fig12_augmentation
import fig14_depth
import spectrum
import transformations
import worst_case
from support.measured_rows import AUGMENTATIONS, all_augmented, interval, row

from diffstab.figures.paper.channels import channels_figure
from diffstab.figures.paper.curves import delta_figure, depth_figure, noise_figure, spectrum_figure, worst_figure
from diffstab.figures.paper.equivariance import equivariance_figure
from diffstab.figures.paper.groups import augmentation_figure, transformations_figure

FACTORS = {"trained": (1.0, 2.0, 8.0), "init": (1.0, 1.5, 0.5)}  # of R, by seed
DEPTHS = {"conv1": 0.0, "pool": 0.0, "conv2": 0.5, "fc": 1.0}
AFFINE = {"cutoff": None, "cutoff_rule": None, "temperature": None, "delta_rule": None}


def layers(R):
    """The deeper, the more stable; given out of the order of their names."""
    found = []
    for k, (name, depth) in enumerate(DEPTHS.items()):
        numbers = {"D": interval(0.01 * R / (k + 1)), "G": interval(0.01), "R": interval(R / (k + 1))}
        found.append({"name": name, "depth": depth, **numbers, "shape": [4]})
    return found


def each(model, R=1.0, **more):
    """Three trainings and three initialisations."""
    rows = [row(model, seed, R=R * f, **more) for seed, f in enumerate(FACTORS["trained"])]
    return rows + [row(model, seed, R=f, weights="init", **more) for seed, f in enumerate(FACTORS["init"])]


def with_layers(rows):
    return [{**one, "layers": layers(one["R"]["value"])} for one in rows]


def following():
    """Maps move along in the first layers; the last has no extent."""
    rows = with_layers([*each("lenet", 2.0), *each("resnet18", 0.1)])
    for one in rows:
        for k, layer in enumerate(one["layers"][:-1]):
            layer["E"] = interval(layer["D"]["value"] * (0.1 + 0.3 * k))
    return rows


def shuffled():
    """Channels as they are and shuffled; all layers but the last have 3x3 filters."""
    rows = with_layers([one for model in ("lenet", "resnet18") for one in each(model, shuffle_channels=False)])
    rows += with_layers([one for one in each("lenet", 3.0, shuffle_channels=True) if one["weights"] != "init"])
    for one in rows:
        share = {"low_frequency": 0.4 if one["weights"] != "init" else 1 / 9}
        one["layers"] = [{**layer, **share} for layer in one["layers"][:-1]] + one["layers"][-1:]
    return rows


def deep():
    return with_layers([*each("lenet", 2.0), *each("resnet18", 0.1)])


def at_deltas():
    sizes = [(c, delta) for c in (3.0, 5.0) for delta in (0.3, 1.0, 3.0)]
    return [
        one
        for c, delta in sizes
        for one in each("lenet", c * delta, cutoff=c, delta=delta, temperature=delta**2 / c, noise_radius=delta)
    ]


def in_shells():
    return [
        one
        for k in (1.0, 4.0)
        for one in each("lenet", k, cutoff=k, cutoff_rule="shell", temperature=1 / k, noise_radius=k)
    ]


def searched():
    return [
        one
        for factor, worst in ((1.0, None), (9.0, "deformation"), (0.1, "both"))
        for delta in (0.5, 2.0)
        for one in each("lenet", factor * delta, delta=delta, temperature=delta**2, worst=worst)
    ]


def at_norms():
    given = [
        one
        for norm in (0.1, 1.0, 10.0)
        for one in each("lenet", G=norm**2, noise_radius=norm, noise_norm=norm, noise_radius_rule="given")
    ]
    return given + [
        one
        for delta in (0.1, 0.4)
        for one in each("lenet", G=delta, delta=delta, temperature=delta**2, noise_radius=3 * delta)
    ]


def transformed():
    """Rows from before there was a choice have no transform."""
    rows = [*each("lenet", 2.0), *each("resnet18", 0.1)]
    for place, name in enumerate(("rotation", "scale", "whole-translation")):
        rows += each("lenet", 1.0 + place, transform=name, **AFFINE)
        rows += each("resnet18", 0.2 + place, transform=name, **AFFINE)
    return rows


def penalised():
    """A network on two data sets after each augmentation and two weights of a penalty, the largest first."""
    ways = [{"penalty": 10.0}, {"penalty": 0.1}, *reversed(AUGMENTATIONS.values())]
    return [
        row("lenet", seed, R=f / (place + 1), dataset=name, training={"job": f"{place} {name} {seed}", **way})
        for name in ("mnist5k", "fashionmnist")
        for place, way in enumerate(ways)
        for seed, f in enumerate(FACTORS["trained"])
    ]


FIGURES = {
    "depth": (depth_figure, deep, fig14_depth),
    "channels": (channels_figure, shuffled, channel_shuffle),
    "equivariance": (equivariance_figure, following, equivariance_depth),
    "delta": (delta_figure, at_deltas, fig03_delta),
    "spectrum": (spectrum_figure, in_shells, spectrum),
    "worst": (worst_figure, searched, worst_case),
    "noise": (noise_figure, at_norms, fig11_noise),
    "transformations": (transformations_figure, transformed, transformations),
    "augmentation": (augmentation_figure, all_augmented, fig12_augmentation),
}
