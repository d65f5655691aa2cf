"""`diffstab explore`: the file, and the page in a browser."""

import base64
import hashlib
import io
import json
import re
import shlex
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from diffstab.cli import main
from diffstab.pages import explorer_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SIZES = [(1280, "light"), (400, "dark")]


def explore(*arguments):
    return CliRunner().invoke(main, ["explore", *map(str, arguments)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With a picture of a name that has to be escaped, and its page."""
    place = tmp_path_factory.mktemp("explore")
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save(place / NAME)
    answer = explore(place / NAME, "-o", place / "page.html")
    assert answer.exit_code == 0, answer.stderr
    return place


NAME = "<img src=x onerror=alert(1)> & 'it'.png"


def test_the_page_is_one_small_file_that_asks_for_nothing():
    page = explorer_page()
    assert len(page) < 600_000
    assert not re.search(r"https?://|\ssrc=|<link|@import|url\(", re.sub(r"data:[\w/;,+=]*", "", page))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    for kind, element in (("style", "style"), ("script", "script")):
        text = re.search(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)[1]
        wanted = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{wanted}'" in policy


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
def test_bad_input_is_told_in_one_line(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    answer = explore(*arguments)
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


# in a browser


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--headless", "--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(params=SIZES, ids=str)
def page(browser, folder, request):
    """The page, which must not complain nor ask for any address."""
    width, scheme = request.param
    opened = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    said, asked = [], []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("dialog", lambda dialog: said.append(dialog.message))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto((folder / "page.html").as_uri())
    opened.wait_for_function("document.body.dataset.milliseconds")
    yield opened
    opened.close()
    assert said == []
    assert [address for address in asked if not address.startswith(("data:", "file:"))] == []


def settled(page):
    """After the frames that are under way."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def pixels(page, name):
    """Of a canvas, `[H, W, 3]`."""
    address = page.locator(f"#{name}").evaluate("canvas => canvas.toDataURL()")
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as image:
        return np.array(image.convert("RGB"))


def test_the_command_to_copy_gives_the_picture(page, folder, tmp_path, monkeypatch):
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
        answer = CliRunner().invoke(main, words)
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


def test_names_are_text_and_nothing_overflows(page):
    assert page.locator("#picture option").inner_text() == NAME
    assert page.locator("img").count() == 0
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0


def test_every_control_has_a_name_and_texts_have_contrast(page):
    for control in page.locator("input, select, button").all():
        assert control.evaluate("one => one.labels?.length || one.textContent.trim()")
    worst = page.evaluate(CONTRAST)
    assert worst["ratio"] >= 4.5, worst


CONTRAST = """() => {
  const light = (text) => {
    const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if (!/, 0\\)$/.test(colour) && colour !== "transparent") return colour;
    }
    return "rgb(255, 255, 255)";
  };
  let worst = { ratio: Infinity };
  for (const one of document.querySelectorAll("body *")) {
    if (![...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
    if (["SCRIPT", "OPTION"].includes(one.tagName)) continue;
    const [a, b] = [light(getComputedStyle(one).color), light(ground(one))].sort((x, y) => x - y);
    const ratio = (b + 0.05) / (a + 0.05);
    if (ratio < worst.ratio) worst = { ratio, text: one.textContent.trim().slice(0, 40) };
  }
  return worst;
}"""
