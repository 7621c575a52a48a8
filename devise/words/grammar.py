"""The grammar of a query: what is asked for, how much it counts, and what is pushed away.

    query = { [sign] [weight ":"] what }        sign   = "+" | "-"            alone, or before what it is for
    what  = word | phrase | photo               weight = a number, 1 if there is none
    phrase = '"' words '"'                      photo  = name.jpg | "@" name | '@"' name '"'

A sign and a weight are for the one word, phrase or photo behind them. Commas and semicolons part words that would else
be looked up as one phrase. docs/queries.md tells it with examples.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeAlias

from devise import config
from devise.errors import WordError

if TYPE_CHECKING:
    from devise.photos.inputs import PhotoInput

MAX_QUERY = 10_000  # characters: more is a file pasted by mistake
WEIGHTS = 0.001, 1000.0  # beyond these the other terms, or this one, do not count

Piece: TypeAlias = "str | PhotoInput"  # text, or a photo: what is no str is one, a Path whatever its name
Query: TypeAlias = "Piece | Sequence[Piece]"

_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|nan"
_ITEM = re.compile(
    rf'(?P<comma>[,;])|(?P<sign>[+-])?(?:(?P<weight>{_NUMBER}):)?(?P<at>@)?(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s",;]+))?',
    re.IGNORECASE,
)


@dataclass(frozen=True)
class QueryItem:
    """One thing that a query asks for, as it is written. weight: negative for what is pushed away.

    is_quoted: one phrase; else the words are a run, in which phrases are looked for. is_photo: the name of a photo.
    photo: the photo itself, where a program gave it. clause: of what is either of several things: (group, side).
    """

    text: str
    weight: float = 1.0
    is_quoted: bool = False
    is_photo: bool = False
    photo: PhotoInput | None = field(default=None, compare=False, repr=False)
    clause: tuple[int, int] | None = None

    @property
    def is_plain(self) -> bool:
        return not (self.is_quoted or self.is_photo) and self.weight == 1


def pieces_of(query: Query) -> list[Piece]:
    """What a query is made of; a single text or photo is one piece."""
    if isinstance(query, Sequence) and not isinstance(query, str | bytes):
        return list(query)
    return [query]


def written(query: Query) -> str:
    """A query as one line of text."""
    return " ".join(map(_name, pieces_of(query))).strip()


def _name(piece: Piece) -> str:
    return os.fsdecode(piece) if isinstance(piece, str | os.PathLike) else "(a photo)"


def parse(query: Query) -> list[QueryItem]:
    """What is asked for, in order; neighbouring plain words are one run.

    query: text, or pieces of it, of which a Path is a photo whatever its name, and so is what is no text.
    Raises WordError for quotes that are not closed, weights that are no weights, and signs or weights before nothing.

    >>> [(asked.text, asked.weight) for asked in parse('golden retriever -cat 2:"red ball"')]
    [('golden retriever', 1.0), ('cat', -1.0), ('red ball', 2.0)]
    """
    pieces = _joined(pieces_of(query))
    if (length := sum(len(_name(piece)) for piece in pieces)) > MAX_QUERY:
        raise WordError(f"the query has {length:,} characters; ask with at most {MAX_QUERY:,}")
    found: list[QueryItem] = []
    goes_on, sign = False, ""
    for item in (item for piece in pieces for item in _items(piece)):
        if isinstance(item, str):  # a comma or a sign
            if item in "+-" and sign:
                raise WordError(f'two signs follow each other in "{" ".join(map(_name, pieces))}"; write one')
            if item not in "+-" and sign:
                raise WordError(f'nothing stands between "{sign}" and "{item}"; put a word there or leave one out')
            goes_on, sign = False, item if item in "+-" else ""
        elif goes_on and item.is_plain and found[-1].is_plain:
            found[-1] = replace(found[-1], text=f"{found[-1].text} {item.text}")
        else:
            found.append(replace(item, weight=-item.weight) if sign == "-" else item)
            goes_on, sign = True, ""
    if sign:
        raise WordError(f'nothing follows the "{sign}" at the end of the query; add a word or leave it out')
    return found


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Neighbouring texts as one: what the shell has parted may belong together."""
    found: list[Piece] = []
    for piece in pieces:
        if found and isinstance(piece, str) and isinstance(found[-1], str):
            found[-1] = f"{found[-1]} {piece}"
        else:
            found.append(piece)
    return found


def _items(piece: Piece) -> Iterator[QueryItem | str]:
    if not isinstance(piece, str):
        yield QueryItem(_name(piece), is_photo=True, photo=piece)
        return
    if piece.count('"') % 2:
        raise WordError(f"a quote is not closed in {piece.strip()}; add one, or leave it out")
    at = 0
    while at < len(piece):
        if piece[at].isspace():
            at += 1
            continue
        match = _ITEM.match(piece, at)
        assert match is not None  # all its parts are optional
        yield from filter(None, (match["comma"] or match["sign"], _item(match)))
        at = match.end()


def _item(match: re.Match[str]) -> QueryItem | None:
    """What an item asks for; nothing if it is a comma, a sign that stands alone, or empty quotes."""
    quoted, at = match["quoted"], bool(match["at"])
    text = (match["bare"] if quoted is None else quoted) or ""
    if not text.strip():
        if match["weight"] is None and not at and (quoted is None or match["sign"] is None):
            return None
        raise WordError(f'nothing follows "{match[0]}"; put a word or a photo behind it')
    if text[0] in "+-" and quoted is None and not at:
        raise WordError(f'two signs follow each other in "{match[0]}"; write one before the weight')
    is_photo = at or PurePath(text).suffix.lower() in config.PHOTO_SUFFIXES
    return QueryItem(text.strip(), _weight(match), quoted is not None and not is_photo, is_photo)


def _weight(match: re.Match[str]) -> float:
    if match["weight"] is None:
        return 1.0
    weight, (low, high) = float(match["weight"]), WEIGHTS
    if not (math.isfinite(weight) and low <= weight <= high):
        raise WordError(f'"{match[0]}": a weight is from {low} to {high:.0f}; to push something away write -word')
    return weight
