"""Which photos a search is about: those in a folder, of a time, of a kind, of a size, or with words in their texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devise.errors import LibraryError, WordError
from devise.store.scripts import searchable

_DATE = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d(:\d\d){0,2})?)?)?", re.ASCII)
_SIZE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(MP|MB|KB)", re.IGNORECASE | re.ASCII)
_TOKEN = re.compile(r'"([^"]*)"|(\S+)')
_UNITS = {"MP": ("pixels", 1_000_000), "MB": ("size", 1_000_000), "KB": ("size", 1_000)}


@dataclass(frozen=True, kw_only=True)
class Filter:
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

    def __bool__(self) -> bool:
        return self != Filter()


Where = Filter  # as programs know it


def quoted(word: str) -> str:
    """As a filter's text that means this word and nothing else."""
    return f'"{plain(word)}"'


def plain(words: str) -> str:
    """Without what ends a string of FTS5."""
    return words.encode("utf-8", "replace").decode().replace('"', " ").replace("\0", " ")


def phrases(text: str) -> list[tuple[str, bool]]:
    """Words that stand side by side, as they are searched, and whether more may follow the last. Raises WordError.

    >>> phrases('germany "new york" ber*')
    [('germany', False), ('new york', False), ('ber', True)]
    """
    if text.count('"') % 2:
        raise WordError(f"a quote is not closed in {text.strip()}; add one, or leave it out")
    found = []
    for several, bare in _TOKEN.findall(text):
        words = (several or bare).rstrip("*")
        if any(c.isalnum() for c in words):
            found.append((plain(searchable(words)), bare.endswith("*")))
    if not found:
        raise WordError(f'--text "{text}" has no word; give one that names or captions have')
    return found


def moment(name: str, date: str) -> str:
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


def photo_kind(kind: str) -> str:
    from devise.photos.formats import kind_of, kinds

    found = kind_of(kind)
    if found not in kinds():
        raise LibraryError(f'photos are never of the type "{kind}"; there are: {", ".join(kinds())}')
    return found


def least_size(larger: str) -> tuple[str, float]:
    found = _SIZE.fullmatch(larger.strip())
    if not found:
        raise LibraryError(f'--larger {larger} is no size; write "10MP" for pixels, "5MB" or "200KB" for bytes')
    column, factor = _UNITS[found[2].upper()]
    return column, float(found[1]) * factor
