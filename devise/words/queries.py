"""What a query means: the vector of each word and phrase in the form that is known, and what says nothing.

A word is taken as it is written; else, in this order, as one for many (or many for one), without accents, hyphens and
possession; else as the words it is made of; else it is looked for in names and captions; else its spelling is mended,
where one word is clearly the nearest. Learnt words go first: "dogs" is read as the "dog" that the model has learnt.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from devise.errors import WordError, listed
from devise.results import Note
from devise.vectors import Vector, mean
from devise.words import forms
from devise.words.colours import colour_of
from devise.words.grammar import Query, QueryItem, written
from devise.words.known import Known, Vectors
from devise.words.understanding import understood
from devise.words.wording import bare, is_number, may_be_named

if TYPE_CHECKING:
    from devise.photos.inputs import PhotoInput
    from devise.search.class_words import NamedClasses

MAX_PHRASE = 6  # words of an entry: "american staffordshire bull terrier dog" is as long as names of things get

# Words that point at nothing in a photo: they would only pull an average towards the middle of the space
_ARTICLES = "a an the this that these those some any"
_PREPOSITIONS = "of with without in on at by to from for into onto over under near as"
_OTHERS = "mostly mainly and or but is are was were be been being it its his her their my your our there"
_TALK = (
    "i me we us you he she they them who which where when while no not without except has have having do does either"
)
STOP_WORDS = frozenset(f"{_ARTICLES} {_PREPOSITIONS} {_OTHERS} {_TALK}".split())


@dataclass(frozen=True)
class Term:
    """One thing asked for: its text as written, its vector, and the slots of the entries it is made of.

    weight: how much it counts; negative for what is pushed away. is_photo: the vector is that of a photo.
    clause: of what is either of several things: (group, side). is_learnt: by the model, as one word. trust: how much
    its scores say of photos, 0 to 1. colour: what it says of colours (devise.words.colours.colour_of), if anything.
    shade: the word for a colour that it is, where the colours of photos are to be asked beside the model.
    classes: of the model that the word names, where those are to be asked beside the words head.
    """

    text: str
    vector: Vector
    slots: tuple[int, ...] = ()
    weight: float = 1.0
    is_photo: bool = False
    clause: tuple[int, int] | None = None
    is_learnt: bool = False
    trust: float = 1.0
    colour: str | None = None
    shade: str | None = None
    classes: NamedClasses | None = None


class TextWord(NamedTuple):
    """A word or phrase that no vector is known of, but names and captions have. num_photos: of how many photos."""

    text: str
    weight: float
    num_photos: int

    @property
    def is_wanted(self) -> bool:
        return self.weight > 0


class Reading(NamedTuple):
    """What a query asks for: to be seen on photos, and to be read in their texts."""

    terms: list[Term]
    text_words: list[TextWord]
    notes: tuple[Note, ...] = ()


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


def read(
    vectors: Vectors,
    asked: Iterable[QueryItem],
    photo: Callable[[PhotoInput], Vector] | None = None,
    num_photos: Callable[[str], int] = lambda word: 0,
    learnt: Collection[str] = (),
) -> Reading:
    """What `understood` found, each word looked up once: quoted parts whole, then longest known phrases, then words.

    Stop words and numbers count only inside a phrase or quotes. photo: gives the vector of a photo, or of a photo's
    name. num_photos: how many photos have a word in their texts; it is asked of words without a vector. learnt: the
    words that the model has learnt, in lower case. Raises WordError with all words that nobody knows. Nothing may be
    left, or only what is pushed away.
    """
    known, having = Known(vectors, learnt), cache(num_photos)
    found: list[Term] = []
    unknown: list[str] = []
    text_words: list[TextWord] = []
    for each in asked:
        if each.is_photo:
            found.append(_photo(each, photo))
            continue
        before = len(found) + len(unknown) + len(text_words)
        for text, slots, missing in _phrases(known, each, having):
            if missing and (count := having(text)):
                text_words.append(TextWord(text, each.weight, count))
                continue
            mended = [known.mended(word) for word in missing]
            unknown += [word for word, slot in zip(missing, mended, strict=True) if slot is None]
            if None in mended:
                continue
            slots = (*slots, *(slot for slot in mended if slot is not None))
            if slots:
                text = known.correct(text)
                vector, is_learnt = _vector(vectors, text, slots), known.is_learnt(text)
                found.append(
                    Term(text, vector, slots, each.weight, False, each.clause, is_learnt, colour=colour_of(text))
                )
        if each.weight != 1 and len(found) + len(unknown) + len(text_words) == before:
            raise WordError(f'a sign or a weight stands before "{each.text}", which says nothing; put it before a word')
    if unknown:
        raise _unknown(vectors, unknown)
    return Reading(found, text_words, known.notes())


def terms(vectors: Vectors, query: Query, photo: Callable[[PhotoInput], Vector] | None = None) -> list[Term]:
    """The terms of a query of which all is to be seen. Raises WordError, also when all of it is pushed away."""
    items, _ = understood(query, lambda word: vectors.slot(word) is not None)
    found = read(vectors, items, photo).terms
    if not found:
        raise says_nothing(query)
    if all(term.weight < 0 for term in found):
        raise only_pushes(query)
    return found


def only_pushes(query: Query) -> WordError:
    return WordError(f'"{written(query)}" only says what to push away; add a word for what to find')


def _phrases(
    known: Known, asked: QueryItem, having: Callable[[str], int]
) -> Iterator[tuple[str, tuple[int, ...], list[str]]]:
    """(text, slots, unknown words) of each word or phrase."""
    if asked.is_quoted:
        yield asked.text, *_whole(known, asked.text)
        return
    for text, slots in _split(known, [word for word in map(bare, asked.text.split()) if word], having):
        yield text, slots, [] if slots else [text]


def _photo(asked: QueryItem, photo: Callable[[PhotoInput], Vector] | None) -> Term:
    if photo is None:
        raise WordError(f"{asked.text} is a photo; ask with words here, and with photos in devise search")
    given = asked.text if asked.photo is None else asked.photo
    return Term(asked.text, photo(given), (), asked.weight, is_photo=True)


def phrase(vectors: Vectors, text: str) -> Vector:
    """The vector of a word or phrase: one entry if known, else the mean of its words."""
    words = text.strip().strip('"')
    slots, missing = _whole(Known(vectors), words)
    if missing:
        raise _unknown(vectors, missing)
    if not slots:
        raise says_nothing(text)
    return _vector(vectors, text, slots)


def mean_of(terms: Sequence[Term], text: str) -> Vector:
    """The direction of the weighted sum of the terms' vectors. Raises WordError when they cancel out."""
    try:
        return mean([term.vector for term in terms], [term.weight for term in terms])
    except ValueError:
        raise WordError(f'the words of "{text}" cancel each other out; leave one out') from None


