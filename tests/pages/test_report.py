"""The page of a report: one small valid file, with the comparisons of `diffstab compare` and notes beside them."""

import json
import shutil

import pytest
from support.browsing import assert_self_contained
from support.measured_rows import row
from support.reported import data_of, many_rows, report, some_rows

from diffstab.pages.paired import matrices_of
from diffstab.pages.report import report_page, results_page
from diffstab.results import in_words
from diffstab.statistics import Interval
from diffstab.store import is_measured
from diffstab.store.pairing import compare_rows


def test_the_page_is_one_small_valid_file():
    for rows in (some_rows(), many_rows(5)):
        assert_self_contained(report_page(rows, title="Some <b> & others"))
    page = report_page(many_rows(500), title="Many")
    assert len(page.encode()) < 1_000_000
    assert data_of(page)["count"] == 500


@pytest.mark.parametrize("step", [1, -1])
def test_paired_comparisons_are_those_of_compare(store, step):
    """In whichever order the networks come: a matrix has the more stable one first."""
    matrices, notes = matrices_of(store.rows()[::step], store.raw, 30, resamples=300, seed=0)
    wanted = compare_rows(store, [], [], resamples=300, seed=0)[::step]
    assert notes == []
    assert [matrix.setting for matrix in matrices] == [one.setting for one in wanted]
    for matrix, one in zip(matrices, wanted, strict=True):
        names = matrix.told["names"]
        assert names == [place.name for place in one.ranking]
        ratios = {(first, second): pair for first, second, pair in one.pairs}
        assert len(matrix.told["pairs"]) == 3
        for i, k, value, low, high, p in matrix.told["pairs"]:
            assert i < k
            assert low < value < high
            own = ratios.get((names[i], names[k]))
            if own is None:
                own = ratios[names[k], names[i]]
                wanted_ratio = [1 / own.ratio.value, 1 / own.ratio.high, 1 / own.ratio.low]
                assert [value, low, high] == pytest.approx(wanted_ratio, rel=1e-4)
            else:
                assert [value, low, high] == pytest.approx(list(own.ratio), rel=1e-4)
            assert p == pytest.approx(own.p_holm, rel=1e-4)


def test_of_many_networks_the_most_stable_are_compared(store):
    matrices, _ = matrices_of(store.rows(), store.raw, 2, resamples=200, seed=0)
    lowest = sorted((one["R"]["value"], one["model"]) for one in store.rows() if one["cutoff"] == 5)[:2]
    assert matrices[1].told["names"] == [model for _, model in lowest]
    assert matrices[1].told["of"] == 3
    assert matrices_of(store.rows(), store.raw, 0, resamples=200, seed=0) == ([], [])


def test_what_can_not_be_compared_is_noted(cli, store, tmp_path):
    copied = tmp_path / "copied"
    shutil.copytree(store.folder, copied)
    for path in (copied / "raw").rglob("*.npz"):
        path.unlink()
    answer = report(cli, copied, "-o", tmp_path / "page.html")
    assert answer.exit_code == 0
    data = data_of((tmp_path / "page.html").read_text())
    assert data["matrices"] == []
    assert len(data["notes"]) == 2
    assert all("can't be read" in note for note in data["notes"])
    assert data["answers"][0][0].endswith("; not compared in pairs; lower is more stable")
    repeated = [*store.rows(), {**store.rows()[0], "precision": "float64"}]
    assert matrices_of(repeated, store.raw, 30, resamples=200, seed=0)[1] == [
        "1 rows repeat a measurement but for precision or the like and are in no matrix"
    ]
    assert matrices_of(store.rows()[:1], store.raw, 30, resamples=200, seed=0) == ([], [])


def test_ways_of_measuring_that_read_alike_are_told_apart():
    rows = [row(pairs="all"), row(pairs="distinct"), row(cutoff=7.0), row(pairs="all", images=100)]
    data = data_of(report_page(rows, title=""))
    line = "mnist5k/test; c = {} (x), delta = 1 px, x, median, paper convention"
    assert data["ways"] == [f"{line.format(3)} (pairs all)", f"{line.format(3)} (pairs distinct)", line.format(7)]
    assert data["way"] == [0, 1, 2, 0]


