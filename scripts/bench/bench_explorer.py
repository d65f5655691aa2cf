"""Time of a frame of the explorer's page in chromium, against the 16 ms of a screen that shows 60 a second.

python scripts/bench/bench_explorer.py
"""

import shutil
import statistics
import tempfile
from pathlib import Path

import click
import torch
from benchmarking import describe_machine
from playwright.sync_api import sync_playwright

from diffstab.pages import explorer_page

BUDGET = 16.0  # milliseconds
MOVE = """(slider, value) => { slider.value = value; slider.dispatchEvent(new Event("input")); }"""
SETTLE = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@click.command()
@click.option("--side", default=224, show_default=True)
@click.option("--cutoff", default=15, show_default=True)
@click.option("--frames", default=100, show_default=True)
def main(side: int, cutoff: int, frames: int) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise click.ClickException("no chromium is on the path; install Debian's package of that name")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "explorer.html"
        path.write_text(explorer_page(side=side), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(path.as_uri())
        page.wait_for_function("document.body.dataset.milliseconds")
        page.locator("#cutoff").fill(str(cutoff))
        taken = []
        for frame in range(frames + 20):
            page.locator("#temperature").evaluate(MOVE, str(-4 + frame / frames))
            page.evaluate(SETTLE)
            taken.append(float(page.evaluate("document.body.dataset.milliseconds")))
        version = browser.version
        browser.close()
    taken = sorted(taken[20:])  # the first ones are compiled on the way
    print(describe_machine(torch.device("cpu")), f"chromium {version}", sep="; ")
    median, late = statistics.median(taken), taken[int(0.9 * frames)]
    print(f"a frame of {side} x {side} pixels, c = {cutoff}: {median:.1f} ms, 9 in 10 under {late:.1f} ms")
    print(f"  {median / BUDGET:.2f} and {late / BUDGET:.2f} of {BUDGET:g} ms; the browser's own painting comes on top")


if __name__ == "__main__":
    main()
