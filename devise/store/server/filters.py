"""Filters as conditions of PostgreSQL's SQL on the rows of photos."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from devise.store.filter import Filter, least_size, moment, photo_kind, phrases
from devise.store.paths import outermost
from devise.store.scripts import spellings
from devise.store.server.tokens import joined, tokens

Bounds = tuple[bytes, bytes]


class Phrase(NamedTuple):
    """As the index of words is asked, and as it stands in `tokens`: what follows a beginning is left open."""

    query: str
    text: str


def bounds(folder: str) -> list[Bounds]:
    """Of the paths of a folder itself and of all below it, as bytes: from the first on, up to the second."""
    inside = folder.rstrip(os.sep) + os.sep
    return [
        (os.fsencode(folder), os.fsencode(folder) + b"\0"),
        (os.fsencode(inside), os.fsencode(inside[:-1]) + bytes([ord(os.sep) + 1])),
    ]


def below(folders: list[str]) -> tuple[str, list[Any]]:
    """A condition on paths: in one of the folders."""
    pairs = [pair for folder in outermost(folders) for pair in bounds(folder)]
    sql = " OR ".join(["(path >= %s AND path < %s)"] * len(pairs)) or "FALSE"
    return f"({sql})", [bound for pair in pairs for bound in pair]


def condition(where: Filter | None) -> tuple[str, list[Any]]:
    """A condition on the rows of photos, and its values. Raises LibraryError, WordError."""
    where = where or Filter()
    parts: list[str] = []
    values: list[Any] = []
    if where.inside is not None:
        sql, some = below(spellings(os.path.abspath(where.inside)))
        parts.append(sql)
        values += some
    for name, sign, date in (("--after", ">=", where.after), ("--before", "<", where.before)):
        if date is not None:
            parts.append(f"taken {sign} %s")
            values.append(moment(name, date))
    if where.kind is not None:
        parts.append("kind = %s")
        values.append(photo_kind(where.kind))
    if where.larger is not None:
        column, least = least_size(where.larger)
        parts.append(f"{column} >= %s")
        values.append(least)
    for text, sign in ((where.text, ""), *((word, "NOT ") for word in where.without)):
        if text is not None:
            sql, some = having(text)
            parts.append(f"(words IS NULL OR NOT {sql})" if sign else sql)
            values += some
    return " AND ".join(parts) or "TRUE", values


def having(text: str) -> tuple[str, list[Any]]:
    """A condition: all these words are in the texts. Raises WordError."""
    asked = matches(text)
    sql = ["words @@ %s::tsquery"] + ["strpos(tokens, %s) > 0" for each in asked if "||" in each.text]
    query = " & ".join(each.query for each in asked)
    return f"({' AND '.join(sql)})", [query, *(each.text for each in asked if "||" in each.text)]


def matches(text: str) -> list[Phrase]:
    """Raises WordError for what has no word."""
    found = []
    for phrase, is_beginning in phrases(text):
        words = tokens(phrase)
        if words:
            ends = ["" for _ in words[:-1]] + [":*" if is_beginning else ""]
            query = " & ".join(f"'{word}'{end}" for word, end in zip(words, ends, strict=True))
            found.append(Phrase(query, joined(words).removesuffix("|") if is_beginning else joined(words)))
    return found or [Phrase("'|'", "|nothing|")]
