"""What a query means: its phrases, words that say nothing, and errors that name every unknown word."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from devise.errors import WordError, listed
from devise.vectors import Vector, mean
from devise.words.grammar import Asked, parse

MAX_PHRASE = 6  # words of an entry: "american staffordshire bull terrier dog" is as long as names of things get

# Words that point at nothing in a photo: they would only pull an average towards the middle of the space
_ARTICLES = "a an the this that these those some any"
_PREPOSITIONS = "of with without in on at by to from for into onto over under near as"
_OTHERS = "and or but is are was were be been being it its his her their my your our there"
STOP_WORDS = frozenset(f"{_ARTICLES} {_PREPOSITIONS} {_OTHERS}".split())
EDGES = ".,;:!?()[]{}«»“”'`"  # what stands around words in a sentence


Elsewhere = Callable[[str, float], bool]
Query = str | Sequence[str | Path]  # its text, or pieces of it: a Path is a photo, whatever its name


@dataclass(frozen=True)
class Term:
    """One thing asked for: its text as written, its vector, and the slots of the entries it is made of.

    weight: how much it counts; negative for what is pushed away. is_photo: the vector is that of a photo.
    """

    text: str
    vector: Vector
    slots: tuple[int, ...] = ()
    weight: float = 1.0
    is_photo: bool = False


class Vectors(Protocol):
    """What queries need of word vectors."""

    def slot(self, word: str) -> int | None: ...
    def rows(self, slots: Sequence[int]) -> Vector: ...
    def hints(self, word: str, n: int = 5) -> list[str]: ...


def spellings(text: str) -> Iterator[str]:
    """The ways to look a word up, best first.

    >>> list(spellings("Golden_Retriever"))[:3]
    ['Golden_Retriever', 'golden_retriever', 'golden retriever']
    """
    text = " ".join(unicodedata.normalize("NFC", text).split())
    lower = text.lower()
    spaced = lower.replace("_", " ")
    tried = (text, lower, spaced, spaced.replace(" ", "_"), spaced.replace("-", " "), spaced.replace(" ", "-"))
    return iter(dict.fromkeys((*tried, spaced.replace("-", " ").replace(" ", "_"))))


def terms(
    vectors: Vectors, query: Query, photo: Callable[[str], Vector] | None = None, elsewhere: Elsewhere | None = None
) -> list[Term]:
    """The terms of a query: quoted parts whole, then the longest known phrases, then single words.

    Stop words count only inside a phrase or quotes. photo: gives the vector of a photo by its name. elsewhere: is told
    each unknown word or phrase with its weight, and says whether it is known there; then
    no term may be left, or none that is wanted, which the caller has to look at.
    Raises WordError with all unknown words, and when nothing is left or all of it is pushed away.
    """
    found: list[Term] = []
    unknown: list[str] = []
    known_elsewhere = 0
    for asked in parse(query):
        if asked.is_photo:
            found.append(_photo(asked, photo))
            continue
        before = len(found) + len(unknown) + known_elsewhere
        for text, slots, missing in _looked_up(vectors, asked):
            if missing and elsewhere and elsewhere(text, asked.weight):
                known_elsewhere += 1
                continue
            unknown += missing
            if slots and not missing:
                found.append(Term(text, _vector(vectors, text, slots), slots, asked.weight))
        if asked.weight != 1 and len(found) + len(unknown) + known_elsewhere == before:
            raise WordError(
                f'a sign or a weight stands before "{asked.text}", which says nothing; put it before a word'
            )
    if unknown:
        raise _unknown(vectors, unknown)
    if not found and not known_elsewhere:
        raise _nothing(written(query))
    if elsewhere is None and all(term.weight < 0 for term in found):
        raise only_pushes(query)
    return found


def only_pushes(query: Query) -> WordError:
    return WordError(f'"{written(query)}" only says what to push away; add a word for what to find')


def written(query: Query) -> str:
    """A query as one line of text."""
    return query.strip() if isinstance(query, str) else " ".join(map(str, query)).strip()


def _looked_up(vectors: Vectors, asked: Asked) -> Iterator[tuple[str, tuple[int, ...], list[str]]]:
    """(text, slots, unknown words) of each word or phrase."""
    if asked.is_quoted:
        yield asked.text, *_whole(vectors, asked.text)
        return
    for text, slots in _split(vectors, [word.strip(EDGES) or word for word in asked.text.split()]):
        yield text, slots, [] if slots else [text]


def _photo(asked: Asked, photo: Callable[[str], Vector] | None) -> Term:
    if photo is None:
        raise WordError(f"{asked.text} is a photo; ask with words here, and with photos in devise search")
    return Term(asked.text, photo(asked.text), (), asked.weight, is_photo=True)


def phrase(vectors: Vectors, text: str) -> Vector:
    """The vector of a word or phrase: one entry if known, else the mean of its words."""
    words = text.strip().strip('"')
    slots, missing = _whole(vectors, words)
    if missing:
        raise _unknown(vectors, missing)
    if not slots:
        raise _nothing(text)
    return _vector(vectors, text, slots)


def mean_of(terms: Sequence[Term], text: str) -> Vector:
    """The direction of the weighted sum of the terms' vectors. Raises WordError when they cancel out."""
    try:
        return mean([term.vector for term in terms], [term.weight for term in terms])
    except ValueError:
        raise WordError(f'the words of "{text}" cancel each other out; leave one out') from None


