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
    page.locator("#folds").uncheck()
    monkeypatch.chdir(tmp_path)
    shutil.copy(folder / NAME, tmp_path)
    for interpolation in ("bilinear", "gaussian"):
        page.locator("#interpolation").select_option(interpolation)
        settled(page)
        program, *words = shlex.split(page.locator("#command").inner_text())
        assert program == "diffstab"
        answer = cli(*words)
        assert answer.exit_code == 0, answer.stderr
        with Image.open("deformed.png") as image:
            difference = np.abs(np.array(image).astype(int) - pixels(page, "deformed"))
        assert difference.max() <= 1  # a half may be rounded either way
        assert (difference > 0).mean() < 1e-3


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
    for _ in range(16):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.dataset.copy"))
    order = ["temperature", "cutoff", "seed", "draw", "again", "animate", "picture", "interpolation"]
    order += ["grid", "arrows", "folds", "noise", "python", "python", "command", "command"]
    assert reached == order
    page.locator("#temperature").focus()
    before = float(page.locator("#told-temperature").inner_text())
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert float(page.locator("#told-temperature").inner_text()) == pytest.approx(before * 10**0.1, rel=0.01)
    page.locator("#again").focus()
    page.keyboard.press("Enter")
    assert page.locator("#draw").input_value() == "1"


def test_switches_show_and_hide(page):
    page.locator("#folds").uncheck()
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
