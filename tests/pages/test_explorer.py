"""`diffstab explore`: the file, and the page in a browser."""

import base64
import io
import json
import re
import shlex
import shutil

import numpy as np
import pytest
from PIL import Image
from support.browsing import SIZES, assert_accessible, assert_self_contained, opened, settled

from diffstab import MaxEntropyEnsemble
from diffstab.data import image_path
from diffstab.pages.explorer import explorer_page

pytestmark = pytest.mark.slow

NAME = "<img src=x onerror=alert(1)> & 'it'.png"


def explore(cli, *arguments):
    return cli("explore", *map(str, arguments))


@pytest.fixture(scope="module")
def folder(cli, tmp_path_factory):
    """With a picture of a name that has to be escaped, and its page."""
    place = tmp_path_factory.mktemp("explore")
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save(place / NAME)
    answer = explore(cli, place / NAME, "-o", place / "page.html")
    assert answer.exit_code == 0, answer.stderr
    return place


def test_the_page_is_one_small_file_that_asks_for_nothing():
    page = explorer_page()
    assert len(page) < 600_000
    assert_self_contained(page)


def test_pictures_are_upright_and_at_most_so_long(tmp_path):
    image = Image.fromarray(np.zeros((100, 300, 3), np.uint8))
    exif = image.getexif()
    exif[0x0112] = 6  # a camera that was turned
    image.save(tmp_path / "turned.png", exif=exif)
    page = explorer_page([tmp_path / "turned.png"], side=60)
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    picture = data["pictures"][0]
    assert (picture["name"], picture["width"], picture["height"]) == ("turned.png", 20, 60)
    with Image.open(io.BytesIO(base64.b64decode(picture["source"].partition(",")[2]))) as kept:
        assert kept.size == (20, 60)


def test_boundaries_fall_with_the_cutoff_and_the_probability():
    data = json.loads(re.search(r'id="data">(.*?)</script>', explorer_page())[1])
    table = np.array(data["boundaries"])
    assert table.shape == (len(data["cutoffs"]), len(data["probabilities"]))
    assert (np.diff(table, axis=0) < 0).all()
    assert (np.diff(table, axis=1) > 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.png"], "missing.png"),
        ([__file__], "test_explorer.py"),
        (["--side", "5"], "side is 5"),
        (["-o", "no/such/folder/x.html"], "no/such/folder"),
    ],
)
def test_bad_input_is_told_in_one_line(cli, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    answer = explore(cli, *arguments)
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


# in a browser


@pytest.fixture(params=SIZES, ids=str)
def page(browser, folder, request):
    with opened(browser, folder / "page.html", request.param, "milliseconds") as found:
        yield found


def pixels(page, name):
    """Of a canvas, `[H, W, 3]`."""
    address = page.locator(f"#{name}").evaluate("canvas => canvas.toDataURL()")
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as image:
        return np.array(image.convert("RGB"))


def test_the_command_to_copy_gives_the_picture(cli, page, folder, tmp_path, monkeypatch):
    page.locator("#seed").fill("18446744073709551615")
    page.locator("#draw").fill("7")
    page.locator("#cutoff").fill("6")
    for name in ("grid", "folds"):
        page.locator(f"#{name}").uncheck()
    monkeypatch.chdir(tmp_path)
    shutil.copy(folder / NAME, tmp_path)
    for interpolation, slider, value in (("bilinear", "delta", "110"), ("gaussian", "temperature", "-2.5")):
        page.locator("#interpolation").select_option(interpolation)
        page.locator(f"#{slider}").fill(value)
        settled(page)
        program, *words = shlex.split(page.locator("#command").inner_text())
        assert program == "diffstab"
        answer = cli(*words)
        assert answer.exit_code == 0, answer.stderr
        with Image.open("deformed.png") as image:
            difference = np.abs(np.array(image).astype(int) - pixels(page, "deformed"))
        assert difference.max() <= 1  # a half may be rounded either way
        assert (difference > 0).mean() < 1e-3


def test_photographs_of_the_package_have_the_names_that_deform_knows():
    data = json.loads(re.search(r'id="data">(.*?)</script>', explorer_page())[1])
    for picture in data["pictures"]:
        path = image_path(picture["name"])
        with Image.open(path) as image:
            assert (
                image.size == (picture["width"], picture["height"]) == (picture["file_width"], picture["file_height"])
            )


def told(page, name):
    return float(page.locator(f"#told-{name}").inner_text().removesuffix(" px"))


def test_delta_and_temperature_move_each_other(page):
    for slider, value in (("delta", "120"), ("temperature", "-4.5"), ("cutoff", "9"), ("delta", "60")):
        before = told(page, "delta")
        page.locator(f"#{slider}").fill(value)
        ensemble = MaxEntropyEnsemble((40, 60), told(page, "cutoff"), delta=told(page, "delta"))
        assert told(page, "temperature") == pytest.approx(ensemble.temperature, rel=0.005)  # three digits
        assert page.locator("#delta").get_attribute("aria-valuetext") == page.locator("#told-delta").inner_text()
        assert (told(page, "delta") == before) == (slider == "cutoff")


def test_the_original_stays_beside_the_deformed_image(page):
    straight, bent = pixels(page, "original"), pixels(page, "deformed")
    assert straight.shape == bent.shape
    assert (straight != bent).any()
    page.locator("#temperature").fill("-1")
    settled(page)
    assert (pixels(page, "original") == straight).all()
    assert (pixels(page, "deformed") != bent).any()
    one, other = (page.locator(f"#{name}").bounding_box() for name in ("original", "deformed"))
    assert one["y"] == other["y"]
    assert one["x"] + one["width"] < other["x"]


@pytest.mark.parametrize("width", [420, 1400])
def test_image_and_sliders_are_in_view(browser, folder, width):
    with opened(browser, folder / "page.html", (width, "light"), "milliseconds") as page:
        for name in ("original", "deformed", "delta", "cutoff", "temperature", "again"):
            box = page.locator(f"#{name}").bounding_box()
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= page.viewport_size["height"]


@pytest.mark.parametrize("width", [420, 700])
def test_the_image_stays_in_view_on_a_phone_while_one_drags_in_the_diagram(browser, folder, width):
    with opened(browser, folder / "page.html", (width, "light"), "milliseconds") as page:
        before = page.locator("#deformed").bounding_box()
        page.locator("#diagram").evaluate("canvas => scrollBy(0, canvas.getBoundingClientRect().top - 200)")
        image, diagram = (page.locator(f"#{name}").bounding_box() for name in ("deformed", "diagram"))
        assert page.evaluate("scrollY") > before["y"] + 50
        assert image["y"] >= 0
        assert image["y"] + image["height"] <= diagram["y"]


@pytest.mark.parametrize("width", [320, 420, 700, 1400])
def test_no_text_is_cut(browser, folder, width):
    cut = """() => [...document.querySelectorAll("body *")].filter((element) => {
      const box = element.getBoundingClientRect();
      return box.right > innerWidth || element.scrollWidth > Math.ceil(box.width) + 1;
    }).map((element) => element.outerHTML)"""
    with opened(browser, folder / "page.html", (width, "light"), "milliseconds") as page:
        page.locator("#seed").fill("18446744073709551615")
        page.locator("#draw").fill("4294967295")
        settled(page)
        assert page.evaluate(cut) == []
        assert page.locator("#command").inner_text().startswith("diffstab deform ")


def test_the_python_lines_run(page):
    page.locator("#cutoff").fill("4")
    settled(page)
    lines = page.locator("#python").inner_text()
    import torch

    found = {"images": torch.rand(1, 3, 40, 60)}
    exec(lines, found)
    assert found["deformed"].shape == (1, 3, 40, 60)
    assert "cutoff=4" in lines


def test_dragging_in_the_diagram_changes_temperature_and_cutoff(page):
    box = page.locator("#diagram").bounding_box()
    before = page.locator("#told-temperature").inner_text(), page.locator("#told-cutoff").inner_text()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.7)
    page.mouse.down()
    low = float(page.locator("#told-temperature").inner_text())
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.1, steps=3)
    page.mouse.up()
    settled(page)
    high = float(page.locator("#told-temperature").inner_text())
    assert 1e-6 < low < 1e-4 < 1e-2 < high
    assert int(page.locator("#told-cutoff").inner_text()) > 10
    assert page.locator("#verdict").inner_text() == "This field folds."
    page.mouse.move(box["x"] + 5, box["y"] + 5)  # not pressed: nothing changes
    assert before != float(page.locator("#told-temperature").inner_text()) == high


