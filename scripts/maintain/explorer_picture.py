"""The documentation's picture of the explorer, at the width at which a page shows it.

    pip install 'diffstab[dev]'
    python scripts/maintain/explorer_picture.py

Writes docs/images/explorer.png: the page of `diffstab explore` in chromium, down to the diagram's key.
"""

import shutil
import tempfile
from pathlib import Path

import click
from playwright.sync_api import sync_playwright

from diffstab.pages import explorer_page

TARGET = Path(__file__).parents[2] / "docs" / "images" / "explorer.png"
WIDTH = 700  # pixels


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise click.ClickException("no chromium is on the path; install Debian's package of that name")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "explorer.html"
        path.write_text(explorer_page(), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 900})
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-milliseconds]", state="attached")
        key = page.locator(".key").bounding_box()
        assert key is not None
        height = key["y"] + key["height"] + 4
        page.screenshot(path=TARGET, full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
        browser.close()


if __name__ == "__main__":
    main()
