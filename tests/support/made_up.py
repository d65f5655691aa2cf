"""Rows as the cells of a sweep's file would give them, with numbers that follow a law of a test's choice."""

import math

import numpy as np
from support.measured_rows import interval, row
from support.papers_rows import R_OF

from diffstab.fields import MaxEntropyEnsemble
from diffstab.options import base_name
from diffstab.sweep import read_spec

SIDE = 28  # pixels
LAYERS = ("first", "middle", "last")


def made_up_rows(path, *, exponent=0.5, noise=0.1, slower=1.0):
    """The rows of all cells: R as in Fig. 5, error ~ R^exponent; `slower` multiplies every error."""
    errors, rows = {}, []
    for job in read_spec(path, confirm_above=None).jobs:
        if job.kind == "train":  # the same luck for the same network and seed, however it is trained
            rng = np.random.default_rng([*job.options.model.encode(), job.options.seed])
            R = usual_R(job.options) * math.exp(noise * rng.normal())
            errors[job.id] = slower * 0.1 * R**exponent * math.exp(noise * rng.normal()), R
            rows.append(trained_row(job, errors[job.id][0]))
        else:
            rng = np.random.default_rng(int(job.id[:8], 16))
            rows.append(measured(job, rng, *errors.get(job.trained_by.id if job.trained_by else None, (0.5, 1.0))))
    return rows


def usual_R(options):
    """Of a network; label noise, few images and no augmentation raise it."""
    R = R_OF[base_name(options.model)] * (1 + options.label_noise) * (0.8 if options.translate else 1.0)
    return R * (60_000 / (options.train_size or 60_000)) ** 0.2


def trained_row(job, error):
    head = {"schema": 1, "kind": "train", "status": "done", "key": job.id, "job": job.id}
    return {**head, **job.options.to_dict(), "test_error": {"value": error}}


def measured(job, rng, error, R):
    options, trained = job.options, job.trained_by
    temperature = MaxEntropyEnsemble(SIDE, options.cutoff, delta=options.delta).temperature
    named = ("dataset", "split", "images", "draws", "cutoff", "delta", "average", "convention", "interpolation", "seed")
    named += ("cutoff_rule", "delta_rule")
    more = {name: getattr(options, name) for name in named}
    more |= {"job": job.id, "key": job.id, "temperature": temperature, "model_source": "paper"}
    more["weights_sha256"] = trained.id if trained else f"init {options.model} {options.seed}"
    if trained:
        more["training"] = {"job": trained.id, **trained.options.to_dict()}
    if options.layers:
        numbers = {name: interval(R) for name in "DGR"}
        more["layers"] = [{"name": name, "depth": k / 2, **numbers} for k, name in enumerate(LAYERS)]
    wrong = round(error * options.images) / options.images
    seen = R * options.delta**-0.1 * math.exp(0.02 * rng.normal())
    made = row(
        options.model, R=seen, G=0.01 * math.exp(0.1 * rng.normal()), weights="train" if trained else "init", **more
    )
    made["test_error"] = {**interval(wrong), "images": options.images}
    return made
