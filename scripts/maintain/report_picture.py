"""The picture of a report: kept networks on the embedded digits, measured, on one page, as a browser shows it.

    python scripts/maintain/report_picture.py

Needs chromium and playwright, as the tests of pages. Writes docs/images/report.png.
"""

import shutil
import tempfile
from itertools import product
from pathlib import Path

from playwright.sync_api import sync_playwright

from diffstab import Store
from diffstab.measuring import measure_cell
from diffstab.options import MeasureOptions
from diffstab.pages import report_page
from diffstab.sweep import measure_job, measured_row

TARGET = Path(__file__).parents[2] / "docs" / "images" / "report.png"
NETWORKS = ("resnet18", "vgg11_bn-w0.25", "alexnet-w0.25", "lenet", "fc_l4")
WIDTH, HEIGHT, SCALE = 860, 1145, 1.5  # pixels of the page, and of the picture for each


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "results", create=True)
        for model, weights in product(NETWORKS, ("pretrained", "init")):
            asked = MeasureOptions(model=model, weights=weights, dataset="mnist5k", images=500, layers="auto")
            store.add(measured_row(measure_job(asked), measure_cell(asked)))
        page = Path(folder) / "report.html"
        page.write_text(report_page(store.rows(), store.raw, title="Networks on handwritten digits"), "utf-8")
        draw(page)


def draw(page: Path) -> None:
    """The top of the page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        size = {"width": WIDTH, "height": HEIGHT}
        shown = browser.new_page(viewport=size, device_scale_factor=SCALE, color_scheme="light")
        shown.goto(page.as_uri())
        shown.wait_for_selector("body[data-ready]", state="attached")
        shown.screenshot(path=TARGET)
        browser.close()


if __name__ == "__main__":
    main()
