"""The documentation's pictures of the explorer, a report and the atlas, as chromium shows these pages.

    pip install 'diffstab[dev]'
    python scripts/maintain/page_pictures.py

Writes docs/images/explorer.png, the page of `diffstab explore` down to the diagram's key, docs/images/report.png, the
top of a report of kept networks that are measured on the embedded digits, and docs/images/atlas.png, the top of the
atlas of the kept rows.
"""

import shutil
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import click
from kept_atlas import page_of_kept
from playwright.sync_api import Browser, sync_playwright

from diffstab import Store
from diffstab.measuring import measure_cell
from diffstab.options import MeasureOptions
from diffstab.pages import explorer_page, report_page
from diffstab.sweep import measure_job, measured_row

IMAGES = Path(__file__).parents[2] / "docs" / "images"
NETWORKS = ("resnet18", "vgg11_bn-w0.25", "alexnet-w0.25", "lenet", "fc_l4")
EXPLORER = {"viewport": {"width": 700, "height": 900}}  # pixels
ATLAS = {"viewport": {"width": 1280, "height": 1050}, "color_scheme": "light"}
REPORT = {"viewport": {"width": 860, "height": 1145}, "device_scale_factor": 1.5, "color_scheme": "light"}


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise click.ClickException("no chromium is on the path; install Debian's package of that name")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox"])
        shown = opened(browser, folder / "explorer.html", explorer_page(), "milliseconds", EXPLORER)
        key = shown.locator(".key").bounding_box()
        size = {"width": EXPLORER["viewport"]["width"], "height": key["y"] + key["height"] + 4}
        shown.screenshot(path=IMAGES / "explorer.png", full_page=True, clip={"x": 0, "y": 0, **size})
        shown = opened(browser, folder / "report.html", kept_report(folder), "ready", REPORT)
        shown.screenshot(path=IMAGES / "report.png")
        shown = opened(browser, folder / "atlas.html", page_of_kept(), "ready", ATLAS)
        shown.screenshot(path=IMAGES / "atlas.png")
        browser.close()


def opened(browser: Browser, path: Path, content: str, ready: str, options: dict[str, Any]) -> Any:
    """Writes a page and opens it, once `ready` is among its body's data."""
    path.write_text(content, encoding="utf-8")
    shown = browser.new_page(**options)
    shown.goto(path.as_uri())
    shown.wait_for_selector(f"body[data-{ready}]", state="attached")
    return shown


def kept_report(folder: Path) -> str:
    """Measures the networks, before and after training, and returns their report."""
    store = Store(folder / "results", create=True)
    for model, weights in product(NETWORKS, ("pretrained", "init")):
        asked = MeasureOptions(model=model, weights=weights, dataset="mnist5k", images=500, layers="auto")
        store.add(measured_row(measure_job(asked), measure_cell(asked)))
    return report_page(store.rows(), store.raw, title="Networks on handwritten digits")


if __name__ == "__main__":
    main()
