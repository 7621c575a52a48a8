"""How much the scores of a word say of photos: what the model has learnt, and what is near to that, says most.

Of 289 words of captions that the model had not learnt, how far they lift the right photos depends most on the cosine to
the nearest word that it had (0.54, of the logarithm; on the spread of their scores 0.29). Taken by that, such a word
beside a learnt one leaves 0.97 of its first nine right, and puts those first that show both (docs/queries.md).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from devise.vectors import Vector
from devise.words.queries import Term

if TYPE_CHECKING:
    from devise.words import WordVectors

FAR = 0.3  # cosine to the nearest learnt word at which scores say nothing: "while" has 0.2, "kicking" 0.46
POWER = 3  # of what is left to 1: measured, beside 1, 2 and 4
LEAST = 0.05  # still enough to put photos in order that are equally sure


def trusted(terms: Sequence[Term], words: WordVectors, learnt: Collection[str]) -> list[Term]:
    """The terms with their trust, where that decides anything: beside others, and where the model has learnt words."""
    wanted = [term for term in terms if term.weight > 0]
    if len(wanted) < 2 or not learnt or all(term.is_learnt or term.is_photo for term in wanted):
        return list(terms)
    slots = [slot for label in learnt if (slot := words.slot(label)) is not None]
    if not slots:
        return list(terms)
    rows = words.rows(slots)
    return [replace(term, trust=_trust(term, words, rows)) if _is_open(term) else term for term in terms]


def _is_open(term: Term) -> bool:
    return not (term.is_learnt or term.is_photo or term.weight < 0)


def _trust(term: Term, words: WordVectors, learnt: Vector) -> float:
    """By the nearest learnt word; of a phrase, by the least of its words, where that is more."""
    near = float((learnt @ term.vector).max())
    parts = float((learnt @ words.rows(list(term.slots)).T).max(0).min())
    return max(LEAST, min(1.0, (max(near, parts, FAR) - FAR) / (1 - FAR)) ** POWER)
