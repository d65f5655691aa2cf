"""The atlas: many networks on one page, whose numbers are those of the rows, and whose plot has one setting."""

import csv
import itertools
import re

import pytest
from support.browsing import SIZES, assert_accessible, assert_self_contained, opened, settled
from support.measured_rows import interval, row
from support.reported import FORMULA, NAME, data_of, many_rows, some_rows

from diffstab.figures.points import read_rows
from diffstab.pages.atlas import NUMBERS, atlas_page
from diffstab.results import value_at
from diffstab.store import is_measured

WAYS = "imagenet/val; c = 3 (x), delta = {} of the side, x, median, paper convention"


def library_row(name, tag, *, R, error=0.2, share=0.01, side=224, **more):
    """A network of timm with its published weights; the displacement is a share of its own input's side."""
    asked = {"images": 500, "draws": 1, "until_precision": None, "delta_share": share}
    numbers = {"parameters": int(1e6 / R), "delta": share * side, "dataset": "imagenet", "split": "val"}
    about = {"model_source": "timm", "weights_tag": tag, "weights": "pretrained", "asked": asked}
    return row(f"timm:{name}", 0, R=R, error=error, **numbers, **about, **more)


LIBRARY = [
    library_row("resnet18", "a1_in1k", R=0.5, error=0.30),
    library_row("resnet50", "a1_in1k", R=0.3, error=0.20),
    library_row("resnet50", "gluon_in1k", R=0.35, error=0.22),
    library_row("vit_base_patch16_224", "augreg_in21k", R=0.7, error=0.18),
    library_row("vit_base_patch16_384", "augreg_in21k", R=0.8, error=0.16, side=384),
    library_row("resnet50", "a1_in1k", R=0.1, error=0.20, share=0.02),
    library_row("seresnet50", "init", R=0.9, error=0.99) | {"weights": "init", "weights_tag": None},
]


def values_at(data, name):
    """The column of a page, one value for each row."""
    own, count = data["columns"][name], data["count"]
    return [own["of"][place] for place in own.get("at", range(count) if len(own["of"]) > 1 else [0] * count)]


@pytest.fixture(scope="module")
def atlases(tmp_path_factory):
    place = tmp_path_factory.mktemp("atlas")
    (place / "library.html").write_text(atlas_page(LIBRARY, title="Library"))
    (place / "hostile.html").write_text(atlas_page(some_rows(), title=NAME))
    (place / "many.html").write_text(atlas_page(many_rows(2000), title="Many"))
    return place


@pytest.fixture(params=SIZES, ids=str)
def page(browser, atlases, request):
    with opened(browser, atlases / "library.html", request.param, "ready") as found:
        yield found


@pytest.mark.parametrize("rows", [LIBRARY, some_rows(), many_rows(40)], ids=["library", "hostile", "many"])
def test_every_number_of_the_page_is_in_its_row(rows):
    text = atlas_page(rows, title="Some <b> & others")
    assert_self_contained(text)
    data, measured = data_of(text), [one for one in rows if is_measured(one)]
    assert data["count"] == len(measured)
    for name in (*NUMBERS, "parameters", "images", "seed"):
        wanted = [value_at(one, name) for one in measured]
        if any(value is not None for value in wanted):
            assert values_at(data, name) == wanted
    for key, one in zip(values_at(data, "key"), measured, strict=True):
        assert one["key"].startswith(key)


def test_a_page_of_2300_rows_has_at_most_2_megabytes():
    kept = read_rows("pretrained/zoo-mnist5k-measure.csv")[0][:300]
    text = atlas_page([*many_rows(2000), *kept], title="Many")
    assert len(text.encode()) < 2_000_000
    assert data_of(text)["count"] == 2300


def test_rows_of_one_share_of_the_side_are_one_setting_whatever_their_pixels():
    data = data_of(atlas_page([*LIBRARY, row(R=0.4)], title=""))
    assert data["ways"][:2] == [WAYS.format("0.01"), WAYS.format("0.02")]
    assert data["ways"][2].startswith("mnist5k/test; c = 3 (x), delta = 1 px")
    assert data["way"] == [0] * 5 + [1, 0, 2]