def test_without_a_comparison_the_network_of_lowest_log_average_is_named_with_its_rows():
    rows = [row("a", seed, R=R) for seed, R in enumerate((0.1, 0.9))] + [row("b", 0, R=0.2), row("c", 0, R=0.7)]
    ((first, *_),) = data_of(report_page(rows, title=""))["answers"]
    assert first.startswith("b has the lowest R_f, 0.2 (0.182 to 0.22): 1.5 times lower than a, 0.3 (log-average of 2 ")
    assert "0.1 to 0.9" in first
    ((first, *_),) = data_of(report_page([rows[2], row("d", 0, R=0.201), row("e", 0, R=0.0)], title=""))["answers"]
    assert first.startswith("e has the lowest R_f, 0 (0 to 0): below b")
    ((first, *_),) = data_of(report_page([rows[2], row("d", 0, R=0.201)], title=""))["answers"]
    assert "about as low as d" in first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing"], "'missing' is not a store"),
        (["STORE", "--where", "model=none-such"], "none of 0 rows is a measurement"),
        (["STORE", "--where", "modle=x"], "did you mean 'model'"),
        (["STORE", "--compare", "-1"], "compare is -1"),
        (["STORE", "--resamples", "5"], "resamples is 5"),
        (["STORE", "-o", "no/such/folder/x.html"], "no/such/folder"),
    ],
)
def test_bad_input_is_told_in_one_line(cli, store, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    answer = report(cli, *(store.folder if word == "STORE" else word for word in arguments))
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_page_says_in_words_what_the_lowest_and_the_highest_number_mean(store):
    one_way = (row for row in store.rows() if is_measured(row) and row["cutoff"] == 3)
    rows = sorted(one_way, key=lambda row: row["R"]["value"])
    for chosen, told in ((rows[:1], rows[:1]), (rows[:3], rows[:3]), (rows, [rows[0], rows[-1]])):
        (answers,) = data_of(report_page(chosen, title="Words"))["answers"]
        if len({row["model"] for row in chosen}) > 1:
            assert answers.pop(0).startswith(f"{rows[0]['model']} has the lowest R_f, ")
        assert len(answers) == len(told)
        for one, answer in zip(told, answers, strict=True):
            assert answer.startswith(one["model"])
            assert in_words(Interval(**one["R"])) in answer


@pytest.mark.slow
def test_of_very_many_rows_the_newest_are_on_the_page(cli, store, tmp_path, monkeypatch):
    def rows():
        """An iterator; the oldest come last."""
        for k in range(20_030):
            yield {**row("net", k), "time": f"2026-01-01T00:00:00.{20_030 - k:06}+00:00"}
        yield {"key": "f", "kind": "measure", "status": "failed", "model": "net", "error": {"type": "ValueError"}}

    told = []
    page = report_page(rows(), title="", note=told.append)
    assert told == ["20,000 of 20,030 measurements are on the page, the newest; --where FILTER chooses others"]
    data = data_of(page)
    assert data["notes"] == told
    assert (data["count"], len(data["failures"])) == (20_000, 1)
    assert data["columns"]["training.seed"]["of"] == list(range(20_000))
    assert len(page) < 5_000_000
    monkeypatch.setattr("diffstab.pages.report.MOST_ROWS", 4)
    answer = report(cli, store.folder, "-o", tmp_path / "page.html", "--resamples", "100")
    assert f"note: 4 of {len(store)} measurements are on the page, the newest" in answer.stderr
    newest = sorted(store.rows(), key=lambda one: one["time"])[-4:]
    keys = data_of((tmp_path / "page.html").read_text())["columns"]["key"]["of"]
    assert keys == [one["key"] for one in store.rows() if one in newest]


def test_a_measurement_writes_its_page(cli, tmp_path):
    words = "measure --model fc_l4 --images 20 --resamples 200 --layers auto --with-init --json --report".split()
    answer = cli(*words, str(tmp_path / "page.html"))
    assert answer.exit_code == 0, answer.stderr
    result = json.loads(answer.stdout)
    data = data_of((tmp_path / "page.html").read_text())
    assert data["count"] == 2
    R = data["columns"]["R.value"]
    assert R["of"] == [result["R"]["value"], result["init"]["R"]["value"]]
    assert len(data["layers"]["rows"]) == 2
    assert len(data["matrices"]) == 1
    assert [one["name"] for one in data["pictures"][0]["pictures"]] == ["x", "tau x", "x + eta"]
    with pytest.raises(ValueError, match="none of 0 rows"):
        results_page([])
