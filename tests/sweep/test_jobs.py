"""A job's id is what is asked for; a job that fails is a row that says why."""

import pytest
import torch
from support.threaded import THREADS, together

from diffstab.options import LIBRARIES
from diffstab.options.measure import MeasureOptions
from diffstab.options.train import TrainOptions
from diffstab.store.from_row import asked_of
from diffstab.sweep.jobs import measure_job, run_job, train_job


def test_stores_of_earlier_versions_still_answer():
    """The ids that jobs had before options were added; a change here makes every kept store run anew."""
    assert measure_job(MeasureOptions(model="lenet")).id.startswith("e01b5830b7bb6b9e93db4473")
    trained = TrainOptions(model="lenet", recipe="laptop")
    assert train_job(trained).id.startswith("21eb47a340d34cf82888c814")
    rule = TrainOptions(model="lenet", recipe="laptop", diffeo_cutoff_rule="half-integer")
    assert train_job(rule).id != train_job(trained).id


def test_a_jobs_id_is_what_is_asked_for_and_not_where_it_runs(tmp_path):
    usual = measure_job(MeasureOptions())
    assert measure_job(MeasureOptions(device="cpu", workers=2)).id == usual.id
    assert measure_job(MeasureOptions(delta=1.0, cutoff=3)).id == usual.id
    for other in ({"seed": 1}, {"cutoff": 5}, {"weights": "init"}, {"until_precision": 0.1}, {"model": "lenet"}):
        assert measure_job(MeasureOptions(**other)).id != usual.id
    assert measure_job(MeasureOptions(), train_job(TrainOptions())).id != usual.id
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "weights.pt").write_text("same")
    one, other = (MeasureOptions(checkpoint=str(tmp_path / name / "weights.pt")) for name in "ab")
    assert measure_job(one).id == measure_job(other).id  # by content
    before = measure_job(one).id
    (tmp_path / "a" / "weights.pt").write_text("else")
    assert measure_job(one).id != before
    folder = MeasureOptions(dataset="folder", data_dir=str(tmp_path))
    before = measure_job(folder).id
    (tmp_path / "a" / "more").write_text("")
    assert measure_job(folder).id != before


def test_files_that_can_not_be_read_are_told_apart(tmp_path):
    ids = {measure_job(MeasureOptions(checkpoint=str(tmp_path / name))).id for name in "ab"}
    assert len(ids) == 2
    ids = {measure_job(MeasureOptions(dataset="folder", data_dir=str(tmp_path / name))).id for name in "ab"}
    assert len(ids) == 2


def test_images_count_by_their_content(tmp_path):
    for name in "abc":
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_text("same" if name != "c" else "else")
    ids = [measure_job(MeasureOptions(dataset="folder", data_dir=str(tmp_path / name))).id for name in "abc"]
    assert ids[0] == ids[1] != ids[2]


def test_images_behind_links_count_by_their_content_too(tmp_path):
    """A class or a split may be a link; a link to nothing must not hide that the images beside it changed."""
    for name in ("store/a", "data"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "data" / "test").symlink_to(tmp_path / "store")
    (tmp_path / "store" / "back").symlink_to(tmp_path)  # in a circle
    ids = []
    for content in ("1", "2", "3"):
        (tmp_path / "store" / "a" / "1.png").write_text(content)
        ids.append(measure_job(MeasureOptions(dataset="folder", data_dir=str(tmp_path / "data"))).id)
        if content == "2":
            (tmp_path / "data" / "nothing").symlink_to("nowhere")
    (tmp_path / "store" / "a" / "1.png").write_text("4")
    ids.append(measure_job(MeasureOptions(dataset="folder", data_dir=str(tmp_path / "data"))).id)
    (tmp_path / "data" / "train").symlink_to(tmp_path / "store")  # the same images once more
    ids.append(measure_job(MeasureOptions(dataset="folder", data_dir=str(tmp_path / "data"))).id)
    assert len(set(ids)) == 5


