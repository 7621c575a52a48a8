"""What a run leaves beside its checkpoint: NAME.run with its labels, a line an epoch, curves; and for TensorBoard."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from devise.charts.curves import curves
from devise.files import replacing
from devise.training.overview import Overview
from devise.training.report import EpochReport

LABELS, EPOCHS, CURVES = "labels.csv", "epochs.csv", "curves.svg"


def run_folder(checkpoint: Path) -> Path:
    """Where a training run leaves its log, beside its checkpoint."""
    return checkpoint.with_suffix(".run")


class RunLog:
    """Think of it as a folder that is up to date after each epoch. Raises WriteError."""

    def __init__(self, checkpoint: Path, name: str) -> None:
        self.folder, self.name = run_folder(checkpoint), name
        self._overview: Overview | None = None
        self._board: Any = None

    def begin(self, overview: Overview, history: Sequence[EpochReport]) -> None:
        self._overview = overview
        rows = [(row.label, row.training, row.validation, row.test, row.vector, "|".join(row.names))
                for row in overview.labels]  # fmt: skip
        write_csv(self.folder / LABELS, [("label", "train", "validation", "test", "word vector", "written as"), *rows])
        if find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(self.folder), purge_step=len(history) + 1)

    def epoch(self, history: Sequence[EpochReport]) -> None:
        """history: of all epochs so far."""
        names = list(dict.fromkeys(name for report in history for name in report.figures))
        head = ("epoch", "loss", "validation loss", "learning rate", *names, "is best")
        rows = [_row(report, names) for report in history]
        write_csv(self.folder / EPOCHS, [head, *rows])
        if self._board is not None and history:
            last = history[-1]
            values = {
                "loss/train": last.loss,
                "loss/validation": last.validation_loss,
                "learning rate": last.learning_rate,
            }
            for name, value in (values | {f"validation/{name}": x for name, x in last.figures.items()}).items():
                if value is not None:
                    self._board.add_scalar(name, value, last.epoch)

    def end(self, history: Sequence[EpochReport], best: EpochReport) -> None:
        """The curves as a picture."""
        if self._board is not None:
            self._board.close()
        with replacing(self.folder / CURVES) as temporary:
            temporary.write_text(drawn_curves(self.name, history, best, self._overview), encoding="utf-8")


def drawn_curves(name: str, history: Sequence[EpochReport], best: EpochReport, overview: Overview | None = None) -> str:
    """Loss, and the figures of validation that say something, as SVG."""
    figures = list(dict.fromkeys(figure for report in history for figure in report.figures
                                 if overview is None or overview.is_telling(figure)))  # fmt: skip
    panels: dict[str, dict[str, list[float | None]]] = {"loss": {"learnt from": [report.loss for report in history],
                       "judged by": [report.validation_loss for report in history]}}  # fmt: skip
    if figures:
        panels["validation"] = {figure: [report.figures.get(figure) for report in history] for figure in figures}
    return curves(f"{name}: {len(history)} epochs", panels, best.epoch)


def write_csv(file: Path, rows: Sequence[Sequence[object]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    with replacing(file) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", errors="surrogateescape")


def _row(report: EpochReport, names: Sequence[str]) -> tuple[object, ...]:
    numbers = (report.loss, report.validation_loss, report.learning_rate, *map(report.figures.get, names))
    return (report.epoch, *map(_number, numbers), int(report.is_best))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