def test_families_and_weights_are_told():
    rows = [*LIBRARY[:2], *LIBRARY[3:4], row("vgg11_bn-w0.25", 1, R=1.0, model_source="paper")]
    rows += [row("nets.py:Net", 0, model_source="python", weights="own"), row("fc_l4", weights="init")]
    data = data_of(atlas_page(rows, title=""))
    wanted = ["resnet", "resnet", "vision_transformer", "vgg", "own code", "fc"]
    assert values_at(data, "family") == wanted
    assert values_at(data, "weights") == [
        *("pretrained (a1_in1k)", "pretrained (a1_in1k)", "pretrained (augreg_in21k)"),
        *("trained on None: 20 epochs, seed 1", "own", "init"),
    ]


def test_the_command_writes_it(cli, store, tmp_path):
    answer = cli("report", store.folder, "--atlas", "-o", tmp_path / "atlas.html", "--where", "cutoff=3")
    assert answer.exit_code == 0, answer.stderr
    data = data_of((tmp_path / "atlas.html").read_text())
    rows = [one for one in store.rows() if one["cutoff"] == 3]
    assert values_at(data, "R.value") == [one["R"]["value"] for one in rows]
    assert values_at(data, "parameters") == [one["parameters"] for one in rows]
    assert data["title"] == "Stability: results"
    answer = cli("report", store.folder, "--atlas", "--compare", 3)
    assert answer.exit_code == 2
    assert "give one of the two" in answer.stderr
    with pytest.raises(ValueError, match="none of 0 rows"):
        atlas_page([], title="")


@pytest.mark.slow
def test_the_browser_shows_the_rows_numbers(page):
    rows = {(one["model"], one["weights_tag"]): one for one in LIBRARY if one["asked"]["delta_share"] == 0.01}
    lines = page.locator("#rows tbody tr")
    assert lines.count() == len(rows) == 6
    for line in lines.all():
        name = line.locator(".network").text_content()
        cells = line.locator("td").all_text_contents()
        tag = re.search(r"\((.*)\)", cells[2])
        one = rows.pop((name, tag[1] if tag else None))
        assert cells[0] in ("resnet", "vision_transformer")
        assert float(cells[1]) == pytest.approx(one["parameters"] / 1e6, rel=5e-3)
        for cell, (letter, factor) in zip(cells[3:7], (("test_error", 100), ("R", 1), ("D", 1), ("G", 1)), strict=True):
            shown = [float(text) for text in re.split(r"[ –]+", cell.strip())]
            assert shown == pytest.approx([factor * one[letter][end] for end in ("value", "low", "high")], rel=5e-3)
    points = page.evaluate("document.querySelector('#error > svg').points.map(({ x, y, model }) => [x, y, model])")
    wanted = [(one["R"]["value"], 100 * one["test_error"]["value"], one["model"]) for one in LIBRARY[:5]]
    assert sorted(map(tuple, points)) == sorted(wanted)  # one setting, and none at initialisation


@pytest.mark.slow
def test_families_narrow_and_others_stay_faint(page):
    assert page.locator("#family option").all_inner_texts() == [
        *("all 2 families", "resnet: 4 rows", "vision_transformer: 2 rows")
    ]
    assert page.locator("#families .filled").count() == 2
    page.locator("#family").select_option("vision_transformer")
    assert page.locator("#rows tbody tr").count() == 2
    assert page.locator("#error > svg .trained .mark").count() == 2
    assert page.locator("#error > svg .around .mark").count() == 3
    assert "R_f of each row of vision_transformer" in page.locator("#families h2").inner_text()
    page.locator("#filter").fill("patch16_384")
    assert page.locator("#shown").inner_text() == "1 of 7 rows"
    page.locator("#way").select_option("1")
    assert page.locator("#family").input_value() == ""
    page.locator("#filter").fill("R.vlaue<1")
    assert page.locator("#problem").inner_text() == "No row has a column R.vlaue."


