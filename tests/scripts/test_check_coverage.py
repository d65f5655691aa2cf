"""The script behind docs/intervals.md: its laws are what it says, and equal networks are equal."""

import check_coverage
import kept_population
import numpy as np
import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("law", ["linear", "heavy", "power"])
def test_means_of_many_draws_are_the_truth(law, monkeypatch):
    """Within five standard errors of the sample's own; infinite third moments leave the error itself uncertain."""
    monkeypatch.setattr(check_coverage, "TRUTH_OF", 400_000)
    true = check_coverage.truth(law, "mean")
    sample = check_coverage.drawn(law, 200_000, 1, np.random.default_rng(5))
    pairs = np.square(sample.outputs[::2] - sample.outputs[1::2]).sum(1)
    for name, values in (("a", sample.a), ("b", sample.b), ("c", pairs), ("radius", sample.norms)):
        assert abs(values.mean() - true[name]) <= 5 * values.std() / np.sqrt(values.size), name


@pytest.mark.parametrize("part", check_coverage.PARTS)
def test_each_part_gives_a_line_per_cell(cli, part, tmp_path, monkeypatch):
    monkeypatch.setattr(check_coverage, "TRUTH_OF", 4000)
    monkeypatch.setattr(check_coverage, "KEPT", ("fc_l2",))
    monkeypatch.setattr(kept_population, "DRAWS", 1)
    for name, few in (("SIZES", (30,)), ("COMPARED", (30, 30)), ("DRAWS", (1,)), ("NETWORKS", (6,))):
        monkeypatch.setattr(check_coverage, name, few)
    options = ["--repetitions", "10", "--jobs", "1", "--output", str(tmp_path / "table.csv")]
    options += ["--resamples", "100"]
    answer = cli(part, *options, command=check_coverage.main)
    assert answer.exit_code == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert len(lines) == {"networks": 6, "comparisons": 10, "kept": 2}.get(part, 5)
    assert len((tmp_path / "table.csv").read_text().splitlines()) == len(lines) + 1
