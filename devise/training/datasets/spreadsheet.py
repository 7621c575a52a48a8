"""A table of text as spreadsheets write it: any of three separators, encodings and line ends; a header or none."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devise.errors import TrainingError

DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Sheet:
    """rows: without empty ones; the first may be a header. notes: how the file was read, where it is no plain CSV."""

    rows: list[list[str]]
    notes: tuple[str, ...]


def read_sheet(file: Path) -> Sheet:
    """Raises TrainingError for what is no text."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise TrainingError(f"cannot read {file}: {error.strerror}; check its permissions") from error
    text, notes = _text(file, data)
    first, _, rest = text.partition("\n")
    delimiter = ""
    if first.strip().lower().startswith("sep=") and len(first.strip()) <= len("sep=") + 1:  # Excel's own hint
        delimiter, text = first.strip()[len("sep=") :] or "\t", rest
    delimiter = delimiter or _delimiter(text)
    if delimiter != ",":
        notes.append(f"columns are separated by {'tabs' if delimiter == chr(9) else f'{delimiter!r}'}")
    try:
        rows = [
            row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(map(str.strip, row))
        ]
    except csv.Error as error:
        raise TrainingError(
            f"{file} is no CSV in UTF-8 ({error}); save it as CSV with columns path and labels"
        ) from error
    return Sheet(rows, tuple(notes))


def _text(file: Path, data: bytes) -> tuple[str, list[str]]:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return data.decode("utf-16"), ["the file is in UTF-16"]
        except UnicodeDecodeError as error:
            raise TrainingError(f"{file} is cut off ({error}); save it again as CSV in UTF-8") from error
    if b"\0" in data:
        raise TrainingError(f"{file} is no CSV in UTF-8 (it has bytes that no text has); save it as CSV in UTF-8")
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), ["the file is not in UTF-8; it was read as Windows' cp1252"]


def _delimiter(text: str) -> str:
    """That which the first line with anything in it has most often."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    return max(DELIMITERS, key=lambda mark: (_fields(line, mark), -DELIMITERS.index(mark)))


def _fields(line: str, delimiter: str) -> int:
    rows: Sequence[list[str]] = list(csv.reader([line], delimiter=delimiter))
    return len(rows[0]) if rows else 0
