"""How far a step of the recipe is: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_SECONDS = 60.0  # between lines of a log


class Bar:
    """
    A context: move(done) as work goes on, note(text) for what is worth a line.

    >>> with Bar("photos", 78) as bar:
    ...     bar.move(3)
    """

    def __init__(self, name: str, total: int) -> None:
        self.name, self.total = name, total
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        self._bar = Progress(*columns) if sys.stdout.isatty() else None
        self._task = self._bar.add_task(name, total=total) if self._bar else None
        self._told, self._last = -1, 0.0

    def __enter__(self) -> Bar:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar:
            self._bar.stop()

    def move(self, done: int) -> None:
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=done)
        elif done > self._told and (time.monotonic() - self._last > LINE_SECONDS or done == self.total):
            self._told, self._last = done, time.monotonic()
            print(f"{self.name} {done}/{self.total}", flush=True)

    def note(self, text: str) -> None:
        if self._bar:
            self._bar.console.print(text)
        else:
            print(text, flush=True)
