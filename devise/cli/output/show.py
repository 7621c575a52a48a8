"""Print a result: a table on a terminal, lines with tabs in a pipe, or JSON, CSV and paths for programs."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from devise.cli.output.form import Form
from devise.display import printable

Cell = str | int | float


@dataclass(frozen=True, kw_only=True)
class Output:
    """What a command found, in every form it can be printed.

    rows: complete and flat, for CSV and lines. table: the same for people, where that is another thing.
    document: for JSON. nothing: what a person reads when there are no rows. parting: from which row of the table on
    rows are dim, and what stands before them.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    document: Any
    paths: Sequence[str] = ()
    table_columns: Sequence[str] | None = None
    table: Sequence[Sequence[Cell]] | None = None
    nothing: str = "nothing found"
    parting: tuple[int, str] | None = None


class TableOf(TypedDict):
    """The parts of an `Output` that make its table."""

    table_columns: Sequence[str]
    table: Sequence[Sequence[Cell]]
    parting: tuple[int, str] | None


def has_lines(form: Form) -> bool:
    """Whether paths or lines are printed, which say nothing beside what they list."""
    is_table = form is Form.AUTO and bool(sys.stdout and sys.stdout.isatty())
    return form is not Form.JSON and not is_table


def output(found: Output, form: Form) -> None:
    """Print `found` on stdout, and why there is nothing on stderr."""
    if not found.rows and not found.document:
        note(found.nothing)
    if form is Form.JSON:
        write_bytes(json.dumps(found.document, indent=2).encode() + b"\n")
    elif form is Form.CSV:
        write_bytes(_csv([found.columns, *found.rows]))
    elif form in (Form.PATHS, Form.NULL):
        end = b"\0" if form is Form.NULL else b"\n"
        write_bytes(b"".join(os.fsencode(path) + end for path in found.paths))
    elif not (sys.stdout and sys.stdout.isatty()):
        write_bytes(b"".join(_line(row) for row in found.rows))
    elif found.rows or found.table:
        _table(found)


def note(text: str) -> None:
    """A line for people, on stderr, or nowhere when that is closed or full."""
    if sys.stderr:  # else print would write to stdout
        with suppress(OSError):
            print(printable(text), file=sys.stderr)  # noqa: T201


def path(path: str, relative: bool) -> str:
    """A path as it is printed: absolute as the library has it, or as seen from the working folder."""
    return os.path.relpath(path) if relative else path


def relative_paths(text: str) -> str:
    """A message whose absolute paths are as seen from the working folder."""
    here = Path.cwd()
    above = {f"{str(folder).rstrip('/')}/": "../" * up for up, folder in enumerate((here, *here.parents))}
    beginning = "|".join(map(re.escape, above))  # the longest first
    return re.sub(rf"(?<![^\s\"'(])(?:{beginning})(?=\S)", lambda found: above[found[0]], text)


def _line(row: Sequence[Cell]) -> bytes:
    cells = (f"{cell:.6f}" if isinstance(cell, float) else _one_line(str(cell)) for cell in row)
    return os.fsencode("\t".join(cells)) + b"\n"


def _one_line(text: str) -> str:
    if not {"\t", "\n", "\r"} & {*text}:
        return text
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _csv(rows: Sequence[Sequence[Cell]]) -> bytes:
    lines = _Lines()
    writer = csv.writer(lines, lineterminator="\r\n")  # what ends a line is quoted: both \r and \n
    writer.writerows([f"{cell:.6f}" if isinstance(cell, float) else cell for cell in row] for row in rows)
    return os.fsencode("".join(lines))


class _Lines(list[str]):
    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")


def _table(found: Output) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = found.rows if found.table is None else found.table
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    start, text = found.parting or (len(rows), "")
    for column, cell in zip(found.table_columns or found.columns, rows[0], strict=True):
        table.add_column(Text(printable(column)), justify="left" if isinstance(cell, str) else "right", overflow="fold")
    for at, row in enumerate(rows):
        if at == start:
            table.add_section()
            table.add_row("", Text(text, style="italic dim"))
        table.add_row(*(Text(_cell(cell)) for cell in row), style="dim" if at >= start else None)
    Console().print(table)


def _cell(cell: Cell) -> str:
    return f"{cell:.3f}" if isinstance(cell, float) else printable(str(cell))


def write_bytes(data: bytes) -> None:
    """On stdout, at once."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, "there is no stdout to write to")
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
