"""Options and sweep files of any kind are taken or refused by the package's own errors."""

import json
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import CHANCE, RAW, cases, told_by

from diffstab.options.experiments import RegimeOptions, StripeOptions
from diffstab.options.measure import MeasureOptions
from diffstab.options.train import TrainOptions
from diffstab.sweep.spec import read_spec

pytestmark = pytest.mark.slow

IMAGES, OPTIONS, SPECS, STORES = 4000, 1500, 1000, 40
VALUES = [
    None, True, False, 0, 1, -1, 2, 3.5, 1e308, 1e-320, float("inf"), float("nan"), 2**64, 2**64 - 1, 10**400, "", "3",
    "-1", "nan", "../x", "é", "\x00", "a\nb", "paper:", "timm:", "torchvision:x@y", "local-dir:/", "m:n", [], [1],
    ["x"], {}, {"a": [1]}, (), b"x", "auto", "0.5,0.5,0.5", "depth=12", "x=" * 50, object(), "init", "rotation",
]  # fmt: skip
TOKENS = [
    "null", "[]", "{}", "&a", "*a", "!!python/object:os.system x", "- ", "? ", ": ", "1e400", ".nan", "2**64", "\t",
    "\x00", "é", "[[1]]", "{a: {b: c}}", "timm:*", "'", '"', "<<: *a", "9" * 20, "true", "-1", "measure:", "train:",
    "exclude: [{}]",
]  # fmt: skip
SPEC = """train: {model: [fc_l2, lenet], epochs: 2, seed: [0, 1]}
measure: {weights: [train, init], cutoff: [3, 5], exclude: [{cutoff: 5}]}
stripe: {train_size: [100, 200]}
"""


@pytest.mark.parametrize("kind", [MeasureOptions, TrainOptions, StripeOptions, RegimeOptions])
def test_options_are_taken_or_refused(kind):
    names = [*(f.name for f in fields(kind)), "noise-radius", "bogus", 3, None]

    @cases(OPTIONS)
    @given(st.dictionaries(st.sampled_from(names), st.sampled_from(VALUES), min_size=1, max_size=5))
    def one(mapping):
        told = told_by(lambda: json.dumps(kind.from_mapping(mapping).to_dict(), allow_nan=False))
        assert told is None or not any(word in told for word in RAW), told

    one()


def test_specs_are_read_or_refused(tmp_path):
    path, read = tmp_path / "spec.yaml", []

    @cases(SPECS)
    @given(CHANCE)
    def one(rng):
        text = SPEC
        for _ in range(rng.choice((1, 2, 3))):
            at = rng.randrange(len(text) + 1)
            text = text[:at] + rng.choice(TOKENS) + text[at + rng.choice((0, 0, 1, 5, 20)) :]
        path.write_text(text, encoding="utf-8")
        told = told_by(lambda: read_spec(path))
        assert told is None or not any(word in told for word in RAW), (text, told)
        read.append(told is None)

    one()
    assert 0 < np.mean(read) < 0.5