@pytest.mark.slow
def test_the_horizontal_number_is_chosen_and_pointing_tells(page):
    for name, label in (("D", "D_f"), ("1/G", "1 / G_f"), ("parameters", "parameters"), ("R", "R_f")):
        page.locator("#quantity").select_option(name)
        assert label in page.locator("#error > svg .name").first.text_content()
        xs = page.evaluate("document.querySelector('#error > svg').points.map(({ x }) => x)")
        of = {"1/G": lambda one: 1 / one["G"]["value"], "parameters": lambda one: one["parameters"]}
        wanted = [of.get(name, lambda one, name=name: one[name]["value"])(one) for one in LIBRARY[:5]]
        assert sorted(xs) == pytest.approx(sorted(wanted))
    mark = page.locator("#error > svg .mark[data-model='timm:resnet18']")
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.locator("#tip").inner_text().split("\n")[:3] == [
        *("timm:resnet18", "R_f 0.5 (0.455 to 0.55)", "test error 30 (29.2 to 31) %")
    ]


@pytest.mark.slow
def test_all_ways_are_in_the_table_alone(page):
    page.locator("#way").select_option(label=page.locator("#way option").last.inner_text())
    assert page.locator("#plots").is_hidden()
    assert page.locator("#rows tbody tr").count() == 7
    with page.expect_download() as download:
        page.locator("#csv").click()
    with open(download.value.path(), encoding="utf-8", newline="") as stream:
        saved = sorted(float(one["R.value"]) for one in csv.DictReader(stream))
    assert saved == sorted(one["R"]["value"] for one in LIBRARY)


@pytest.mark.slow
def test_the_atlas_is_accessible(page):
    page.locator("#rows [aria-expanded]").first.click()
    page.locator("#family").select_option("resnet")
    page.locator("#rows .network").first.click()
    assert_accessible(page)


@pytest.mark.slow
def test_texts_of_a_store_are_texts(browser, atlases):
    with opened(browser, atlases / "hostile.html", SIZES[0], "ready") as page:
        assert page.locator("h1").inner_text() == NAME
        assert page.locator("img").count() == 0
        assert {NAME, FORMULA} <= set(page.locator("#rows .network").all_text_contents())


@pytest.mark.slow
def test_two_thousand_networks_work(browser, atlases):
    with opened(browser, atlases / "many.html", SIZES[0], "ready") as page:
        assert page.locator("#error > svg .mark").count() == 2000
        assert page.locator("#rows tbody tr").count() == 100
        assert page.locator("#families .filled").count() == 20  # rows, since all are of the family `network`
        page.locator("#error > svg").focus()
        page.keyboard.press("ArrowRight")
        assert page.locator("#error > svg .whisker").count() == 2
        page.locator("#filter").fill("family7/")
        settled(page)
        assert page.locator("#rows tbody tr").count() == 50


def test_a_row_of_huge_and_of_no_numbers_is_drawn(browser, tmp_path):
    """The largest and the least numbers that JSON has, and names that JavaScript has for its own."""
    huge = [1e308, 5e-324, 1.0]
    rows = [row(f"n{k}", k, R=1.0) | {"R": interval(a, 1.0), "G": interval(b, 1.0)} for k, (a, b) in
            enumerate(itertools.product(huge, huge))]  # fmt: skip
    rows += [row("__proto__", 0, R=0.5, parameters=10**40), row("constructor", 0, R=0.5, test_error=None)]
    (tmp_path / "huge.html").write_text(atlas_page(rows, title="__proto__"))
    with opened(browser, tmp_path / "huge.html", SIZES[0], "ready") as page:
        assert page.locator("#rows tbody tr").count() == len(rows)
        for name in ("D", "1/G", "parameters"):
            page.locator("#quantity").select_option(name)
        assert "NaN" not in page.locator("#error > svg").inner_html()
