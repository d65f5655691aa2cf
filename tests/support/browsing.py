"""A page in Debian's chromium, where it must neither complain nor ask for any address; and rules for all pages."""

import base64
import gc
import hashlib
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import html5lib
import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
SIZES = [(1280, "light"), (400, "dark")]  # pixels, colour scheme


@contextmanager
def started():
    """A browser; tests that need it skip where there is none."""
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()
        gc.collect()  # a loader's process that is left holds the driver's pipe, and the driver would wait for it


@contextmanager
def opened(browser, path, size, ready):
    """The page of a file, once `ready` is among its body's data."""
    width, scheme = size
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector(
        f"body[data-{ready}]", state="attached"
    )  # a function is polled by eval, which the policy bars
    yield page
    page.close()
    assert said == []
    assert [address for address in asked if not address.startswith(("data:", "file:", "blob:"))] == []


def settled(page):
    """After the frames that are under way."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def assert_accessible(page):
    """By the rules of axe-core; and nothing is wider than the page."""
    import axe_playwright_python

    page.evaluate((Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8"))
    found = page.evaluate("axe.run()")
    assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
    assert len(found["passes"]) > 20
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def assert_self_contained(text):
    """Valid HTML that names no address, whose policy allows its own style and script alone."""
    html5lib.HTMLParser(strict=True).parse(text)
    own = re.sub(r'id="data">.*?</script>', "", text, flags=re.DOTALL)  # texts, which are no markup
    own = own.replace("http://www.w3.org/2000/svg", "")  # a name, not an address
    assert not re.search(r"https?://|\ssrc=|<link|@import|url\(", own)
    assert "https://" not in text
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    for element in ("style", "script"):
        content = re.search(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)[1]
        wanted = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{wanted}'" in policy