def _split(known: Known, words: list[str], having: Callable[[str], int]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Words -> (text, slots); no slots for an unknown word. Stop words and numbers alone are left out."""
    at = 0
    while at < len(words):
        for end in range(min(len(words), at + MAX_PHRASE), at, -1):
            text = " ".join(words[at:end])
            if end == at + 1 and text.lower() in STOP_WORDS:
                break
            if end == at + 1 and is_number(text) and not colour_of(text):
                if not (may_be_named(text) and having(text)):
                    known.leave_out(text)
                    break
                continue
            slot = known.slot(text)
            if slot is not None:
                yield text, (slot,)
                break
        else:
            end = at + 1
            yield words[at], _parts(known, words[at])
        at = end


def _parts(known: Known, word: str) -> tuple[int, ...]:
    """The slots of "wine_red" or "dog's" as the words they are made of, or none."""
    parts = [part for part in re.split(r"[\s_\-/]+|['’]s$", word) if part and part.lower() not in STOP_WORDS]
    slots = [known.slot(part) for part in parts]
    return tuple(slot for slot in slots if slot is not None) if None not in slots else ()


def _whole(known: Known, text: str) -> tuple[tuple[int, ...], list[str]]:
    """A phrase as one entry, else as its words: (slots, unknown words)."""
    slot = known.slot(text) if text.strip() else None
    if slot is not None:
        return (slot,), []
    words = [word for word in map(bare, re.split(r"[\s_]+", text)) if word]
    kept = [word for word in words if word.lower() not in STOP_WORDS and not is_number(word)] or words
    slots: list[int] = []
    missing = []
    for word, found in _split_all(known, kept):
        slots += found
        missing += [] if found else [word]
    return tuple(slots), missing


def _split_all(known: Known, words: list[str]) -> Iterator[tuple[str, tuple[int, ...]]]:
    for word in words:
        slot = known.slot(word)
        yield word, (slot,) if slot is not None else _parts(known, word)


def _vector(vectors: Vectors, text: str, slots: tuple[int, ...]) -> Vector:
    rows = vectors.rows(list(slots))
    try:
        return rows[0] if len(rows) == 1 else mean(rows)
    except ValueError:
        raise WordError(f'the words of "{text}" cancel each other out; leave one out') from None


def _unknown(vectors: Vectors, words: Sequence[str]) -> WordError:
    """All unknown words in one error, each with the nearest spellings."""
    words = list(dict.fromkeys(words))
    hints = {word: vectors.hints(word) if forms.is_latin(word) else [] for word in words}
    lines = [f'"{word}"' + (f" (did you mean {_either(near)}?)" if near else "") for word, near in hints.items()]
    text = f"no word vector for {listed(lines)}"
    names = [word for word in words if any(c.isdigit() for c in word)]
    if len(names) == len(words):
        return WordError(f"{text}, nor is it in names or captions; ask for what the photo shows", hints)
    return WordError(f"{text}; queries are English words; your own: devise words alias {words[0]} MEANING", hints)


def _either(words: Sequence[str]) -> str:
    quoted = [f'"{word}"' for word in words]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + f" or {quoted[-1]}"


def says_nothing(query: Query) -> WordError:
    text = written(query)
    if not text.strip('"').strip():
        return WordError('the query is empty; ask with words, as in "sofa cat"')
    return WordError(f'"{text}" says nothing to look for; add a word for a thing, as in "sofa cat"')
