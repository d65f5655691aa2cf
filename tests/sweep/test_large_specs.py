"""Specs too large for anybody are refused within seconds, also where the user says yes to large grids."""

import os
import time

import pytest

from diffstab.sweep.yaml_file import LARGEST_FILE

pytestmark = pytest.mark.slow

SECONDS = 5  # of the processor
MANY = LARGEST_FILE - 1000  # bytes


def repeated(unit, head="", tail="", sep=""):
    return head + sep.join([unit] * (MANY // (len(unit) + len(sep)))) + tail


def numbers(count):
    return f"[{', '.join(map(str, range(count)))}]"


SEEDS = f"model: fc_l4, seed: {numbers(2000)}"
VALUES = "the file holds more than 20,000 names and values"
REFUSED = {
    "bytes": (" " * (LARGEST_FILE + 1), "has 1,000,001 bytes; at most 1,000,000 are allowed"),
    "include": (repeated("  - {seed: 1}\n", "measure:\n  include:\n"), VALUES),
    "empty include": (repeated("{}", "measure: {include: [", "]}", ","), VALUES),
    "seeds": (repeated("1", "measure: {seed: [", "]}", ","), VALUES),
    "values of exclude": (repeated(f"  - {{seed: {numbers(1000)}}}\n", "measure:\n  exclude:\n"), VALUES),
    "names": (repeated("a: 1\n"), VALUES),
    "nested": ("measure: " + "[" * MANY, "it nests too deeply"),
    "nested mappings": (repeated("{a: ", "measure: "), "it nests too deeply"),
    "a long text": (f"measure: {{model: {'a' * MANY}}}", "a text has 999,000 characters; at most 5,000 are allowed"),
    "a long name": (f"{'a' * MANY}: 1", "a text has 999,000 characters"),
    "a folded text": (repeated("    a b\n\n", "measure:\n  model: >\n"), "a text has"),
    "patterns": (f"measure: {{model: [{', '.join(['timm:*'] * 101)}]}}", "measure.model has 101 patterns; at most 100"),
    "a wild pattern": (f"measure: {{model: '{'*a' * 2000}'}}", "has 2,000 of the signs *?[; at most 20"),
    "a wild exclusion": (f"measure: {{exclude: [{{model: '{'*a' * 2000}'}}]}}", "has 2,000 of the signs *?["),
    "cells": (f"measure: {{{SEEDS}, draws: [1, 2, 3, 4, 5, 6]}}", "the grid has 12,000 cells; at most 10,000"),
    "exclusions": (
        "measure: {" + SEEDS + ", exclude: [" + ", ".join(["{seed: 2}"] * 501) + "]}",
        "2,000 cells and 501 entries of exclude make more than 1,000,000 comparisons",
    ),
    "trainings": (
        f"train: {{{SEEDS}}}\nmeasure: {{weights: train, images: {numbers(2000).replace('0, 1, ', '', 1)}}}",
        "measure: with the trainings there are more than 10,000 cells",
    ),
    "all excluded": (
        f"measure: {{{SEEDS}, draws: [1, 2, 3, 4], exclude: [{{seed: {numbers(2000)}}}]}}",
        "the grid is empty: exclude drops all of its 8000 cells",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_large_spec_is_refused_within_seconds(spec, name):
    text, message = REFUSED[name]
    begin = time.process_time()
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        spec(text, confirm_above=None)
    assert time.process_time() - begin < SECONDS
    assert message in str(refused.value)
    assert "sweep.yaml" in str(refused.value)
    assert len(str(refused.value)) < 600


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_is_no_spec(cli, tmp_path):
    os.mkfifo(tmp_path / "sweep.yaml")
    answer = cli("sweep", tmp_path / "sweep.yaml", "--store", tmp_path / "store")
    assert (answer.exit_code, answer.stderr.count("\n")) == (2, 1)
    assert "is a pipe; a regular file is needed" in answer.stderr


def test_a_thousand_cells_with_a_thousand_exclusions_are_read(spec):
    """Values that are numbers, texts and patterns exclude as they did one by one."""
    excluded = ", ".join([*(f"{{seed: {k}}}" for k in range(10, 1000)), "{model: 'l*', seed: [0, 1]}"])
    text = f"measure: {{model: [fc_l4, lenet], seed: {numbers(500)}, exclude: [{excluded}]}}"
    found = spec(text).jobs
    assert [(job.options.model, job.options.seed) for job in found] == [
        *(("fc_l4", seed) for seed in range(10)),
        *(("lenet", seed) for seed in range(2, 10)),
    ]