def test_a_large_folders_files_count_by_name_and_size(tmp_path, monkeypatch):
    """Reading ImageNet to name a job would take an hour."""
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "1.png").write_bytes(b"one")
    options = MeasureOptions(dataset="folder", data_dir=str(folder))
    small = measure_job(options).id
    monkeypatch.setattr("diffstab.sweep.content.READ_UP_TO", 2)
    monkeypatch.setattr("diffstab.sweep.content._file_sha256", lambda *_: pytest.fail("a file was read"))
    large = measure_job(options).id
    assert large != small
    (folder / "1.png").write_bytes(b"two")
    assert measure_job(options).id == large
    (folder / "1.png").write_bytes(b"three")
    assert measure_job(options).id != large


def test_jobs_of_stores_kept_before_there_were_so_many_options_are_still_found():
    """The names that version 0.1.0 gave them before it knew of other data sets, preprocessing and precision."""
    assert measure_job(MeasureOptions()).id.startswith("918c7a718f1d4e93")
    fresh = MeasureOptions(model="lenet", weights="init", cutoff=5)
    assert measure_job(fresh).id.startswith("69fc2cda917cff3c")
    assert train_job(TrainOptions()).id.startswith("128c092ad291df57")
    for changed in ({"img_size": 40}, {"precision": "float64"}, {"amp": True}, {"num_classes": 3}, {"mean": 0.5}):
        assert measure_job(MeasureOptions(**changed)).id != measure_job(MeasureOptions()).id
    assert measure_job(MeasureOptions(download=True)).id == measure_job(MeasureOptions()).id


def test_a_local_networks_files_are_part_of_a_jobs_id(tmp_path):
    """The same files in another folder are the same network."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    ids = [measure_job(MeasureOptions(model=f"local-dir:{tmp_path / name}")).id for name in ("one", "two")]
    assert ids[0] == ids[1]
    (tmp_path / "two" / "config.json").write_text('{"architecture": "lenet"}')
    assert measure_job(MeasureOptions(model=f"local-dir:{tmp_path / 'two'}")).id != ids[0]


def test_what_changes_no_number_is_no_part_of_a_jobs_id(tmp_path):
    assert measure_job(MeasureOptions(batch_size=7)).id == measure_job(MeasureOptions()).id
    fresh = [measure_job(MeasureOptions(weights="init", batch_size=size)).id for size in (7, 128)]
    assert fresh[0] != fresh[1]  # the batch is part of the network
    (tmp_path / "w").write_text("")
    both = [MeasureOptions(checkpoint=str(tmp_path / "w"), weights=weights) for weights in ("init", "pretrained")]
    assert measure_job(both[0]).id == measure_job(both[1]).id


def test_the_orientation_of_files_is_part_of_a_jobs_id_only_where_it_is_applied():
    turned, plain = (MeasureOptions(exif_orientation=value) for value in (True, False))
    assert measure_job(plain).id == measure_job(MeasureOptions()).id
    assert measure_job(turned).id != measure_job(plain).id
    assert asked_of(turned)["exif_orientation"] is True
    assert "exif_orientation" not in asked_of(plain)


def test_a_job_that_fails_is_a_row_that_says_why():
    (entry,) = run_job(measure_job(MeasureOptions(model="nonsuch", images=30)))
    assert entry.row["status"] == "failed"
    assert entry.row["error"]["type"] == "ValueError"
    assert f"none of {', '.join(LIBRARIES)} has such a network" in entry.row["error"]["message"]
    assert entry.row["model"] == "nonsuch"


def test_an_unexpected_error_is_kept_with_its_place(monkeypatch):
    def broken(options):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("diffstab.measuring.measure_cell", broken)
    (entry,) = run_job(measure_job(MeasureOptions()))
    assert entry.row["error"]["type"] == "ZeroDivisionError"
    assert "in broken" in entry.row["error"]["traceback"]


def test_jobs_in_several_threads_are_those_of_one_and_leave_torchs_threads(two_threads):
    jobs = [measure_job(MeasureOptions(model="fc_l2", images=5, resamples=100, seed=seed)) for seed in range(THREADS)]
    wanted = [run_job(job)[0].row["R"] for job in jobs]
    assert [entries[0].row["R"] for entries in together(run_job, jobs)] == wanted
    assert torch.get_num_threads() == 2
    assert together(lambda _: torch.get_num_threads(), jobs) == [2] * THREADS
