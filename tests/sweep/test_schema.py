"""The schema of sweep files takes what the reader takes, and refuses names and types that it refuses."""

import json
import re

import pytest
import yaml
from jsonschema import Draft202012Validator

from diffstab.sweep.schema import SCHEMA_FILE, sweep_schema
from diffstab.sweep.spec import EXAMPLE, read_spec

VALIDATOR = Draft202012Validator(json.loads(SCHEMA_FILE.read_text()))
PRESETS = sorted(EXAMPLE.parents[1].glob("figures/paper/presets/*.yaml"))


class Editor(yaml.SafeLoader):
    """Reads 1e-3 as a number, as YAML 1.2 and editors do."""


Editor.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+"), [*"0123456789"]
)


def fits(text):
    return VALIDATOR.is_valid(yaml.load(text, Editor))


def is_read(text, path):
    path.write_text(text)
    try:
        read_spec(path)
    except ValueError:
        return False
    return True


def test_the_file_is_what_the_settings_give():
    """After a setting was added: python scripts/maintain/schemas.py."""
    assert json.loads(SCHEMA_FILE.read_text()) == sweep_schema()
    Draft202012Validator.check_schema(sweep_schema())
    assert sweep_schema()["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.parametrize("path", [EXAMPLE, *PRESETS], ids=lambda path: path.stem)
def test_the_files_of_the_package_fit(path):
    assert not list(VALIDATOR.iter_errors(yaml.load(path.read_text(), Editor)))


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("measure: {model: lenet, noise-radius: per-image, cutoff: [3, 1e1], mean: 0.5}", True),
        ("measure: {model: lenet, noise_radius: [per-image, null], mean: '0.5'}", True),
        ("train: {model: [fc_l2]}\nmeasure: {weights: [init, train]}", True),
        ("measure: {include: [{model: lenet, draws: 2}], exclude: [{model: 'res*'}]}", True),
        ("stripe: {train_size: [100, 200], until_loss: 0.1}", True),
        ("regime: {layers: 2}", True),
        ("measure: {cutof: 3}", False),
        ("mesure: {cutoff: 3}", False),
        ("measure: {noise-radius: per-pixel}", False),
        ("measure: {cutoff: three}", False),
        ("measure: {draws: 0}", False),
        ("measure: {draws: 1.5}", False),
        ("measure: {amp: 1}", False),
        ("measure: {model: []}", False),
        ("measure: {include: {model: lenet}}", False),
        ("measure: {include: [{cutof: 3}]}", False),
        ("measure: {exclude: [{cutof: 3}]}", False),
        ("measure: {exclude: [{weights: 'pre*'}]}", False),
        ("train: {weights: init}", False),
        ("stripe: {noise_norm: x}", False),
        ("{}", False),
    ],
)
def test_it_agrees_with_the_reader(text, allowed, tmp_path):
    assert (fits(text), is_read(text, tmp_path / "sweep.yaml")) == (allowed, allowed)
