"""The sweep of an atlas: every network of timm with published weights, each displaced by the same share of its side."""

import pytest
from support.pages import ROOT

from diffstab import Store
from diffstab.sweep.executors.base import InlineExecutor
from diffstab.sweep.run import run_sweep, share_of
from diffstab.sweep.spec import read_spec

ATLAS = ROOT / "examples" / "atlas.yaml"
MODEL = '"timm:*.*"'


@pytest.fixture(scope="module")
def jobs():
    return read_spec(ATLAS, confirm_above=None).jobs


@pytest.mark.slow
def test_it_has_each_network_with_published_weights_once(jobs):
    import timm

    assert sorted(job.model for job in jobs) == sorted(f"timm:{name}" for name in timm.list_pretrained())
    assert {(job.options.cutoff, job.options.delta_share, job.options.seed) for job in jobs} == {(3.0, 0.01, 0)}
    assert sum(len(share_of(jobs, f"{number}/64")) for number in range(1, 65)) == len(jobs) > 1000


@pytest.mark.slow
def test_weights_that_can_not_be_fetched_are_failed_rows_and_the_others_go_on(tmp_path, monkeypatch):
    """With kept networks in place of the hub's, and digits in place of ImageNet."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "none"))
    text = ATLAS.read_text()
    assert MODEL in text
    text = text.replace(MODEL, '["timm:resnet10t.c3_in1k", "fc_l*", "timm:resnet14t.c3_in1k"]')
    text = text.replace("imagenet", "mnist5k").replace("val\n", "test\n").replace("images: 1000", "images: 50")
    (tmp_path / "atlas.yaml").write_text("".join(one for one in text.splitlines(True) if "data_dir" not in one))
    store = Store(tmp_path / "store", create=True)
    progress = run_sweep(read_spec(tmp_path / "atlas.yaml").jobs, store, InlineExecutor())
    assert (progress.total, progress.done) == (5, 3)
    assert {row["model"] for row in progress.failed} == {"timm:resnet10t.c3_in1k", "timm:resnet14t.c3_in1k"}
    assert all("is not on this machine" in row["error"]["message"] for row in progress.failed)
    done = [row for row in store.rows() if row["status"] == "done"]
    assert {(row["delta"], row["asked"]["delta_share"]) for row in done} == {(0.28, 0.01)}
