"""What little words between words ask for: "cat without dog" pushes dogs away, "dog or cat" is either of them.

    without, no, not, except ...   the words behind it, up to the next preposition, comma or "but", are pushed away
    or, |, /                       either side will do: what stands between prepositions, commas and "and"

Known phrases keep their words: "forget me not" pushes nothing away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, groupby

from devise.results import Note
from devise.words.grammar import QueryItem
from devise.words.wording import bare

NOT = frozenset(["without", "no", "not", "except", "excluding", "minus", "nor", "neither", "never", "w/o", "non"])
NOT_PAIRS = frozenset({("other", "than"), ("apart", "from"), ("except", "for"), ("instead", "of"), ("but", "no")})
OR = frozenset({"or", "|", "||", "and/or"})
AND = frozenset({"and", "&", "&&", "plus"})
_PREPOSITIONS = (
    "on in at by with from to near under over onto into behind beside besides during while but through along "
    "outside inside between among against"
)
PREPOSITIONS = frozenset(_PREPOSITIONS.split())
_FILLERS = "a an the any some all my your his her its our their either of is are there"
FILLERS = frozenset(_FILLERS.split())
WINDOW = 4  # words of a known phrase that may have such a word in it
_INNER = re.compile(r"(?<=\w)([&|+]|/(?=\w\w))(?=\w)")

Known = Callable[[str], bool]


@dataclass(frozen=True)
class _Piece:
    """A word of a run, an item of its own, or (neither) what parts them."""

    word: str = ""
    item: QueryItem | None = None

    def is_in(self, words: frozenset[str]) -> bool:
        return self.word.strip(",.;:!?").lower() in words


_PARTED = _Piece()


def connected(items: Sequence[QueryItem], is_known: Known) -> tuple[list[QueryItem], list[Note]]:
    """The items with what is pushed away as such, and what is either of several in a group. is_known: one entry."""
    pieces = list(_pieces(items, is_known))
    if not any(_opens(pieces, at, is_known) or _is_or(pieces, at, is_known) for at in range(len(pieces))):
        return _runs(pieces), []
    rest, unwanted = _pushed_away(pieces, is_known)
    wanted, notes = _either(rest, is_known)
    if unwanted:
        names = ", ".join(item.text for item in unwanted)
        notes.insert(0, Note("without", f"pushed away: {names}", {"words": [item.text for item in unwanted]}))
    return [*wanted, *unwanted], notes


def _pieces(items: Sequence[QueryItem], is_known: Known) -> Iterator[_Piece]:
    """Words of plain runs one by one; a comma or a sign between runs parts them."""
    was_plain = False
    for item in items:
        if not item.is_plain:
            yield _Piece(item=item)
        else:
            if was_plain:
                yield _PARTED
            for word in item.text.split():
                yield from map(_Piece, _inner(word, is_known))
        was_plain = item.is_plain


def _inner(word: str, is_known: Known) -> list[str]:
    """What a word is made of: "cat&dog" is both, "dog/cat" either, "b&w" one where it is known."""
    if word.lower() == "w/":
        return ["with"]
    if word.lower() in NOT | OR | AND | PREPOSITIONS or not _INNER.search(word) or is_known(bare(word)):
        return [word]
    if "://" in word:
        return [word]
    return _INNER.sub(lambda found: {"&": " & ", "+": " & "}.get(found[1], " or "), word).split()


def _opens(pieces: Sequence[_Piece], at: int, is_known: Known) -> int:
    """How many words at that place begin what is not wanted; 0: none."""
    pair = tuple(one.word.lower() for one in pieces[at : at + 2])
    opened = 2 if pair in NOT_PAIRS else int(pieces[at].is_in(NOT))
    return 0 if opened and _is_in_phrase(pieces, at, is_known) else opened


def _is_or(pieces: Sequence[_Piece], at: int, is_known: Known) -> bool:
    return pieces[at].is_in(OR) and not _is_in_phrase(pieces, at, is_known)


def _is_in_phrase(pieces: Sequence[_Piece], at: int, is_known: Known) -> bool:
    """Whether the word stands in an entry of several words."""
    for start in range(max(0, at - WINDOW + 1), at + 1):
        for end in range(max(at + 1, start + 2), min(len(pieces), start + WINDOW) + 1):
            words = [piece.word for piece in pieces[start:end]]
            if all(words) and is_known(" ".join(words)):
                return True
    return False


def _pushed_away(pieces: Sequence[_Piece], is_known: Known) -> tuple[list[_Piece], list[QueryItem]]:
    """What is left, parted where something was taken out, and what is not wanted."""
    rest: list[_Piece] = []
    unwanted: list[QueryItem] = []
    at = 0
    while at < len(pieces):
        opened = _opens(pieces, at, is_known)
        if not opened:
            rest.append(pieces[at])
            at += 1
            continue
        at += opened
        end = at
        while end < len(pieces) and _goes_on(pieces, end, at, is_known):
            end += 1
        unwanted += _denied(pieces[at:end])
        rest.append(_PARTED)
        at = end
    return rest, unwanted


def _goes_on(pieces: Sequence[_Piece], at: int, start: int, is_known: Known) -> bool:
    piece = pieces[at]
    if piece.item is not None:  # a phrase in quotes, or a photo
        return piece.item.weight == 1 and at == start
    if not piece.word or piece.is_in(PREPOSITIONS) or _opens(pieces, at, is_known):
        return False
    is_parted = at > start and pieces[at - 1].word[-1:] in (".", "!", "?", ":")
    return not is_parted


def _denied(pieces: Sequence[_Piece]) -> Iterator[QueryItem]:
    for is_between, some in groupby(pieces, lambda piece: piece.is_in(AND | OR | {"nor"})):
        for item, words in groupby(some, lambda piece: piece.item):
            if item is not None:
                yield replace(item, weight=-item.weight)
                continue
            named = [bare(word.word) for word in words if not word.is_in(FILLERS)]
            named = [word for word in named if word]
            if named and not is_between:
                yield QueryItem(" ".join(named), -1.0, is_quoted=len(named) > 1)


def _either(pieces: Sequence[_Piece], is_known: Known) -> tuple[list[QueryItem], list[Note]]:
    """Each side of an "or" with its place in a group."""
    found: list[QueryItem] = []
    notes: list[Note] = []
    together: list[_Piece] = []  # what no "or" is in
    groups = count(1)
    for segment, boundary in _segments(pieces, is_known):
        sides = _sides(segment, is_known)
        if len(sides) < 2 or any(piece.item and piece.item.weight < 0 for piece in segment):
            together += [*segment, *boundary]
            continue
        found += _runs(together)
        together = [] if boundary and not boundary[0].word else list(boundary)
        group = next(groups)
        for number, side in enumerate(sides):
            found += [replace(item, clause=(group, number)) for item in side]
        names = [" ".join(item.text for item in side) for side in sides]
        notes.append(Note("either", f"either will do: {', '.join(names)}", {"words": names}))
    return [*found, *_runs(together)], notes


def _segments(pieces: Sequence[_Piece], is_known: Known) -> Iterator[tuple[list[_Piece], list[_Piece]]]:
    """(what stands between boundaries, the boundary behind it)."""
    inside: list[_Piece] = []
    for at, piece in enumerate(pieces):
        is_parted = not piece.word and piece.item is None
        is_word = piece.is_in(PREPOSITIONS | AND) and not _is_in_phrase(pieces, at, is_known)
        if is_parted or is_word:
            yield inside, [piece]
            inside = []
        else:
            inside.append(piece)
    yield inside, []


def _sides(segment: Sequence[_Piece], is_known: Known) -> list[list[QueryItem]]:
    """What stands on each side of the ors of a segment, as far as it is wanted."""
    sides: list[list[_Piece]] = [[]]
    for at, piece in enumerate(segment):
        if _is_or(segment, at, is_known):
            sides.append([])
        elif not (piece.word and piece.is_in(FILLERS)):
            sides[-1].append(piece)
    return [run for run in map(_runs, sides) if run]


def _runs(pieces: Sequence[_Piece]) -> list[QueryItem]:
    """Neighbouring words as one plain item again."""
    found: list[QueryItem] = []
    for is_word, some in groupby(pieces, lambda piece: bool(piece.word)):
        if is_word:
            found.append(QueryItem(" ".join(piece.word for piece in some)))
        else:
            found += [piece.item for piece in some if piece.item is not None]
    return found
