"""Rows of measurements as a sweep leaves them in a store, with numbers of a test's choice."""

from diffstab.results import SCHEMA

AUGMENTATIONS = {
    "none": {"translate": 0},
    "translation (4 px)": {"translate": 4},
    "diffeo (T = 0.01, c = 1)": {"translate": 0, "diffeo_temperature": 0.01, "diffeo_cutoff": 1.0},
}
LEVELS = dict(zip(AUGMENTATIONS, (1.0, 0.5, 0.1), strict=True))  # of R and of the test error
SEEDS = (1.0, 2.0, 8.0)  # of R, by seed


def interval(value, width=1.1):
    return {"value": value, "low": value / width, "high": value * width}


def row(model="lenet", seed=0, *, R=1.0, G=0.01, error=0.02, weights="train", **more):
    """As a sweep leaves it, without the columns that say nothing here."""
    key = f"{model} {seed} {weights} {sorted(more.items())}"
    head = {"schema": SCHEMA, "kind": "measure", "status": "done", "key": key, "job": key}
    rates = {"D": interval(R * G), "G": interval(G), "R": interval(R)}
    wrong = {"value": error, "low": max(0.0, error - 0.008), "high": error + 0.01, "images": 500}
    settings = {"dataset": "mnist5k", "split": "test", "images": 500, "draws": 1, "cutoff": 3.0, "delta": 1.0}
    settings |= {"temperature": 0.001, "average": "median", "convention": "paper", "seed": 0}
    settings |= dict.fromkeys(("data_sha256 cutoff_rule interpolation noise_radius_rule radius_average").split(), "x")
    settings |= dict.fromkeys(("median_rule pairs delta_rule precision").split(), "x") | {"resamples": 1000}
    settings["batch_norm"] = "batch" if weights == "init" else "running"
    named = {"model": model, "network_sha256": model, "weights": weights, "weights_sha256": key, "test_error": wrong}
    training = {"training": {"job": key, "model": model, "seed": seed, "epochs": 20}} if weights == "train" else {}
    return {**head, **named, **rates, **settings, **training, **more}


def augmented(name, seed=0, cutoff=3.0, model="lenet", **more):
    """A network trained with one of AUGMENTATIONS, probed with a cutoff."""
    training = {"job": f"{name} {seed}", "model": model, "seed": seed, "epochs": 20, **AUGMENTATIONS[name]}
    numbers = {"R": LEVELS[name] * cutoff * SEEDS[seed], "error": 0.01 * (seed + 1) * LEVELS[name]}
    weights = {"weights_sha256": f"{name} {seed}", "temperature": 0.01 / cutoff}
    return row(model, seed, **numbers, **{"cutoff": cutoff, "training": training, **weights, **more})


def all_augmented():
    """Three seeds of each, probed with two cutoffs; in no order."""
    return [augmented(name, seed, c) for c in (10.0, 3.0) for seed in range(3) for name in reversed(AUGMENTATIONS)]