def _split(vectors: Vectors, words: list[str]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Words -> (text, slots); no slots for an unknown word. Stop words alone are left out."""
    at = 0
    while at < len(words):
        for end in range(min(len(words), at + MAX_PHRASE), at, -1):
            text = " ".join(words[at:end])
            if end == at + 1 and text.lower() in STOP_WORDS:
                break
            slot = vectors.slot(text)
            if slot is not None:
                yield text, (slot,)
                break
        else:
            end = at + 1
            yield words[at], _parts(vectors, words[at])
        at = end


def _parts(vectors: Vectors, word: str) -> tuple[int, ...]:
    """The slots of "wine_red" or "dog's" as the words they are made of, or none."""
    parts = [part for part in re.split(r"[\s_\-/]+|['’]s$", word) if part and part.lower() not in STOP_WORDS]
    slots = [vectors.slot(part) for part in parts]
    return tuple(slot for slot in slots if slot is not None) if None not in slots else ()


def _whole(vectors: Vectors, text: str) -> tuple[tuple[int, ...], list[str]]:
    """A phrase as one entry, else as its words: (slots, unknown words)."""
    slot = vectors.slot(text) if text.strip() else None
    if slot is not None:
        return (slot,), []
    words = [word.strip(EDGES) or word for word in re.split(r"[\s_]+", text) if word]
    kept = [word for word in words if word.lower() not in STOP_WORDS] or words
    slots: list[int] = []
    missing = []
    for word, found in _split_all(vectors, kept):
        slots += found
        missing += [] if found else [word]
    return tuple(slots), missing


def _split_all(vectors: Vectors, words: list[str]) -> Iterator[tuple[str, tuple[int, ...]]]:
    for word in words:
        slot = vectors.slot(word)
        yield word, (slot,) if slot is not None else _parts(vectors, word)


def _vector(vectors: Vectors, text: str, slots: tuple[int, ...]) -> Vector:
    rows = vectors.rows(list(slots))
    try:
        return rows[0] if len(rows) == 1 else mean(rows)
    except ValueError:
        raise WordError(f'the words of "{text}" cancel each other out; leave one out') from None


def _unknown(vectors: Vectors, words: Sequence[str]) -> WordError:
    """All unknown words in one error, each with the nearest spellings."""
    words = list(dict.fromkeys(words))
    hints = {word: vectors.hints(word) for word in words}
    said = [f'"{word}"' + (f" (did you mean {_either(near)}?)" if near else "") for word, near in hints.items()]
    remedy = "" if any(hints.values()) else "; try another word for the same thing"
    return WordError(f"no word vector for {listed(said)}{remedy}", hints)


def _either(words: Sequence[str]) -> str:
    first = [f'"{word}"' for word in words[:3]]  # more do not fit on the line
    return first[0] if len(first) == 1 else ", ".join(first[:-1]) + f" or {first[-1]}"


def _nothing(query: str) -> WordError:
    if not query.strip().strip('"').strip():
        return WordError('the query is empty; ask with words, as in "sofa cat"')
    return WordError(f'"{query.strip()}" says nothing to look for; add a word for a thing, as in "sofa cat"')
