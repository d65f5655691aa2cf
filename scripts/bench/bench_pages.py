"""Pages in chromium: time until explorer, report and atlas are interactive; time of a frame of the explorer.

python scripts/bench/bench_pages.py

A page is interactive once it has shown the first frame after its scripts ran and one event of a control was handled,
in milliseconds from the start of the navigation. Each load is in a browser of its own, which has shown an empty page.
"""

import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import torch
from benchmarking import describe_machine
from playwright.sync_api import Browser, sync_playwright

from diffstab.figures.points import read_rows
from diffstab.pages import atlas_page, explorer_page, report_page

sys.path.append(str(Path(__file__).parents[2] / "tests"))  # the synthetic rows of the tests
LIMITS = {"explorer": 500, "report": 1000, "atlas": 1000}  # milliseconds until interactive
FILTERED = ("ready", "filter", "family1")
CONTROLS = {"explorer": ("milliseconds", "temperature", "-2"), "report": FILTERED, "atlas": FILTERED}
KEPT = Path(__file__).parents[2] / "pretrained" / "zoo-mnist5k-measure.csv"
MOST_KEPT = 300  # rows of the atlas that are measurements, besides the synthetic ones
BUDGET = 16.0  # milliseconds, of a frame of a screen that shows 60 a second
INTERACTIVE = """
(([ready, id, value]) => {
  const use = () => {
    if (document.body?.dataset[ready] === undefined) return requestAnimationFrame(use);
    const control = document.getElementById(id);
    control.value = value;
    control.dispatchEvent(new Event("input"));
    const shown = () => { document.body.dataset.interactive = performance.now(); };
    requestAnimationFrame(() => requestAnimationFrame(shown));
  };
  requestAnimationFrame(use);
})(%s)
"""
MOVE = """(slider, value) => { slider.value = value; slider.dispatchEvent(new Event("input")); }"""
SETTLE = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser started for the caller."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise click.ClickException("no chromium is on the path; install Debian's package of that name")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--headless", "--no-sandbox"])
        yield browser
        browser.close()


def interactive(name: str, path: Path) -> float:
    """Milliseconds from navigation until the page of that name is interactive."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.evaluate(SETTLE)  # the browser's own start
        page.add_init_script(INTERACTIVE % json.dumps(CONTROLS[name]))
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-interactive]", state="attached")
        return float(page.evaluate("document.body.dataset.interactive"))


def frames_of(path: Path, cutoff: int, frames: int) -> list[float]:
    """Milliseconds of each frame of the explorer while the temperature moves, sorted."""
    taken = []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-milliseconds]", state="attached")
        page.locator("#cutoff").fill(str(cutoff))
        for frame in range(frames + 20):
            page.locator("#temperature").evaluate(MOVE, str(-4 + frame / frames))
            page.evaluate(SETTLE)
            taken.append(float(page.evaluate("document.body.dataset.milliseconds")))
    return sorted(taken[20:])  # the first ones are compiled on the way


@click.command()
@click.option("--side", default=256, show_default=True, help="Longest side of the explorer's images, pixels.")
@click.option("--cutoff", default=15, show_default=True, help="Cutoff of the frames.")
@click.option("--frames", default=100, show_default=True, help="Frames that are timed.")
@click.option("--rows", default=2000, show_default=True, help="Rows of the report; the atlas has 300 more.")
@click.option("--loads", default=7, show_default=True, help="Loads of each page.")
def main(side: int, cutoff: int, frames: int, rows: int, loads: int) -> None:
    """Time the pages."""
    from support.reported import many_rows

    with chromium() as browser:
        version = f"chromium {browser.version}"
    print(describe_machine(torch.device("cpu")), version, f"load {os.getloadavg()[0]:.1f}", sep="; ")
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{name}.html" for name in LIMITS}
        paths["explorer"].write_text(explorer_page(side=side), encoding="utf-8")
        paths["report"].write_text(report_page(many_rows(rows), title="Many"), encoding="utf-8")
        listed = [*many_rows(rows), *read_rows(KEPT)[0][:MOST_KEPT]]
        paths["atlas"].write_text(atlas_page(listed, title="Many"), encoding="utf-8")
        counts = {"report": f", {rows} rows", "atlas": f", {len(listed)} rows"}
        for name, limit in LIMITS.items():
            taken = sorted(interactive(name, paths[name]) for _ in range(loads))
            told = f"{name}, {paths[name].stat().st_size / 1e6:.1f} MB" + counts.get(name, "")
            print(f"{told}: interactive after {statistics.median(taken):.0f} ms, median of {loads} cold loads", end="")
            print(f" from {taken[0]:.0f} to {taken[-1]:.0f}; the limit is {limit} ms")
        taken = frames_of(paths["explorer"], cutoff, frames)
    median, late = statistics.median(taken), taken[int(0.9 * frames)]
    print(f"a frame of {side} x {side} pixels, c = {cutoff}: {median:.1f} ms, 9 in 10 under {late:.1f} ms")
    print(f"  {median / BUDGET:.2f} and {late / BUDGET:.2f} of {BUDGET:g} ms; the browser's own painting comes on top")


if __name__ == "__main__":
    main()
