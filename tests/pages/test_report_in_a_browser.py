"""The report in a browser: it sorts, filters, tells, saves, by mouse and by keyboard."""

import csv
import io
import json
import math
import re

import pytest
from support.browsing import SIZES, assert_accessible, opened, settled
from support.reported import FORMULA, NAME, data_of, some_rows

from diffstab.options import DEFAULTS
from diffstab.statistics import binomial_interval
from diffstab.store.export import exported
from diffstab.store.pairing import compare_rows

pytestmark = pytest.mark.slow


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
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.parentElement.id"))
    assert reached[:7] == ["way", "filter", "bars", "quantity", "error", "depth", "delta"]
    assert reached[7:10] == ["csv", "spreadsheets", "json"]
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
    page.locator("#depth svg").focus()
    told = []
    for _ in range(7):  # the first layer of each network, then the second of one
        page.keyboard.press("ArrowRight")
        told.append(page.locator("#tip").inner_text())
    assert ["E 0.0625, D 0.25" in one for one in told] == 6 * [True] + [False]
    page.keyboard.press("Escape")
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
    page.locator("label", has_text="for spreadsheets").click()
    with page.expect_download() as download:
        page.locator("#csv").click()
    with open(download.value.path(), encoding="utf-8", newline="") as stream:
        defused = {one["key"]: one for one in csv.DictReader(stream)}
    wanted = csv.DictReader(io.StringIO(exported(rows, "csv", for_spreadsheets=True).decode()))
    assert {key: one["model"] for key, one in defused.items()} == {one["key"]: one["model"] for one in wanted}
    assert {one["model"] for one in defused.values() if one["model"].startswith("'")} == {f"'{FORMULA}"}
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


def test_the_first_sentence_is_the_comparison_s(browser, folder, store):
    """On which network is the most stable and by how much, in each way of measuring."""
    compared = compare_rows(store, [], [], resamples=DEFAULTS.resamples, seed=DEFAULTS.seed)
    with opened(browser, folder / "store.html", SIZES[0], "ready") as page:
        for way, found in enumerate(compared):
            page.locator("#way").select_option(str(way))
            assert page.locator("header p").first.inner_text() == f"{found.headlines()[-1]}."
        choose_all(page)
        assert "can't be ranked" in page.locator("header p").first.inner_text()


def test_a_network_without_errors_stands_at_its_upper_limit_and_is_not_in_the_fit(page):
    marks = page.locator("#error .mark.limit")
    assert sorted(mark.get_attribute("data-model") for mark in marks.all()) == sorted([NAME, FORMULA])
    points = page.evaluate("document.querySelector('#error svg').points.map(({ y, py, limit }) => [y, py, !!limit])")
    high = 100 * binomial_interval(0, 500).high
    limits = {py for y, py, limit in points if limit and y == high}
    assert len(limits) == 1
    assert all(f" {limits.copy().pop():.1f})" in mark.get_attribute("transform") for mark in marks.all())
    assert all((py > limits.copy().pop()) == (y < high) for y, py, limit in points if not limit)
    assert "2 rows without errors drawn at the upper end" in page.locator("#fit").inner_text()
    assert page.locator("#limits").is_visible()
    page.locator("#filter").fill("test_error.value>0")
    assert page.locator("#limits").is_hidden()


BOXES = """name => [...document.querySelectorAll(name)].map((one) => one.getBoundingClientRect())
  .map(({ left, top, right, bottom }) => [left, top, right, bottom])"""


CUT = """[...document.querySelectorAll("main *, header *")].filter((one) => one.scrollWidth > one.clientWidth &&
  one.clientWidth > 1 && !(one instanceof SVGElement)).map((one) => one.outerHTML.slice(0, 200))"""


def cover(one, other, most=0.5):
    """Whether two boxes share more than a rounding of pixels."""
    return all(one[k] + most < other[k + 2] and other[k] + most < one[k + 2] for k in (0, 1))


@pytest.mark.parametrize("width", [420, 1400])
def test_names_cross_no_mark_and_nothing_is_cut(browser, folder, width):
    for name in ("one", "store", "zoo"):
        with opened(browser, folder / f"{name}.html", (width, "light"), "ready") as page:
            for plot in ("#error", "#depth", "#delta"):
                labels, marks = (page.evaluate(BOXES, f"{plot} .{kind}") for kind in ("label", "mark"))
                assert not [one for one in labels for other in marks if cover(one, other)]
                assert not [k for k, one in enumerate(labels) for other in labels[:k] if cover(one, other)]
            if name == "zoo":
                assert len(page.evaluate(BOXES, "#error .label")) == 15 == page.locator("#bars .filled").count()
            assert page.evaluate(CUT) == []
            outside = [box for box in page.evaluate(BOXES, "figure svg text") if box[0] < 0 or box[2] > width]
            assert outside == []
            if name == "one":
                assert_accessible(page)


def test_a_single_row_shows_its_bars_and_images(browser, folder):
    columns = data_of((folder / "one.html").read_text())["columns"]
    R, D, G = ([columns[f"{name}.{end}"]["of"][0] for end in ("value", "low", "high")] for name in "RDG")
    with opened(browser, folder / "one.html", SIZES[0], "ready") as page:
        assert page.locator("#pictures img").evaluate_all("all => all.map((one) => one.naturalWidth)") == [28] * 3
        sources = page.locator("#pictures img").evaluate_all("all => all.map((one) => one.src)")
        assert len(set(sources)) == 3
        bars = page.evaluate(BOXES, "#bars .filled")
        unit = (bars[1][2] - bars[1][0]) / abs(math.log(D[0]))  # pixels; bars go from 1 along a logarithmic axis
        long = [unit * abs(math.log(value)) for value, _, _ in (R, D, G)]
        assert [right - left for left, _, right, _ in bars] == pytest.approx(long, abs=1)
        lines = page.evaluate(BOXES, "#bars .whisker")
        long = [unit * math.log(high / low) for _, low, high in (R, D, G)]
        assert [right - left for left, _, right, _ in lines] == pytest.approx(long, abs=2.5)
        numbers = page.locator("#bars .number").evaluate_all("all => all.map((one) => one.textContent)")
        assert numbers == [f"{value:.3g} ({low:.3g} to {high:.3g})" for value, low, high in (R, D, G)]


def test_two_thousand_rows_work(browser, folder):
    with opened(browser, folder / "many.html", SIZES[0], "ready") as page:
        assert page.locator("#rows tbody tr").count() == 100
        page.locator("#more").click()
        assert page.locator("#rows tbody tr").count() == 2000
        assert page.locator("#error .mark").count() == 2000
        page.locator("#filter").fill("family7/")
        settled(page)
        assert page.locator("#rows tbody tr").count() == 50
        assert page.locator("#more").is_hidden()
