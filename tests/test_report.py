"""`diffstab report` and `measure --report`: the file, and the page in a browser."""

import csv
import io
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from browsing import SIZES, assert_accessible, assert_self_contained, opened, settled
from click.testing import CliRunner
from measured_rows import interval, row
from torch import nn

from diffstab import MaxEntropyEnsemble, Store, measure
from diffstab.cli import main
from diffstab.pages.paired import matrices_of
from diffstab.pages.report import report_page, results_page
from diffstab.store.export import exported
from diffstab.store.pairing import compare_rows

NAME = "</script><img src=x onerror=alert(1)> & 'it'"
IMAGES = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0)).mul(4).exp()


def report(*arguments):
    return CliRunner().invoke(main, ["report", *map(str, arguments)])


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def layered(R, count=3, **more):
    """A row with layers."""
    depths = np.linspace(0, 1, count)
    layers = [{"name": f"layer{k}", "depth": depth, "R": interval(R * (2 - depth))} for k, depth in enumerate(depths)]
    return row(R=R, layers=layers, **more)


def some_rows():
    """Networks along a power law, at initialisation, over delta, under another convention; a failure."""
    rng = np.random.default_rng(0)
    values = np.geomspace(0.1, 4.0, 6)
    errors = 0.04 * values**0.4 * np.exp(0.1 * rng.normal(size=6))
    rows = [layered(R, model=f"net{k}", seed=0, error=e) for k, (R, e) in enumerate(zip(values, errors, strict=True))]
    rows += [row(f"net{k}", 0, R=0.9 + 0.02 * k, error=0.9, weights="init") for k in range(6)]
    rows += [row("net2", 0, R=R, delta=delta) for delta, R in ((0.1, 3.0), (0.5, 1.2), (2.0, 0.2))]
    rows += [row("net3", 0, R=0.5, convention="reference"), row("net4", 0, R=1.5, precision="amp-bfloat16")]
    rows += [row(NAME, 0, R=2.5, error=0.0)]
    rows = [{**one, "radius_average": "median", "weights_sha256": one["model"] + one["weights"]} for one in rows]
    failed = {"type": "ValueError", "message": f"no such model {NAME}", "traceback": ""}
    return [*rows, {"key": "f", "kind": "measure", "status": "failed", "model": NAME, "job": "j", "error": failed}]


def many_rows(count):
    """As large as those of real stores: hashes, versions, layers, all of them different."""
    rng = np.random.default_rng(1)
    numbers, found = rng.lognormal(size=(count, 20)), []
    for k, own in enumerate(numbers):
        hashes = {name: rng.bytes(32).hex() for name in ("weights_sha256", "key", "job", "raw", "checksum")}
        more = {
            "versions": {"torch": "2.9.0", "timm": "1.0.0"},
            "preprocessing": {"size": [224, 224], "mean": [0.5] * 3},
        }
        intervals = {letter: interval(float(v)) for letter, v in zip("DGR", own, strict=False)}
        layers = [{"name": f"blocks.{j}.mlp", "depth": j / 12, "R": interval(float(own[j]))} for j in range(13)]
        seconds = {"seconds": float(own[4]), "noise_radius": float(own[5])}
        base = row(f"family{k % 40}/network-{k}", k % 3, error=float(0.01 * own[3]), layers=layers)
        base["training"] |= {"job": hashes["job"]}
        found.append({**base, **intervals, **hashes, **more, **seconds})
    return found


