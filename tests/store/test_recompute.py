"""Another statistic of kept values is that of another measurement."""

import pytest
from support.measured_stores import failed, measured

from diffstab import Store
from diffstab.statistics.averages import Statistic
from diffstab.statistics.estimates import SampledRadius, stability
from diffstab.statistics.pairs import OutputPairs
from diffstab.store.check import check
from diffstab.store.recompute import numbers_of, recompute


@pytest.mark.parametrize("average", ["median", "mean"])
def test_recomputing_the_same_statistic_gives_the_same_numbers(store, average):
    result = measured(4, average=average)
    store.add(result)
    row = store.rows()[-1]
    assert numbers_of(store.raw(row), row) == {"D": result.D, "G": result.G, "R": result.R}


def test_another_average_is_that_of_a_measurement_with_the_same_noise(store):
    """Under per-image radii no average sets ||eta||, so recomputing equals measuring anew."""
    one, other = (measured(4, average=average, noise_radius="per-image") for average in ("median", "mean"))
    store.add(one)
    entry = recompute(store, store.rows()[-1], average="mean")
    for name in ("D", "G", "R"):
        assert entry.row[name] == getattr(other, name)._asdict()
    assert entry.row["radius_average"] == "median"
    assert entry.row["recomputed_from"] == one.key
    assert "stopped" not in entry.row
    assert entry.row["key"] not in (one.key, other.key)


def test_the_published_codes_statistic_comes_from_the_papers_measurement(store):
    row = store.rows()[0]
    entry = recompute(store, row, median_rule="coordinate", pairs="all", resamples=200)
    raw = store.raw(row)
    wanted = stability(
        raw.deformation_by_output,
        raw.noise_by_output,
        OutputPairs(raw.outputs),
        Statistic("median", "coordinate", "all"),
        resamples=200,
        seed=row["seed"],
        radius=SampledRadius(raw.displacement_norm, row["noise_exponent"], "median"),
    )
    assert entry.row["R"] == wanted["R"]._asdict()
    assert store.add(entry)
    assert not store.add(entry)
    assert list(check(Store(store.folder))) == []


def test_what_was_not_kept_can_not_be_recomputed(store, monkeypatch):
    monkeypatch.setattr("diffstab.measuring.second_pass.KEEP_OUTPUTS_UP_TO", 4)
    store.add(measured(4))
    assert store.raw(store.rows()[-1]).noise_by_output is None
    with pytest.raises(ValueError, match=r"5 outputs were not kept one by one.*--convention reference"):
        recompute(store, store.rows()[-1], median_rule="coordinate")
    reference = measured(4, convention="reference")  # its statistic needs them, whatever their number
    assert reference.raw.noise_by_output.shape == (20, 1, 5)
    store.add(failed("job"))
    with pytest.raises(ValueError, match="only measurements have raw values"):
        recompute(store, store.rows()[-1], average="mean")
    with pytest.raises(ValueError, match="has that statistic already"):
        recompute(store, store.rows()[0], average="median")
