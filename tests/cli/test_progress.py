"""What stderr says while a command works: in lines, every few seconds, and nothing of what is quick."""

from threading import Event
from types import SimpleNamespace

import pytest

from diffstab.cli import progress
from diffstab.cli.executors import listening
from diffstab.cli.progress import Pace, duration, saying, watched


@pytest.fixture(autouse=True)
def paces(monkeypatch):
    """Those of the package, which other tests switch off."""
    monkeypatch.setattr(progress, "SOON", 2.0)
    monkeypatch.setattr(progress, "FIRST", 5.0)


class Clock:
    """Shows what it is set to."""

    now = 100.0

    def __call__(self):
        return self.now


def test_a_measurement_without_a_terminal_is_told_every_ten_seconds(capsys):
    clock = Clock()
    with watched(clock=clock) as reporter:
        reporter.begins("lenet on 50,000 images")
        for step in range(1, 51):  # a thousand passes a second
            clock.now += 1
            reporter.moves(1000 * step, 50_000)
    assert capsys.readouterr().err.splitlines() == [
        "lenet on 50,000 images",
        "5,000 of 50,000 forward passes, 45 s left",
        "15,000 of 50,000 forward passes, 35 s left",
        "25,000 of 50,000 forward passes, 25 s left",
        "35,000 of 50,000 forward passes, 15 s left",
        "45,000 of 50,000 forward passes, 5 s left",
    ]


def test_a_quick_measurement_is_told_by_its_title_alone(capsys):
    clock = Clock()
    with watched(clock=clock) as reporter:
        reporter.begins("lenet on 50 images")
        reporter.moves(25, 50)
        clock.now += 4
        reporter.moves(50, 50)
    assert capsys.readouterr().err == "lenet on 50 images\n"


def test_a_network_that_loads_slowly_is_told(capsys):
    said = Event()

    def wait(ended, seconds):
        if said.is_set():
            return ended.wait(60)
        said.set()
        return False

    with watched(wait=wait) as reporter:
        said.wait(60)
        reporter.begins("lenet")
        assert capsys.readouterr().err == "loading the network and the images ...\n"


def test_other_processes_say_nothing(capsys):
    clock = Clock()
    with watched(quiet=True, clock=clock) as reporter:
        reporter.begins("lenet")
        clock.now += 60
        reporter.moves(1, 50)
    assert capsys.readouterr().err == ""


def test_the_time_left_is_of_the_network_and_not_of_what_came_before():
    clock = Clock()
    pace = Pace(clock)
    clock.now += 1000  # images are read
    assert pace.left(10, 110) is None
    clock.now += 1
    assert pace.left(20, 110) == pytest.approx(9)


def test_a_sweep_without_a_terminal_counts_its_cells_every_ten_seconds(capsys):
    clock = Clock()
    state = SimpleNamespace(done=3, running={"a": ()}, failed=[], skipped=2, left=5, total=10, seconds_left=40.0)
    with listening(clock) as listener:
        for _ in range(60):
            clock.now += 0.5
            listener.changed(state)
        state.left = 0
        clock.now += 60
        listener.changed(state)
    line = "3 done, 1 running, 0 failed, 2 were in the store, 5 of 10 left, about 40 s"
    assert capsys.readouterr().err.splitlines() == [line] * 3  # after 5, 15 and 25 s


@pytest.mark.parametrize(
    ("pauses", "told"),
    [(0, []), (1, ["reading a ..."]), (3, ["reading a ...", "reading a: 12 s so far", "reading a: 22 s so far"])],
)
def test_what_takes_longer_than_two_seconds_is_said(capsys, pauses, told):
    asked = []

    def wait(ended, seconds):
        asked.append(seconds)
        return len(asked) > pauses or ended.wait(0)

    with saying("reading a", wait) as _:
        while len(asked) <= pauses:
            pass
    assert capsys.readouterr().err.splitlines() == told
    assert asked == [2.0, 10.0, 10.0, 10.0][: pauses + 1]


def test_what_is_quick_or_fails_is_not_said(capsys):
    with pytest.raises(ValueError, match="no such store"), saying("reading a"):
        raise ValueError("no such store")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "1.5 h")]
)
def test_durations_are_short(seconds, text):
    assert duration(seconds) == text
