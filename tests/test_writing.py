"""Files that are written get the permissions of new files, without a change of what belongs to the whole process."""

import os

from diffstab.writing import check_writable, write_atomically


def test_files_get_the_permissions_of_new_files_and_no_mask_changes(tmp_path, monkeypatch):
    """Another thread would make files for everybody meanwhile, or keep the wrong mask."""
    before = os.umask(0o027)
    monkeypatch.setattr("os.umask", None)
    try:
        check_writable(tmp_path / "a")
        write_atomically(tmp_path / "a", b"1")
        (tmp_path / "b").write_bytes(b"2")
    finally:
        monkeypatch.undo()
        os.umask(before)
    assert (tmp_path / "a").read_bytes() == b"1"
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode
    assert oct((tmp_path / "a").stat().st_mode & 0o777) == "0o640"
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]
