"""Progress on stderr: the bar of a measurement, and a line from any command that takes longer than 2 s."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from threading import Event, Thread
from typing import TYPE_CHECKING

from .echo import echo, line, plain_console

if TYPE_CHECKING:
    from ..measuring import Reporter

Clock = Callable[[], float]
Wait = Callable[[Event, float], bool]  # waits for an event, at most so many seconds; True if it came

SOON, FIRST, EVERY = 2.0, 5.0, 10.0  # seconds until a silent command prints, until the first progress, between further


class Pace:
    """Decides when to print a line of progress, after 5 s and then every 10 s, and estimates the time left."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock, self._next = clock, clock() + FIRST
        self._start: tuple[float, int] | None = None

    def due(self) -> bool:
        """Returns True if a line should be printed now."""
        now = self._clock()
        if now < self._next:
            return False
        self._next = now + EVERY
        return True

    def left(self, done: int, total: int) -> float | None:
        """Seconds until all is done, by the pace since the first call; None at the first call."""
        now = self._clock()
        if self._start is None:
            self._start = now, done
        began, before = self._start
        return (now - began) / (done - before) * (total - done) if done > before else None


def duration(seconds: float) -> str:
    """Formats seconds as `42 s`, `12 min` or `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def to_stderr(text: str) -> None:
    """Prints a line on stderr."""
    echo(text, err=True)


@contextmanager
def watched(*, quiet: bool = False, clock: Clock = time.monotonic, wait: Wait = Event.wait) -> "Iterator[Reporter]":
    """Yields a reporter that shows title and bar on stderr; lines if stderr is no terminal, nothing if `quiet`.

    The title is printed only after the first images passed, so that bad input prints its one line and nothing else.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from ..measuring import Reporter

    console = plain_console(stderr=True, quiet=quiet)
    columns = TextColumn("forward passes"), BarColumn(), TextColumn("{task.completed}/{task.total}")
    bar = Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal)
    shown = bar if console.is_terminal else nullcontext()  # elsewhere rich before 14.3 ends a bar with an empty line
    loading = ExitStack()

    class Shown(Reporter):
        title: str | None = None
        pace = Pace(clock)

        def begins(self, title: str) -> None:
            loading.close()
            self.title, self.pace = title, Pace(clock)

        def moves(self, done: int, total: int) -> None:
            due = not console.is_terminal and done < total and self.pace.due()
            if self.title is not None and (console.is_terminal or due or done == total):
                line(console, self.title, keep="\n")
                self.title = None
            left = self.pace.left(done, total)
            if due:
                about = "" if left is None else f", {duration(left)} left"
                line(console, f"{done:,} of {total:,} forward passes{about}")
            bar.update(task, completed=done, total=total)

        def notes(self, text: str) -> None:
            line(console, text)

    with shown, loading:
        task = bar.add_task("", total=None)
        loading.enter_context(saying("loading the network and the images", wait, lambda text: line(console, text)))
        yield Shown()


@contextmanager
def saying(text: str, wait: Wait = Event.wait, say: Callable[[str], None] = to_stderr) -> Iterator[None]:
    """Prints on stderr what is being done if it takes longer than 2 s, and every 10 s how long it has taken.

    Args:
        text: Description of the work, such as `reading results`.
        wait: Function that waits for the end of the work.
        say: Function that prints a line.
    """
    ended = Event()

    def speak() -> None:
        pause, seconds = SOON, 0.0
        while not wait(ended, pause):
            seconds += pause
            say(f"{text} ..." if pause == SOON else f"{text}: {duration(seconds)} so far")
            pause = EVERY

    voice = Thread(target=speak, daemon=True)
    voice.start()
    try:
        yield
    finally:
        ended.set()
        voice.join()
