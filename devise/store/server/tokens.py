"""The words of texts as SQLite's FTS5 takes them apart (unicode61, accents removed), so that equal queries find equal
photos in an embedded library and on a server; PostgreSQL's own parser takes file names and addresses for one word.
"""

from __future__ import annotations

import re
import unicodedata

MAX_CHARS = 500  # of a token: PostgreSQL's have 2,046 bytes at most
_APART = re.compile(r"[^\w\ue000-\uf8ff]|_")  # Python's \w without _, and characters of private use


def tokens(text: str) -> list[str]:
    """Runs of letters, digits and other numbers, in small letters, without accents.

    >>> tokens("Café-Tour_2019: IMG.jpg")
    ['cafe', 'tour', '2019', 'img', 'jpg']
    """
    if not text.isascii():
        apart = unicodedata.normalize("NFD", text)
        text = "".join(c for c in apart if not unicodedata.combining(c) and unicodedata.category(c) != "Mn")
    return [word[:MAX_CHARS] for word in _APART.sub(" ", text.lower()).split()]


def joined(words: list[str]) -> str:
    """So that a phrase is found as a part of it, however often its words follow each other.

    >>> joined(["new", "york"])
    '|new||york|'
    """
    return "".join(f"|{word}|" for word in words)


def column(names: str, captions: str) -> tuple[str, int, list[str]]:
    """What stands in `tokens`, how many those are, and the different ones. No phrase spans names and captions."""
    first, second = tokens(names), tokens(captions)
    return f"{joined(first)} {joined(second)}", len(first) + len(second), sorted({*first, *second})
