"""Which photos a search is about: those in a folder, of a time, of a kind, of a size, or with words in their texts."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devise.errors import LibraryError, WordError

_DATE = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d(:\d\d){0,2})?)?)?", re.ASCII)
_SIZE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(MP|MB|KB)", re.IGNORECASE | re.ASCII)
_UNITS = {"MP": ("pixels", 1_000_000), "MB": ("size", 1_000_000), "KB": ("size", 1_000)}
_TOKEN = re.compile(r'"([^"]*)"|(\S+)')


@dataclass(frozen=True, kw_only=True)
class Where:
    """All of it has to be true of a photo; what is left out is true of every photo.

    inside: a folder, or a photo; after, before: 2020, 2020-05 or 2020-05-13 (and T10:30), the first moment of which is
    still after and no longer before; photos that do not say when they were taken are neither.
    kind: jpg, png, ...; larger: at least "10MP" of pixels, or "5MB" or "200KB" of bytes.
    text: words that its names, folders and captions have, all of them; "in quotes" side by side, word* their beginning.
    without: words that they do not have, any of them.
    """

    inside: str | Path | None = None
    after: str | None = None
    before: str | None = None
    kind: str | None = None
    larger: str | None = None
    text: str | None = None
    without: Sequence[str] = ()

    def sql(self) -> tuple[str, list[Any]]:
        """A condition on the rows of photos, and its values. Raises LibraryError, WordError."""
        parts: list[str] = []
        values: list[Any] = []
        if self.inside is not None:
            parts.append(_BELOW)
            values += _below(os.path.abspath(self.inside))
        for name, sign, date in (("--after", ">=", self.after), ("--before", "<", self.before)):
            if date is not None:
                parts.append(f"taken {sign} ?")
                values.append(_date(name, date))
        if self.kind is not None:
            parts.append("kind = ?")
            values.append(_kind(self.kind))
        if self.larger is not None:
            column, least = _size(self.larger)
            parts.append(f"{column} >= ?")
            values.append(least)
        if self.text is not None:
            parts.append(_HAVING)
            values.append(match(self.text))
        for word in self.without:
            parts.append(f"(text_id IS NULL OR NOT {_HAVING})")
            values.append(match(word))
        return " AND ".join(parts) or "TRUE", values

    def __bool__(self) -> bool:
        return self != Where()


def match(text: str) -> str:
    """Words as a query of FTS5: each a string of its own, so that nothing in them is an operator. Raises WordError.

    >>> match('germany "new york" ber*')
    '"germany" "new york" "ber" *'
    """
    if text.count('"') % 2:
        raise WordError(f"a quote is not closed in {text.strip()}; add one, or leave it out")
    found = []
    for quoted, bare in _TOKEN.findall(text):
        words = (quoted or bare).rstrip("*")
        if any(c.isalnum() for c in words):
            found.append(f'"{_plain(words)}"' + (" *" if bare.endswith("*") else ""))
    if not found:
        raise WordError(f'--text "{text}" has no word; give one that names or captions have')
    return " ".join(found)


def quoted(word: str) -> str:
    return f'"{_plain(word)}"'


def _plain(words: str) -> str:
    return words.encode("utf-8", "replace").decode().replace('"', " ").replace("\0", " ")


_HAVING = "text_id IN (SELECT rowid FROM texts WHERE texts MATCH ?)"
# Names that are no UTF-8 are stored as bytes, which are in an order of their own behind all text.
_BELOW = "(path = ? OR (path > ? AND path < ?) OR (path > ? AND path < ?))"


def _below(folder: str) -> list[Any]:
    start = os.fsencode(folder.rstrip(os.sep) + os.sep)
    end = start[:-1] + bytes([start[-1] + 1])
    try:
        return [folder.encode().decode(), start.decode(), end.decode(), start, end]
    except UnicodeError:
        return [os.fsencode(folder), "", "", start, end]


def _date(name: str, date: str) -> str:
    text = date.strip().upper().replace(" ", "T")
    if not _DATE.fullmatch(text) or not _is_real(text):
        raise LibraryError(f"{name} {date} is no date; write 2020, 2020-05 or 2020-05-13")
    return text


def _is_real(text: str) -> bool:
    from datetime import datetime

    day, _, clock = text.partition("T")
    try:
        datetime.fromisoformat(f"{day}{'-01' * (2 - day.count('-'))}T{clock or '00'}")
    except ValueError:
        return False
    return True


def _kind(kind: str) -> str:
    from devise.photos.formats import kind_of, kinds

    found = kind_of(kind)
    if found not in kinds():
        raise LibraryError(f'photos are never of the type "{kind}"; there are: {", ".join(kinds())}')
    return found


def _size(larger: str) -> tuple[str, float]:
    found = _SIZE.fullmatch(larger.strip())
    if not found:
        raise LibraryError(f'--larger {larger} is no size; write "10MP" for pixels, "5MB" or "200KB" for bytes')
    column, factor = _UNITS[found[2].upper()]
    return column, float(found[1]) * factor
