"""The table before the first epoch: labels, photos, word vectors, and what is left out and why."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from devise.errors import MAX_LISTED, counted, listed

if TYPE_CHECKING:
    from devise.training.overview import LabelRow, Overview

SHOWN = 40  # labels: a screen; all of them stand in the run's folder


def lines(overview: Overview) -> Iterator[str]:
    """One line after the other, for people."""
    yield from overview.notes
    yield from _left_out(overview)
    rows = overview.labels
    if not rows:
        learnt = counted(overview.training, "photo")
        yield f"{learnt} to learn from, {overview.validation:,} to judge by, without labels"
        return
    shown = rows if len(rows) <= SHOWN else rows[: SHOWN - 1]
    last = "word vector" if overview.vectors else ""
    columns = ("label", "train", "validation", *(("test",) if overview.test else ()), last)
    cells = [columns, *(_cells(row, bool(overview.test)) for row in shown)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True)),
        ]
        yield "  ".join([*padded, row[-1]]).rstrip()
    if len(shown) < len(rows):
        yield f"and {len(rows) - len(shown)} more labels"
    several = ", several labels a photo" if overview.is_multilabel else ""
    nothing = f", {overview.nothing:,} of them of no label" if overview.nothing else ""
    vectors = f"; word vectors: {overview.vectors}" if overview.vectors else ""
    test = f", {overview.test:,} kept for devise evaluate" if overview.test else ""
    yield (f"{counted(len(rows), 'label')}{several}: {counted(overview.training, 'photo')} to learn from, "
           f"{overview.validation:,} to judge by{test}{nothing}{vectors}")  # fmt: skip


def _cells(row: LabelRow, test: bool) -> tuple[str, ...]:
    said = [name for name in row.names if name != row.label]
    vector = row.vector + (f"  (written {listed(said)})" if said else "")
    numbers = (row.training, row.validation, *((row.test,) if test else ()))
    return (row.label, *(f"{number:,}" for number in numbers), vector)


def _left_out(overview: Overview) -> Iterator[str]:
    by_reason = defaultdict(list)
    for one in overview.left_out:
        by_reason[one.reason].append(os.path.basename(one.name) or one.name)  # noqa: PTH119
    for number, (reason, names) in enumerate(by_reason.items()):
        if number == MAX_LISTED:
            yield f"left out for {len(by_reason) - MAX_LISTED} other reasons"
            return
        yield f"left out: {listed(names)} ({reason})"
