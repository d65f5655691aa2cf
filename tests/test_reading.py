"""Files of others: regular ones alone, up to a size."""

import os
import socket
import tracemalloc
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from diffstab import reading
from diffstab.reading import is_regular, open_regular, read_bytes, read_text


def test_a_file_is_read_up_to_its_bound_and_through_a_link(tmp_path):
    (tmp_path / "file").write_bytes("é".encode())
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_text(tmp_path / "link", most=2) == "é"
    with open_regular(tmp_path / "file") as stream:
        assert stream.read() == "é".encode()
    with pytest.raises(ValueError, match="has 2 bytes; at most 1 are allowed"):
        read_bytes(tmp_path / "file", most=1)


def test_a_file_that_tells_no_size_is_bounded_all_the_same():
    with pytest.raises(ValueError, match="has more than 3 bytes, which is the most allowed"):
        read_bytes("/proc/self/status", most=3)


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a socket", "a device"])
def test_what_is_no_regular_file_is_refused_and_never_opened(tmp_path, kind):
    path = tmp_path / "it"
    keep = None
    if kind == "a folder":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a socket":
        keep = socket.socket(socket.AF_UNIX)
        keep.bind(str(path))
    else:
        path.symlink_to("/dev/zero")
    assert not is_regular(path)
    with pytest.raises(ValueError, match=f"is {kind}; a regular file is needed"):
        open_regular(path)
    if keep is not None:
        keep.close()


def test_nothing_and_names_that_no_file_can_have_are_no_regular_files(tmp_path):
    assert not is_regular(tmp_path / "none")
    assert not is_regular("a\0b")
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")


def test_a_file_that_would_wait_is_empty(tmp_path, monkeypatch):
    """As some of /proc: reading gives None."""
    (tmp_path / "a").touch()
    with open(tmp_path / "a", "rb") as real:
        waiting = SimpleNamespace(read=lambda count: None, fileno=real.fileno)
        monkeypatch.setattr(reading, "open_regular", lambda path, most: nullcontext(waiting))
        assert read_bytes(tmp_path / "a", most=1) == b""


def test_no_memory_is_taken_for_more_than_a_file_holds(tmp_path):
    (tmp_path / "a").write_bytes(b"a" * 1000)
    tracemalloc.start()
    try:
        assert len(read_bytes(tmp_path / "a", most=2**40)) == 1000
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()
