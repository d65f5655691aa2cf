"""`diffstab measure --convention both`: each number is that of a measurement of its own."""

import json

import pytest

from diffstab.measuring.by_name import measure_cell
from diffstab.measuring.conventions import measure_both
from diffstab.options.measure import MeasureOptions

ASKED = {"model": "fc_l4", "images": 40, "resamples": 100, "seed": 3}


@pytest.fixture(scope="module")
def both():
    return measure_both(MeasureOptions.from_mapping(ASKED), measure_cell)


def test_both_are_those_of_measurements_by_one(both):
    for name in ("paper", "reference"):
        alone = measure_cell(MeasureOptions.from_mapping({**ASKED, "convention": name}))
        assert [getattr(getattr(both, name), letter) for letter in "DGR"] == [alone.D, alone.G, alone.R]


def test_one_choice_at_a_time_is_made_as_the_published_code_makes_it(both):
    assert [(one.choice, one.paper, one.reference) for one in both.changed] == [
        ("cutoff_rule", "disk", "half-integer"),
        ("delta_rule", "exact", "asymptotic"),
        ("noise_radius", "ensemble", "per-image"),
        ("median_rule", "norm", "coordinate"),
        ("pairs", "distinct", "all"),
    ]
    for one in both.changed[:3]:
        alone = measure_cell(MeasureOptions.from_mapping({**ASKED, one.choice: one.reference}))
        assert one.numbers == {"D": alone.D, "G": alone.G, "R": alone.R}
    statistic, pairs = (one.numbers for one in both.changed[3:])
    assert statistic["R"].value != both.paper.R.value
    assert pairs["R"] == both.paper.R  # which no pairs are in
    assert pairs["D"].value > both.paper.D.value  # a pair of an image with itself is no distance


def test_the_command_prints_a_line_for_each(cli, tmp_path):
    words = "--model fc_l4 --images 40 --resamples 100 --seed 3 --convention both".split()
    answer = cli("measure", *words, "--output", str(tmp_path / "both.json"))
    assert answer.exit_code == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert [line.split()[0] for line in lines[2:]] == [
        "paper", "cutoff_rule", "delta_rule", "noise_radius", "median_rule", "pairs", "reference"
    ]  # fmt: skip
    told = json.loads((tmp_path / "both.json").read_text())
    assert told["changed"] == json.loads(cli("measure", *words, "--json").stdout)["changed"]
    assert told["reference"]["convention"] == "reference"
    R = told["changed"][0]["numbers"]["R"]["value"]
    assert f"{R:.4g}" in lines[3]


def test_changes_of_many_outputs_are_not_kept(monkeypatch):
    monkeypatch.setattr("diffstab.measuring.second_pass.KEEP_OUTPUTS_UP_TO", 5)
    both = measure_both(MeasureOptions.from_mapping(ASKED), measure_cell)
    assert both.changed[3].numbers is None
    assert both.to_dict()["changed"][3]["numbers"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--cutoff-rule half-integer", "cutoff_rule is 'half-integer'; the conventions choose it"),
        ("--noise-norm 3", "noise_norm is 3; the conventions choose it"),
        ("--transform rotation", "transform is 'rotation'; the conventions differ in deformations"),
        ("--with-init", "convention is 'both' and --with-init is given"),
    ],
)
def test_what_the_conventions_choose_is_not_given(cli, words, message):
    answer = cli("measure", "--convention", "both", *words.split())
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert answer.stderr.count("\n") == 1
