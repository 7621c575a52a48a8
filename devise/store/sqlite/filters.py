"""Filters as conditions of SQL on the rows of photos, and words as queries of FTS5."""

from __future__ import annotations

import os
from typing import Any

from devise.store.filter import Filter, least_size, moment, photo_kind, phrases
from devise.store.paths import ranges
from devise.store.scripts import spellings

_HAVING = "text_id IN (SELECT rowid FROM texts WHERE texts MATCH ?)"


def condition(where: Filter | None) -> tuple[str, list[Any]]:
    """A condition on the rows of photos, and its values. Raises LibraryError, WordError."""
    where = where or Filter()
    parts: list[str] = []
    values: list[Any] = []
    if where.inside is not None:
        folders = spellings(os.path.abspath(where.inside))
        bounds = [pair for folder in folders for pair in ranges(folder)]
        parts.append(f"({' OR '.join(['(path >= ? AND path < ?)'] * len(bounds))})")
        values += [bound for pair in bounds for bound in pair]
    for name, sign, date in (("--after", ">=", where.after), ("--before", "<", where.before)):
        if date is not None:
            parts.append(f"taken {sign} ?")
            values.append(moment(name, date))
    if where.kind is not None:
        parts.append("kind = ?")
        values.append(photo_kind(where.kind))
    if where.larger is not None:
        column, least = least_size(where.larger)
        parts.append(f"{column} >= ?")
        values.append(least)
    if where.text is not None:
        parts.append(_HAVING)
        values.append(match(where.text))
    for word in where.without:
        parts.append(f"(text_id IS NULL OR NOT {_HAVING})")
        values.append(match(word))
    return " AND ".join(parts) or "TRUE", values


def match(text: str) -> str:
    """Words as a query of FTS5: each a string of its own, so that nothing in them is an operator. Raises WordError.

    >>> match('germany "new york" ber*')
    '"germany" "new york" "ber" *'
    """
    return " ".join(f'"{words}"' + (" *" if is_beginning else "") for words, is_beginning in phrases(text))
