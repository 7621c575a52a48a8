"""What a word of a query is read as, and where that was told: each looked up once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import Protocol

from devise.results import Note
from devise.vectors import Vector
from devise.words import forms
from devise.words.colours import colour_name, colour_of
from devise.words.wording import left_out

SAME = 0.8  # cosine of forms of one word: of dogs and dog it is 0.84, of bicycles and bicycle 0.93


class Vectors(Protocol):
    """What queries need of word vectors."""

    def slot(self, word: str) -> int | None: ...
    def rows(self, slots: Sequence[int]) -> Vector: ...
    def hints(self, word: str, n: int = 5) -> list[str]: ...
    def corrected(self, word: str) -> str | None: ...


class Known:
    """The slots of words, each looked up once, and what was read otherwise than it is written."""

    def __init__(self, vectors: Vectors, learnt: Collection[str] = ()) -> None:
        self._vectors, self._learnt = vectors, learnt
        self.entry = cache(vectors.slot)
        self.slot = cache(lambda text: self._named(text, colour) if (colour := colour_of(text)) else self._slot(text))
        self._others: dict[str, tuple[str, str]] = {}  # word -> (what it is read as, why)
        self._left_out: list[str] = []

    def _slot(self, text: str) -> int | None:
        """Of the form that the model has learnt, else as it is written, else of another form."""
        own = self.entry(text)
        if own is not None and text.lower() in self._learnt:
            return own
        for form in forms.inflections(text):
            slot = self.entry(form) if form in self._learnt else None
            if slot is not None and (own is None or forms.is_irregular(text, form) or self._are_one(own, slot)):
                return self._noted(text, form, slot, "learnt")
        if own is not None:
            return own
        for other in forms.others(text):
            alike = (other, *forms.inflections(other))
            for form in (*(form for form in alike if form.lower() in self._learnt), other):
                if (slot := self.entry(form)) is not None:
                    return self._noted(text, form, slot, "form")
        for form in forms.inflections(text):
            if (slot := self.entry(form)) is not None:
                return self._noted(text, form, slot, "form")
        return None

    def _named(self, text: str, colour: str) -> int | None:
        """Of the name of a colour."""
        slot = self.slot(colour_name(colour))
        return None if slot is None else self._noted(text, colour_name(colour), slot, "colour")

    def _are_one(self, a: int, b: int) -> bool:
        rows = self._vectors.rows([a, b])
        return bool(rows[0] @ rows[1] >= SAME)

    def mended(self, word: str) -> int | None:
        """The slot of the one word that a mistyped one is clearly meant to be."""
        better = self._vectors.corrected(word)
        slot = None if better is None else self.slot(better)
        return None if better is None or slot is None else self._noted(word, better, slot, "spelling")

    def _noted(self, text: str, form: str, slot: int, why: str) -> int:
        self._others[text] = form, why
        return slot

    def is_learnt(self, text: str) -> bool:
        form, _ = self._others.get(text, (text, ""))
        return any(spelt.lower() in self._learnt for spelt in (text, form))

    def correct(self, text: str) -> str:
        """As it is written, or as it should have been."""
        form, why = self._others.get(text, (text, ""))
        return form if why == "spelling" else text

    def leave_out(self, word: str) -> None:
        self._left_out.append(word)

    def notes(self) -> tuple[Note, ...]:
        found = []
        for text, (form, why) in self._others.items():
            more = ", which the model has learnt" if why == "learnt" else ""
            data = {"asked": text, "read": form, "why": why}
            found.append(Note("read_as", f'"{text}" is read as "{form}"{more}', data))
        return (*found, left_out(self._left_out)) if self._left_out else tuple(found)
