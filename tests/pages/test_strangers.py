"""A row made by a stranger: HTML in every text, own code as its network, formulas, names that JavaScript has."""

import csv
import io
import re

import pytest
from support.browsing import SIZES, opened
from support.measured_stores import measured
from support.reported import FORMULA, NAME, data_of

from diffstab import Store
from diffstab.results import content_key
from diffstab.store.entry import Entry, measured_entry

MARK = "import pathlib\npathlib.Path('ran').write_text('ran')\n\n\ndef make():\n    raise SystemExit\n"
KEPT = {"key", "job", "kind", "status", "raw", "schema", "time", "checksum", "transform", "interpolation", "average"}
KEPT |= {"median_rule", "pairs", "noise_radius_rule", "radius_average", "of", "batch_norm", "precision"}


CHOOSE = "(one, way) => { one.value = way; one.dispatchEvent(new Event('change')); }"


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.py").write_text(MARK)
    store = Store("S", create=True)
    more = {"__proto__": {"polluted": True}, "constructor": FORMULA}
    names = ("evil.py:make", NAME, FORMULA, "__proto__")
    for number, name in enumerate(names):
        entry = measured_entry(measured(number, resamples=100))
        texts = {column: NAME for column, value in entry.row.items() if isinstance(value, str) and column not in KEPT}
        if number == 0:  # but for its network it could be measured again
            texts = {"dataset": "mnist5k", "split": "test", "weights": "own"}
            more["asked"] = {}
        else:
            more["asked"] = {"delta_share": []}
        row = {**entry.row, **texts, "model": name, "model_source": "python", "parameters": 10**18, **more}
        row["versions"] = {"diffstab": NAME, "<b>": FORMULA}
        store.add(Entry({**row, "key": content_key(row)}, entry.sidecars))
    assert len(store) == len(names)
    store.close()
    yield store.folder
    assert not (tmp_path / "ran").exists()


def test_no_command_runs_what_a_row_names(cli, store):
    key = Store(store).keys()[0]
    for words in (
        "results list", f"results show {key}", "results query", "results check", "results export",
        "results export --format timm", "results export --format layers", "results recompute --average mean",
    ):  # fmt: skip
        answer = cli(*words.split(), "--store", store)
        assert answer.exit_code in (0, 1), (words, answer.stderr)
    for words in ("report S --resamples 100", "report S --atlas -o atlas.html"):
        answer = cli(*words.split())
        assert answer.exit_code == 0, (words, answer.stderr)
    for words in (
        "compare S --resamples 100",
        "figure fig05-error --store S -o figures",
        "measure fc_l2 --images 20 --baseline S --fail-if worse",
    ):
        answer = cli(*words.split())
        assert answer.exit_code in (0, 1, 2), (words, answer.stderr)
        assert answer.exception is None or isinstance(answer.exception, SystemExit)


def test_measuring_it_again_says_what_it_would_run(cli, store):
    row = next(one for one in Store(store).rows() if one["model"] == "evil.py:make")
    answer = cli("measure", "--from-row", row["key"], "--store", store)
    assert answer.exit_code == 2
    assert "--trust" in answer.stderr
    assert "evil.py:make" in answer.stderr


def test_its_texts_are_no_formulas_for_spreadsheets(cli, store):
    answer = cli("results", "export", "--store", store, "--format", "csv", "--for-spreadsheets")
    cells = [cell for line in csv.reader(io.StringIO(answer.stdout)) for cell in line]
    assert f"'{FORMULA}" in cells
    assert not [cell for cell in cells if re.match(r"[=@\t\r]|[+-](?![\d.]+(e|$))", cell)]


@pytest.mark.slow
def test_its_texts_are_texts_on_both_pages(cli, store, browser, tmp_path):
    for name, more in (("report", []), ("atlas", ["--atlas"])):
        path = tmp_path / f"{name}.html"
        assert cli("report", store, "-o", path, "--resamples", 100, *more).exit_code == 0
        assert data_of(path.read_text())["count"] == 4
        with opened(browser, path, SIZES[0], "ready") as page:
            way = page.locator("#way option").last.get_attribute("value")
            page.locator("#way").evaluate(
                "(one, way) => { one.value = way; one.dispatchEvent(new Event('change')); }", way
            )
            assert page.locator("#rows tbody tr").count() == 4
            page.locator("#rows [aria-expanded]").first.click()
            assert page.locator("img[src='x'], b").count() == 0
            assert page.evaluate("({}).polluted") is None
            assert {NAME, FORMULA, "__proto__"} <= set(page.locator("#rows .network").all_text_contents())
            with page.expect_download() as download:
                page.locator("#csv").click()
            with download.value.path().open(encoding="utf-8", newline="") as stream:
                assert NAME in [cell for line in csv.reader(stream) for cell in line]