def network(name):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        blur = nn.AvgPool2d({"sharp": 1, "blurred": 2, "flat": 4}[name])
        return nn.Sequential(blur, nn.Flatten(), nn.Linear((8 // blur.kernel_size) ** 2, 5))


def measured(name, cutoff=3, **options):
    result = measure(network(name), IMAGES, MaxEntropyEnsemble(8, cutoff, delta=1.0), resamples=200, **options)
    return replace(result, model=name, dataset="random")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("report") / "results", create=True)
    for name in ("sharp", "blurred", "flat"):
        for seed in (0, 1):
            store.add(measured(name, seed=seed))
        store.add(measured(name, cutoff=5))
    return store


# the file


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


def test_what_can_not_be_compared_is_noted(store, tmp_path):
    copied = tmp_path / "copied"
    shutil.copytree(store.folder, copied)
    for path in (copied / "raw").rglob("*.npz"):
        path.unlink()
    answer = report(copied, "-o", tmp_path / "page.html")
    assert answer.exit_code == 0
    data = data_of((tmp_path / "page.html").read_text())
    assert data["matrices"] == []
    assert len(data["notes"]) == 2
    assert all("can't be read" in note for note in data["notes"])
    repeated = [*store.rows(), {**store.rows()[0], "precision": "float64"}]
    assert matrices_of(repeated, store.raw, 30, resamples=200, seed=0)[1] == [
        "1 rows repeat a measurement but for precision or the like and are in no matrix"
    ]
    assert "two or more" in matrices_of(store.rows()[:1], store.raw, 30, resamples=200, seed=0)[1][0]


def test_ways_of_measuring_that_read_alike_are_told_apart():
    rows = [row(pairs="all"), row(pairs="distinct"), row(cutoff=7.0), row(pairs="all", images=100)]
    data = data_of(report_page(rows, title=""))
    line = "mnist5k/test; c = {}, delta = 1 px, x, median, paper convention"
    assert data["ways"] == [f"{line.format(3)} (pairs all)", f"{line.format(3)} (pairs distinct)", line.format(7)]
    assert data["way"] == [0, 1, 2, 0]


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
def test_bad_input_is_told_in_one_line(store, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    answer = report(*(store.folder if word == "STORE" else word for word in arguments))
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_measurement_writes_its_page(tmp_path):
    words = "measure --model fc_l4 --images 20 --resamples 200 --layers auto --with-init --json --report".split()
    answer = CliRunner().invoke(main, [*words, str(tmp_path / "page.html")])
    assert answer.exit_code == 0, answer.stderr
    result = json.loads(answer.stdout)
    data = data_of((tmp_path / "page.html").read_text())
    assert data["count"] == 2
    R = data["columns"]["R.value"]
    assert R["of"] == [result["R"]["value"], result["init"]["R"]["value"]]
    assert len(data["layers"]["rows"]) == 2
    assert len(data["matrices"]) == 1
    with pytest.raises(ValueError, match="none of 0 rows"):
        results_page([])


# in a browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory, store):
    place = tmp_path_factory.mktemp("pages")
    (place / "page.html").write_text(report_page(some_rows(), title=NAME))
    (place / "many.html").write_text(report_page(many_rows(2000), title="Many"))
    assert report(store.folder, "-o", place / "store.html").exit_code == 0
    return place


@pytest.fixture(params=SIZES, ids=str)
def page(browser, folder, request):
    with opened(browser, folder / "page.html", request.param, "ready") as found:
        yield found


def models(page):
    return page.locator("#rows .network").all_inner_texts()


def choose_all(page):
    page.locator("#way").select_option(page.locator("#way option").last.get_attribute("value"))


def test_text_of_a_store_is_text(page):
    assert page.locator("h1").inner_text() == NAME
    assert page.locator("img").count() == 0
    assert NAME in models(page)
    assert NAME in page.locator("#failures td").first.inner_text()
    assert f"no such model {NAME}" in page.locator("#failures").inner_text()


def test_headers_sort(page):
    header = page.locator("#rows thead button", has_text="R_f")
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    values = [float(text.split()[0]) for text in page.locator("#rows tbody tr td:nth-child(4)").all_inner_texts()]
    assert values == sorted(values)
    header.click()
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    values = [float(text.split()[0]) for text in page.locator("#rows tbody tr td:nth-child(4)").all_inner_texts()]
    assert values == sorted(values, reverse=True)
    page.locator("#rows thead button", has_text="network").focus()
    page.keyboard.press("Enter")
    assert models(page) == sorted(models(page))


def test_the_filter_narrows_table_and_plots(page):
    points = page.locator("#error .mark").count()
    page.locator("#filter").fill("net R.value<0.5 weights!=init")
    found = models(page)
    assert found
    assert page.locator("#shown").inner_text().startswith(f"{len(found)} of ")
    assert page.locator("#error .mark").count() == len(found) < points
    page.locator("#filter").fill("R.vlaue<1")
    assert page.locator("#problem").inner_text() == "No row has a column R.vlaue."
    assert page.locator("#filter").get_attribute("aria-invalid") == "true"
    assert models(page) == found  # what was asked before stays
    page.locator("#filter").fill("nothing of that name")
    assert models(page) == []
    assert page.locator("#error").is_hidden()


def test_the_fit_is_told(page):
    page.locator("#filter").fill("net precision=x")
    text = page.locator("#fit").inner_text()
    correlation = float(re.search(r"logarithms (-?[\d.]+) \(", text)[1])
    assert 0.9 < correlation <= 1
    assert "over 6 trained networks" in text
    page.locator("#quantity").select_option("1/G")
    assert "1 / G_f" in page.locator("#error svg").text_content()
    choose_all(page)
    assert page.locator("#fit").inner_text().startswith("A fit needs rows of one way of measuring.")


def test_pointing_tells_and_a_click_highlights_a_network_everywhere(page):
    mark = page.locator("#error .mark[data-model=net0]")
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.locator("#tip").inner_text().startswith("net0\nR_f 0.1 (")
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.locator("#depth .series.chosen").get_attribute("data-model") == "net0"
    assert set(page.locator("#rows tr.chosen .network").all_inner_texts()) == {"net0"}
    assert page.locator(".network[aria-pressed=true]").count() == page.locator("#rows tr.chosen").count() == 2
    page.mouse.move(0, 0)
    assert page.locator("#tip").is_hidden()
    page.locator("#none").click()
    assert page.locator(".chosen").count() == 0
    page.locator("#rows .network", has_text="net3").first.click()
    assert page.locator("#error .mark.chosen").get_attribute("data-model") == "net3"


def test_the_keyboard_alone_does_it(page):
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.parentElement.id"))
    assert reached[:6] == ["way", "filter", "quantity", "error", "depth", "delta"]
    assert reached[6:9] == ["csv", "json", ""] or reached[6:8] == ["csv", "json"]
    page.locator("#error svg").focus()
    told = []
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        told.append(page.locator("#tip").inner_text().split("\n")[0])
    assert told == ["net0", "net1", "net2"]
    page.keyboard.press("Enter")
    assert page.locator("#error .mark.chosen").get_attribute("data-model") == "net2"
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()


def test_curves_over_layers_and_delta(page):
    assert page.locator("#depth .series").count() == 6
    assert page.locator("#delta .series").get_attribute("data-model") == "net2"
    assert page.locator("#delta .mark").count() == 4
    assert page.locator("#delta .told").inner_text() == "1 curve of rows that differ in delta alone."
    page.locator("#filter").fill("model!=net2")
    assert page.locator("#delta").is_hidden()


def test_rows_that_can_not_be_compared_bring_a_warning(page):
    assert "can't be compared" in page.locator("#warnings").inner_text()  # of the precisions
    assert "precision x (" in page.locator("#warnings").inner_text()
    assert "convention" not in page.locator("#warnings").inner_text()
    choose_all(page)
    assert re.search(r"convention paper \(\d+ rows\), reference \(1 row\)", page.locator("#warnings").inner_text())
    page.locator("#filter").fill("precision=x convention=paper delta=1")
    assert page.locator("#warnings").inner_text() == ""


def test_settings_come_on_demand_and_focus_stays(page):
    button = page.locator("#rows [aria-expanded]").first
    button.focus()
    page.keyboard.press("Enter")
    button = page.locator("#rows [aria-expanded]").first
    assert button.get_attribute("aria-expanded") == "true"
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    assert "noise_radius_rule" in page.locator("dl").inner_text()
    page.keyboard.press("Enter")
    assert page.locator("dl").count() == 0


def test_files_to_save_hold_the_rows_shown(page):
    choose_all(page)
    rows = [one for one in some_rows() if one["status"] == "done"]
    with page.expect_download() as download:
        page.locator("#csv").click()
    assert download.value.suggested_filename == "results.csv"
    with open(download.value.path(), encoding="utf-8", newline="") as stream:
        found = list(csv.DictReader(stream))
    wanted = list(csv.DictReader(io.StringIO(exported(rows, "csv").decode())))
    assert sorted(one["key"] for one in found) == sorted(one["key"] for one in wanted)
    assert list(found[0]) == list(wanted[0])
    with page.expect_download() as download:
        page.locator("#json").click()
    assert len(json.loads(download.value.path().read_text())) == len(rows)


def test_the_page_is_accessible(page):
    choose_all(page)
    page.locator("#rows [aria-expanded]").first.click()
    page.locator("#rows .network").first.click()
    assert_accessible(page)


def test_paired_comparisons_are_shown(browser, folder):
    with opened(browser, folder / "store.html", SIZES[0], "ready") as page:
        assert page.locator("#matrices table").count() == 1
        cells = page.locator("#matrices tbody tr").first.locator("td").all_inner_texts()
        assert len(cells) == 4
        assert page.locator("#matrices td[title*='after Holm']").count() == 6
        (matrix,) = (one for one in data_of((folder / "store.html").read_text())["matrices"] if one["way"] == 0)
        for i, k, value, _, _, p in matrix["pairs"]:
            for row_, column, ratio in ((i, k, value), (k, i, 1 / value)):
                cells = page.locator("#matrices tbody tr").nth(row_).locator("td")
                text = cells.nth(1 + column).text_content()  # the rank comes first
                number, sign, word = re.fullmatch(r"(\S+) ([▼▲=])(.*)", text).groups()
                assert float(number) == pytest.approx(ratio, rel=0.06)  # two digits
                assert sign == ("=" if p >= 0.05 else "▼" if ratio < 1 else "▲")
                assert word == {"=": "not told apart", "▼": "lower", "▲": "higher"}[sign]
        choose_all(page)
        assert page.locator("#matrices table").count() == 2
        assert_accessible(page)


def test_two_thousand_rows_work(browser, folder):
    with opened(browser, folder / "many.html", SIZES[0], "ready") as page:
        assert page.locator("#rows tbody tr").count() == 250
        page.locator("#more").click()
        assert page.locator("#rows tbody tr").count() == 2000
        assert page.locator("#error .mark").count() == 2000
        page.locator("#filter").fill("family7/")
        settled(page)
        assert page.locator("#rows tbody tr").count() == 50
        assert page.locator("#more").is_hidden()
