"""Where the files of data sets lie, and what an archive may write."""

import io
import tarfile

import pytest

from diffstab.data.layout import read_or_fetch
from diffstab.writing import PART


def archive(names):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name))
    content.seek(0)
    return content


@pytest.mark.skipif(not hasattr(tarfile, "data_filter"), reason="tarfile has no filters before Python 3.11.4")
@pytest.mark.parametrize("name", ["../../outside", "inner/../../../outside"])
def test_an_archive_writes_nothing_outside_its_folder(name, tmp_path):
    """Unpacked by whoever does not ask for a filter, as torchvision."""

    def fetch(folder):
        with tarfile.open(fileobj=archive(["inside", name])) as tar:
            tar.extractall(folder)

    def read():
        raise ValueError("nothing is there")

    root = tmp_path / "a" / "b"
    before = tarfile.TarFile.extraction_filter
    with pytest.raises(ValueError, match=r"x could not be fetched into .*outside the destination"):
        read_or_fetch("x", root, read, fetch)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert tarfile.TarFile.extraction_filter is before


def test_what_a_killed_download_left_is_removed_by_the_next(tmp_path):
    left = tmp_path / f".download.x{PART}"
    (left / "deep").mkdir(parents=True)
    (left / "deep" / "file").write_text("half")
    there = []

    def read():
        if not there:
            raise ValueError("nothing is there")
        return there

    def fetch(folder):
        (folder / "data").write_text("whole")
        there.append("data")

    assert read_or_fetch("x", tmp_path, read, fetch) == ["data"]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
