"""Jobs are named by the content that they read; what is no file is not opened, and counts by its name."""

import pytest
from support.hostile import KINDS, in_time, special

from diffstab.store import Store
from diffstab.sweep import content
from diffstab.sweep.code_files import imported_files
from diffstab.sweep.content import content_of
from diffstab.sweep.executors.base import InlineExecutor
from diffstab.sweep.run import run_sweep


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_counts_by_its_name(tmp_path, kind):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a").write_text("a")
    alone = content_of(str(folder))
    with special(kind, folder / "b"):
        with_it = in_time(lambda: content_of(str(folder)))
        assert in_time(lambda: content_of(str(folder / "b"))) == f"unreadable: {folder / 'b'}"
    (folder / "b").rename(folder / "c")
    other_name = in_time(lambda: content_of(str(folder)))
    assert len({alone, with_it, other_name}) == 3
    (folder / "a").write_text("other")
    assert content_of(str(folder)) != other_name


def test_a_file_that_vanishes_between_listing_and_reading_counts_by_its_name(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("a")
    monkeypatch.setattr(content, "_files_under", lambda path: iter([f"{path}/a", f"{path}/gone"]))
    digest = content_of(str(tmp_path))
    assert len(digest) == 64
    (tmp_path / "a").write_text("other")
    assert content_of(str(tmp_path)) != digest


def test_own_code_that_is_no_file_is_not_followed(tmp_path):
    (tmp_path / "net.py").write_text("import a, b")
    (tmp_path / "b.py").write_text("")
    with special("a pipe", tmp_path / "a.py"):
        assert list(in_time(lambda: imported_files(tmp_path / "net.py", "net"))) == ["b.py"]


@pytest.mark.parametrize("link", ["training", "training/job"])
def test_a_store_whose_training_folder_is_a_link_is_refused(spec, tmp_path, link):
    jobs = spec("train: {model: fc_l2, recipe: laptop, epochs: 1}\nmeasure: {weights: train, images: 5}").jobs
    outside = tmp_path / "outside"
    job = outside / jobs[0].id[:16]
    job.mkdir(parents=True)
    (job / "kept").write_text("kept")
    store = Store(tmp_path / "store", create=True)
    if link == "training":
        (store.folder / "training").symlink_to(outside)
    else:
        (store.folder / "training").mkdir()
        (store.folder / "training" / job.name).symlink_to(job)
    with pytest.raises(ValueError, match="is a link; nothing is written through it"):
        run_sweep(jobs, store, InlineExecutor())
    assert [path.name for path in job.iterdir()] == ["kept"]
