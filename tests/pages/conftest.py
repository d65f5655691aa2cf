"""A report to look at: its store, its pages, the page in a browser."""

from pathlib import Path

import pytest
from support.browsing import SIZES, opened
from support.reported import NAME, many_rows, measured, on_digits, report, some_rows

from diffstab import Store
from diffstab.figures.points import read_rows
from diffstab.pages.report import report_page, results_page

ZOO = Path(__file__).parents[2] / "pretrained" / "zoo-mnist5k.csv"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("report") / "results", create=True)
    for name in ("sharp", "blurred", "flat"):
        for seed in (0, 1):
            store.add(measured(name, seed=seed))
        store.add(measured(name, cutoff=5))
    return store


@pytest.fixture(scope="module")
def folder(cli, tmp_path_factory, store):
    place = tmp_path_factory.mktemp("pages")
    (place / "page.html").write_text(report_page(some_rows(), title=NAME))
    (place / "many.html").write_text(report_page(many_rows(2000), title="Many"))
    (place / "one.html").write_text(results_page([on_digits()]))
    (place / "zoo.html").write_text(report_page(read_rows(ZOO)[0], title="15 networks"))
    assert report(cli, store.folder, "-o", place / "store.html").exit_code == 0
    return place


@pytest.fixture(params=SIZES, ids=str)
def page(browser, folder, request):
    with opened(browser, folder / "page.html", request.param, "ready") as found:
        yield found
