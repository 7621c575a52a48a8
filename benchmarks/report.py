"""Figures of a benchmark: a table with ratios for people, and the same as JSON for the documentation."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import data


@dataclass(frozen=True)
class Figure:
    """ratio: of the value to that of the peer which the table's heading names."""

    name: str
    value: float
    unit: str
    ratio: float | None = None


def parser(doc: str | None) -> argparse.ArgumentParser:
    """What all benchmarks understand; its description is the first line of the module's docstring."""
    made = data.parser((doc or "").splitlines()[0])
    made.add_argument("--full", action="store_true", help="all sizes: needs more time, memory and disk")
    made.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    return made


def show(title: str, figures: list[Figure], against: str) -> None:
    """against: what a ratio is to."""
    shown = Table("what", "value", "unit", f"ratio to {against}", title=title)
    for column in shown.columns[1:]:
        column.justify = "right"
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        shown.add_row(figure.name, number(figure.value), figure.unit, ratio)
    Console(width=118).print(shown)


def save(figures: list[Figure], path: Path | None) -> None:
    if path:
        path.write_text(json.dumps([asdict(figure) for figure in figures], indent=1) + "\n", "utf-8")


def number(value: float) -> str:
    """Three digits that count.

    >>> number(0.01234), number(12.34), number(1234.5)
    ('0.0123', '12.3', '1,234')
    """
    if not value:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}"