def test_the_keyboard_alone_does_it(page):
    reached = []
    for _ in range(15):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.dataset.copy"))
    order = ["delta", "cutoff", "temperature", "again", "animate", "picture", "interpolation", "seed", "draw"]
    order += ["grid", "arrows", "folds", "noise", "command", "python"]
    assert reached == order
    page.locator("#temperature").focus()
    before = float(page.locator("#told-temperature").inner_text())
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert float(page.locator("#told-temperature").inner_text()) == pytest.approx(before * 10**0.1, rel=0.02)
    page.locator("#again").focus()
    page.keyboard.press("Enter")
    assert page.locator("#draw").input_value() == "1"


def test_switches_show_and_hide(page):
    for name in ("grid", "folds"):
        page.locator(f"#{name}").uncheck()
    settled(page)
    plain = pixels(page, "deformed")
    for name in ("grid", "arrows"):
        page.locator(f"#{name}").check()
        settled(page)
        assert (pixels(page, "deformed") != plain).any()
        page.locator(f"#{name}").uncheck()
    page.locator("#temperature").fill("-1")
    settled(page)
    without = pixels(page, "deformed")
    page.locator("#folds").check()
    settled(page)
    assert (pixels(page, "deformed") != without).any()
    page.locator("#noise").uncheck()
    settled(page)
    assert page.locator("#noisy").is_hidden()


def test_animation_moves_and_stops_at_a_draw(page):
    page.locator("#animate").click()
    page.wait_for_timeout(400)
    assert page.locator("#animate").get_attribute("aria-pressed") == "true"
    page.locator("#animate").click()
    settled(page)
    still = pixels(page, "deformed")
    page.wait_for_timeout(200)
    assert (pixels(page, "deformed") == still).all()


@pytest.mark.parametrize(("name", "value"), [("seed", "-1"), ("seed", "18446744073709551616"), ("draw", "1.5")])
def test_a_bad_number_is_told_and_not_taken(page, name, value):
    before = page.locator("#command").inner_text()
    page.locator(f"#{name}").fill(value)
    settled(page)
    assert page.locator("#problem").inner_text().startswith(f"The {name} is a whole number from 0 to 2^")
    assert page.locator(f"#{name}").get_attribute("aria-invalid") == "true"
    assert page.locator("#command").inner_text() == before


def test_names_are_text(page):
    assert page.locator("#picture option").inner_text() == NAME
    assert page.locator("img").count() == 0


def test_the_page_is_accessible(page):
    assert_accessible(page)
