"""Networks as those of the paper: their points, their figure, a store of their rows."""

import pytest
from support.measured_rows import row
from support.papers_rows import TRAITS, rows_like_the_papers

from diffstab import Store
from diffstab.figures.paper.error_vs_stability import error_vs_stability
from diffstab.figures.points.networks import gather
from diffstab.figures.points.relation import relate
from diffstab.store.entry import Entry


@pytest.fixture(scope="module")
def gathered():
    return gather(rows_like_the_papers(init=True), traits=TRAITS.get)


@pytest.fixture(scope="module")
def drawn(gathered):
    return error_vs_stability(gathered.points, relate(gathered.points), show_init=True)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store", create=True)
    for one in rows_like_the_papers():
        store.add(Entry(one))
    failed = {**row("broken"), "status": "failed", "error": {"type": "ValueError", "message": "it\ncan't, or won't"}}
    store.add(Entry(failed))
    store.close()
    return store
