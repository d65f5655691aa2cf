"""Files appear whole or not at all, leave nothing behind, and are written where they were meant alone."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.hostile import in_time, special

from diffstab import writing
from diffstab.writing import (
    PART,
    check_writable,
    refuse_links,
    remove_leftovers,
    temporary_folder,
    try_lock,
    write_atomically,
)

LONG = "é" * 125 + "12345"  # 255 bytes, as many as a name may have


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def killed(code, folder):
    """Runs code in another process, which kills itself."""
    script = (
        f"import os, signal\nfrom pathlib import Path\nfrom diffstab import writing\nfolder = Path({str(folder)!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", script + code], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL


DIE = "os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"


@pytest.mark.parametrize("name", ["r.html", LONG])
def test_a_killed_writers_temporary_goes_when_the_target_is_written_again(tmp_path, name):
    killed(f"{DIE}writing.write_atomically(folder / {name!r}, b'a')", tmp_path)
    (left,) = names(tmp_path)
    assert left.endswith(PART)
    (tmp_path / "other").write_text("")
    write_atomically(tmp_path / "other", b"b")
    assert left in names(tmp_path)  # another target's
    write_atomically(tmp_path / name, b"b")
    assert names(tmp_path) == sorted([name, "other"])
    assert (tmp_path / name).read_bytes() == b"b"


def test_all_leftovers_of_a_folder_can_be_removed_and_nothing_else(tmp_path):
    killed(f"{DIE}writing.write_atomically(folder / 'a', b'a')", tmp_path)
    killed("with writing.temporary_folder(folder, 'b') as f: os.kill(os.getpid(), signal.SIGKILL)", tmp_path)
    assert len(names(tmp_path)) == 2
    others = [".a.12345678", f"a{PART}", ".b.swp"]
    for name in others:
        (tmp_path / name).touch()
    (tmp_path / f".link.{PART}").symlink_to(tmp_path / ".b.swp")
    os.mkfifo(tmp_path / f".pipe.{PART}")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == sorted([*others, f".link.{PART}", f".pipe.{PART}"])
    remove_leftovers(tmp_path / "missing")


def test_a_live_writers_temporary_is_left_alone(tmp_path):
    with writing._temporary(tmp_path / "a") as (_, name), temporary_folder(tmp_path, "a") as folder:
        remove_leftovers(tmp_path)
        write_atomically(tmp_path / "a", b"b")
        assert Path(name).exists()
        assert folder.is_dir()
    assert names(tmp_path) == ["a"]


def test_a_temporary_that_another_removes_before_it_is_locked_is_made_anew(tmp_path, monkeypatch):
    locked = []

    def late(handle):
        locked.append(handle)
        if len(locked) == 1:
            (path,) = tmp_path.iterdir()
            path.rmdir() if path.is_dir() else path.unlink()
        return try_lock(handle)

    monkeypatch.setattr(writing, "try_lock", late)
    write_atomically(tmp_path / "a", b"b")
    assert (len(locked), (tmp_path / "a").read_bytes()) == (2, b"b")
    (tmp_path / "a").unlink()
    locked.clear()
    with temporary_folder(tmp_path, "a") as folder:
        assert (len(locked), folder.is_dir()) == (2, True)


def test_where_there_are_no_locks_nothing_is_taken_for_a_dead_writers(tmp_path, monkeypatch):
    (tmp_path / f".a.x{PART}").touch()
    monkeypatch.setattr(writing, "try_lock", lambda handle: None)
    write_atomically(tmp_path / "a", b"b")
    assert names(tmp_path) == [f".a.x{PART}", "a"]


def test_many_writers_of_one_target_never_disturb_each_other(tmp_path):
    failures = []

    def write(number):
        try:
            for _ in range(50):
                write_atomically(tmp_path / "a", bytes([number]) * 1000)
        except ValueError as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert names(tmp_path) == ["a"]
    assert len(set((tmp_path / "a").read_bytes())) == 1


def test_names_as_long_as_a_system_takes_are_written_and_longer_ones_told(tmp_path):
    write_atomically(tmp_path / LONG, b"a")
    check_writable(tmp_path / LONG)
    assert names(tmp_path) == [LONG]
    for write in (check_writable, lambda path, within: write_atomically(path, b"", within=within)):
        for within in (None, tmp_path):
            with pytest.raises(ValueError, match=r"can't be written \(File name too long\)"):
                write(tmp_path / f"{LONG}6", within=within)
    assert names(tmp_path) == [LONG]


def test_a_replaced_file_keeps_its_permissions_and_a_new_one_gets_the_umasks(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a", b"a")
        assert (tmp_path / "a").stat().st_mode & 0o7777 == 0o640
        for mode in (0o600, 0o666, 0o755):
            (tmp_path / "a").chmod(mode)
            write_atomically(tmp_path / "a", b"b")
            assert (tmp_path / "a").stat().st_mode & 0o7777 == mode
    finally:
        os.umask(before)


def test_write_protected_files_and_folders_are_told(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    for write in (check_writable, lambda path: write_atomically(path, b"new")):
        with pytest.raises(ValueError, match=r"can't be written \(it is write-protected\)"):
            write(tmp_path / "a")
    for write in (check_writable, lambda path: write_atomically(path, b"new")):
        with pytest.raises(ValueError, match=r"'/proc/a' can't be written \("):
            write(Path("/proc/a"))
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ValueError, match=r"can't be written \(No space left on device\)"):
        write_atomically(tmp_path / "a", b"new")
    assert (names(tmp_path), (tmp_path / "a").read_bytes()) == (["a"], b"old")


def test_a_link_that_the_user_names_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "a").symlink_to(tmp_path / "real" / "b")
    for content in (b"1", b"2"):  # of nothing, then of a file
        check_writable(tmp_path / "a")
        write_atomically(tmp_path / "a", content)
        assert (tmp_path / "real" / "b").read_bytes() == content
    assert (tmp_path / "a").is_symlink()
    assert names(tmp_path / "real") == ["b"]


def test_in_a_folder_of_others_no_link_is_followed(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "a").write_bytes(b"old")
    (root / "a").symlink_to(outside / "a")
    (root / "sub").symlink_to(outside)
    os.mkfifo(root / "pipe")
    for name in ("a", "pipe"):
        check_writable(root / name, within=root)
        in_time(lambda name=name: write_atomically(root / name, b"new", within=root))
        assert (root / name).read_bytes() == b"new"
    for path in (root / "sub" / "a", root / "sub" / "deeper" / "a"):
        with pytest.raises(ValueError, match=r"root/sub' is a link; nothing is written through it"):
            write_atomically(path, b"new", within=root)
        with pytest.raises(ValueError, match="is a link"):
            refuse_links(root, path)
    assert (names(outside), (outside / "a").read_bytes()) == (["a"], b"old")
    (tmp_path / "way").symlink_to(root)  # the folder itself was named by the user
    write_atomically(tmp_path / "way" / "b", b"new", within=tmp_path / "way")
    assert (root / "b").read_bytes() == b"new"


def test_devices_and_pipes_that_the_user_names_are_written_to(tmp_path):
    """A terminal of our own stands for devices: a fault here would replace a device of the machine's."""
    ours, theirs = os.openpty()
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    (tmp_path / "link").symlink_to(tmp_path / "pipe")  # as /dev/stdout is
    for path, end in ((Path(os.ttyname(theirs)), ours), (tmp_path / "pipe", reader), (tmp_path / "link", reader)):
        in_time(lambda path=path: (check_writable(path), write_atomically(path, b"abc")))
        assert os.read(end, 10) == b"abc"
    assert names(tmp_path) == ["link", "pipe"]
    assert (tmp_path / "link").is_symlink()
    for handle in (ours, theirs, reader):
        os.close(handle)
    with (
        special("a socket", tmp_path / "socket"),
        pytest.raises(ValueError, match=r"can't be written \(No such device"),
    ):
        write_atomically(tmp_path / "socket", b"abc")


def test_no_mask_of_the_process_changes_meanwhile(tmp_path, monkeypatch):
    """Another thread would make files for everybody, or keep the wrong mask."""
    before = os.umask(0o027)
    monkeypatch.setattr("os.umask", None)
    try:
        write_atomically(tmp_path / "a", b"1")
    finally:
        monkeypatch.undo()
        os.umask(before)
    assert oct((tmp_path / "a").stat().st_mode & 0o777) == "0o640"
