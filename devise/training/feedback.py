"""What people said of answers (`devise mark`), as photos to learn from: the article's loop over bad cases.

Ameisen, "Building an image search service from scratch", 2018: look at what is found wrongly, label it, train again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from devise.errors import WordError
from devise.library import Library
from devise.reports import Judgement
from devise.store.location import Location
from devise.training.datasets.example import Example
from devise.words import WordVectors
from devise.words.queries import Term


def judged(library: Location, vectors: WordVectors) -> list[Example]:
    """The judged photos of a library that are still there, with what the judgements say of them. Raises LibraryError.

    A good answer shows what was asked for and nothing that was pushed away. A bad answer to one word does not show it;
    of a bad answer to several nobody said which one is missing, so nothing is learnt from that.
    """
    with Library(library) as opened:
        marks = opened.marks.present()
    return [example for number, mark in enumerate(marks) for example in _examples(mark, vectors, f"mark {number}")]


def _examples(mark: Judgement, vectors: WordVectors, group: str) -> Iterator[Example]:
    terms: list[Term] = []
    with suppress(WordError):  # these vectors do not know its words
        terms = vectors.terms(mark.query)
    wanted = tuple(dict.fromkeys(_label(term, vectors) for term in terms if term.weight > 0))
    unwanted = tuple(dict.fromkeys(_label(term, vectors) for term in terms if term.weight < 0))
    if mark.is_good and terms:
        yield Example(mark.path, wanted, group=group, wrong=tuple(label for label in unwanted if label not in wanted))
    elif len(terms) == 1 and wanted:
        yield Example(mark.path, (), group=group, wrong=wanted)


def _label(term: Term, vectors: WordVectors) -> str:
    """As the vectors spell it, so that "Cat" is the label "cat"."""
    return " ".join(vectors.word(slot) for slot in term.slots)
