"""Progress on stderr: how much is done, how fast, how long it takes. Only notes where it is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devise import display
from devise.cli.output import show
from devise.cli.output.overview import lines
from devise.progress import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as RichBars
    from rich.progress import Task, TaskID

    from devise.training.overview import Overview
    from devise.training.report import EpochReport


@dataclass
class Stages:
    """A bar for the stage that runs; each replaces the one before it. Without bars only notes are shown."""

    bars: RichBars | None = None
    tasks: dict[str, TaskID] = field(default_factory=dict)

    def move(self, stage: str, unit: str, done: int, total: int | None) -> None:
        """`stage` is the text left of its bar; `total` is None while it is not known."""
        if self.bars is None:
            return
        if stage not in self.tasks:
            for task in self.tasks.values():
                self.bars.update(task, visible=False)
            self.tasks[stage] = self.bars.add_task(stage, total=total, unit=unit)
        self.bars.update(self.tasks[stage], completed=done, total=total)

    def note(self, text: str) -> None:
        """One line that stays."""
        if self.bars is None:
            show.note(text)
        else:
            self.bars.console.print(display.printable(text), markup=False, highlight=False)


@dataclass
class BarProgress(Progress):
    """What is reported, as stages. unit: of what is in a graph."""

    stages: Stages
    unit: str = "vectors"
    learnt: Overview | None = None

    def walked(self, photos: int) -> None:
        self.stages.move("looking for photos", "photos", photos, None)

    def worked(self, done: int, total: int) -> None:
        self.stages.move("indexing", "photos", done, total)

    def building(self, space: str, done: int, total: int) -> None:
        self.stages.move(f"graph of {space}", self.unit, done, total)

    def dataset(self, overview: Overview) -> None:
        self.learnt = overview
        for line in lines(overview):
            self.note(line)

    def features(self, done: int, total: int) -> None:
        self.stages.move("looking at photos", "photos", done, total)

    def photos(self, done: int, total: int) -> None:
        self.stages.move("training", "photos", done, total)

    def epoch(self, report: EpochReport) -> None:
        best = "  best so far" if report.is_best else ""
        judged = "" if report.validation_loss is None else f"  validation loss {report.validation_loss:.4f}"
        left = f"  {time_left(report.seconds_left)} left" if report.seconds_left else ""
        number = f"epoch {report.epoch:3d}" + (f" of {report.epochs}" if report.epochs else "")
        self.note(f"{number}  loss {report.loss:.4f}{judged}{self.figures(report)}{best}{left}")

    def figures(self, report: EpochReport) -> str:
        """Those that say something of such labels, each after two spaces."""
        found = {name: f"{x:.1%}" if name.startswith("hit@") else f"{x:.4f}" for name, x in report.figures.items()
                 if (self.learnt.is_telling(name) if self.learnt else name != "hit@10")}  # fmt: skip
        return "".join(f"  {name} {shown}" for name, shown in found.items())

    def note(self, text: str) -> None:
        self.stages.note(text)


def time_left(seconds: float) -> str:
    """As people say it.

    >>> time_left(200)
    '3 min'
    """
    return (
        f"{seconds:.0f} s"
        if seconds < 100
        else f"{seconds / 60:.0f} min"
        if seconds < 6000
        else f"{seconds / 3600:.1f} h"
    )


@contextmanager
def stages() -> Iterator[Stages]:
    """Bars with speed and time left that vanish at the end of the block; none where stderr is no terminal.

    >>> with stages() as shown:
    ...     shown.move("training", "photos", 10, 100)
    """
    if not sys.stderr.isatty():
        yield Stages()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichBars
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            text = f"{task.speed:,.1f} {task.fields['unit']}/s" if task.speed else ""
            return Text(text, style="progress.data.speed")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Speed(),
        TimeRemainingColumn(),
    )
    with RichBars(*columns, console=Console(stderr=True), transient=True) as bars:
        yield Stages(bars)
