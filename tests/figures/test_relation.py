"""How test error follows stability over networks, beside the values of the paper."""

import csv
import io
import math
from dataclasses import replace

import numpy as np
import pytest

from diffstab.figures.drawing.files import table_csv
from diffstab.figures.points.relation import networks_table, paper_values, relate


def test_the_relation_is_that_of_the_points(gathered):
    error = [math.log(network["error"].value) for network in gathered.points]
    found = relate(gathered.points)
    for quantity, power in (("R", 1), ("D", 1), ("1/G", -1)):
        values = [power * math.log(network[quantity[-1]].value) for network in gathered.points]
        assert found.correlations[quantity].value == pytest.approx(np.corrcoef(values, error)[0, 1])
    assert found.root_law.exponent.value == 0.5


def test_networks_of_one_architecture_are_no_independent_points(gathered):
    """Each network twice, once as a width of the other: as many architectures, and the intervals of one copy."""
    alone = relate(gathered.points)
    twins = [
        replace(point, at={**point.at, "model": f"{point.model.partition('-')[0]}-w3"}) for point in gathered.points
    ]
    found = relate([*gathered.points, *twins])
    for quantity, interval in found.correlations.items():
        assert interval == pytest.approx(alone.correlations[quantity], rel=1e-9)


def test_the_papers_values_have_one_sign():
    assert paper_values("Tiny-ImageNet") == ("tinyimagenet", {"R": 0.74, "D": 0.69, "1/G": 0.66})
    assert paper_values("mnist5k") == paper_values("MNIST")
    assert paper_values("photos") is None


def test_the_table_holds_the_points(gathered):
    table = list(csv.DictReader(io.StringIO(table_csv(networks_table(gathered.points)).decode())))
    assert [line["name"] for line in table] == [network.model for network in gathered.points]
    for line, network in zip(table, gathered.points, strict=True):
        told = [int(line["depth"]), line["batch_norm"] == "True", line["skip"] == "True", int(line["seeds"])]
        assert told == [*(network.at[name] for name in ("depth", "batch_norm", "skip")), 3]
        for column, spread in (("test_error", network["error"]), ("R", network["R"]), ("R_init", network["R_init"])):
            ends = tuple(float(line[f"{column}{end}"]) for end in ("", "_log_sd", "_low", "_high"))
            assert ends == spread
