"""Spelling hints: known words that differ from a mistyped one by few letters."""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import NDArray

LETTERS = 32  # bytes are counted modulo this: a to z stay apart, all else only makes the sieve coarser
SIEVED = 300  # words compared letter by letter: 30 milliseconds
SHORTEST = 5  # letters of a word that is mended: "hund" may be a hand, a hunt or a hound
CLEAR = 0.5  # edits that all other words must be further away
ALIKE = 1.2  # edits that a word which sounds the same is nearer: "elefant" is no "elegant"
RARENESS = 0.08  # edits that a word e times as rare must be nearer: decides between equals, rarely more
COMMON = 30_000  # rarer words are seldom meant, and often names: "camisa" is no "camila"
LONG = 9  # letters of a word in which two slips are still clear
_KEYS = tuple((key, row, column + 0.4 * row) for row, keys in enumerate(("qwertyuiop", "asdfghjkl", "zxcvbnm"))
              for column, key in enumerate(keys))  # fmt: skip
_BESIDE = frozenset(
    (a, b) for a, i, x in _KEYS for b, j, y in _KEYS if a != b and abs(i - j) <= 1 and abs(x - y) <= 1.1
)
_VOWELS = frozenset("aeiouy")
# Letters that sound alike, the usual ones behind
_HEARD = (
    ("ph", "f"),
    ("ck", "k"),
    ("c", "k"),
    ("y", "i"),
    ("z", "s"),
    ("ie", "ei"),
    ("or", "er"),
    ("ar", "er"),
    ("ant", "ent"),
)


class Speller:
    """Think of it as: sort all words by edits from this one, the frequent ones first among equals.

    spelling: words in UTF-8, one after another, most frequent first; ends: where each ends.
    """

    def __init__(self, spelling: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
        self._bytes = spelling
        self._ends = ends
        self._starts = np.concatenate(([0], ends[:-1]))
        lengths = ends - self._starts
        place = np.repeat(np.arange(len(ends)) * LETTERS, lengths) + spelling % LETTERS
        counts = np.bincount(place, minlength=len(ends) * LETTERS)
        self._counts = counts.reshape(-1, LETTERS).astype(np.int8)  # (n, 32)

    def near(self, word: str, n: int) -> list[str]:
        """Up to n words, best first; none when nothing is close enough to be what was meant."""
        return [self._word(slot) for _, slot in self._scored(word)[:n]] if n > 0 else []

    def clear(self, word: str) -> str | None:
        """The one word that is clearly nearer than all others and differs by slips. Short words are near to too many.

        Words of other languages are as near to English ones by letters: "wasser" to "washer". Of 311 German, French,
        Spanish, Italian, Dutch and other words 68 were read as another English one by nearness alone, 14 are so; of
        2,500 misspelt words of codespell's list 0.76 are mended (0.82), 0.014 wrongly (0.029).
        """
        word = word.lower()
        found = self._scored(word) if len(word) >= SHORTEST and word.isalpha() and word.isascii() else []
        if not found:
            return None
        (best, slot), *rest = found
        known = self._word(slot)
        if slot >= COMMON or not _is_slip(word, known):
            return None
        second = next((score for score, other in rest if not _is_form(self._word(other), known)), math.inf)
        return known if second - best >= CLEAR else None

    def _scored(self, word: str) -> list[tuple[float, int]]:
        """(how far, slot of a word), nearest first."""
        word = word.lower()
        data = np.frombuffer(word.encode("utf-8", "surrogatepass")[:100], np.uint8)
        if not len(data):
            return []
        most = 1 if len(word) < 4 else 2 if len(word) < 9 else 3
        own = np.bincount(data % LETTERS, minlength=LETTERS).astype(np.int8)
        apart = np.abs(self._counts - own).sum(1, dtype=np.int16)  # each edit changes at most two counts
        near = np.flatnonzero(apart <= 2 * most)
        near = near[np.argsort(apart[near], kind="stable")][:SIEVED]
        scored = []
        for slot in near.tolist():
            known = self._word(slot)
            edits = distance(word, known, most)
            if 0 < edits <= most:
                other_start = 0.5 * (known[0] != word[0])  # people seldom get the first letter wrong
                alike = ALIKE * (sound(known) == sound(word))
                scored.append((edits + other_start - alike + RARENESS * math.log(slot + 1), slot))
        return sorted(scored)

    def _word(self, slot: int) -> str:
        return self._bytes[self._starts[slot] : self._ends[slot]].tobytes().decode("utf-8")


def sound(word: str) -> str:
    """What is heard of a word, roughly: letters that are written double or otherwise without another sound.

    >>> sound("elefant") == sound("elephant"), sound("baloon") == sound("balloon"), sound("giraff") == sound("giraffe")
    (True, True, True)
    """
    for written, heard in _HEARD:
        word = word.replace(written, heard)
    once = re.sub(r"([b-df-hj-np-tv-z])\1", r"\1", word)
    return once[:-1] if len(once) > 4 and once.endswith("e") else once


def _is_slip(typed: str, known: str) -> bool:
    """Whether a word sounds as it should, or a letter too many, missing, swapped or hit beside its key is all.

    >>> [_is_slip(*pair) for pair in (("umbrela", "umbrella"), ("tabel", "table"), ("wasser", "washer"))]
    [True, True, False]
    """
    if typed.startswith(known):  # "katze" is no "katz", but "guitarr" a "guitar"
        return typed == known + known[-1]
    if sound(typed) == sound(known):
        return True
    if typed[0] != known[0]:
        return False
    edits = distance(typed, known, 2)
    if edits == 1 and len(typed) == len(known):
        wrong = [(a, b) for a, b in zip(typed, known, strict=True) if a != b]
        is_hit_beside = wrong[0] in _BESIDE or _VOWELS.issuperset(wrong[0])
        return len(wrong) == 2 or (is_hit_beside and typed[-1] == known[-1])
    return edits == 1 or (edits == 2 and len(typed) >= LONG)


def _is_form(a: str, b: str) -> bool:
    """Whether one is the other and an ending: "bicycles" does not speak against "bicycle"."""
    short, long = sorted((a, b), key=len)
    return long.startswith(short) and long[len(short) :] in ("s", "es", "d", "ed", "'s")


def distance(a: str, b: str, most: int) -> int:
    """Edits from a to b (insert, delete, replace, swap neighbours), or most + 1 when there are more.

    >>> distance("aardvrk", "aardvark", 2)
    1
    """
    if abs(len(a) - len(b)) > most:
        return most + 1
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a):
        row = [i + 1]
        for j, y in enumerate(b):
            cost = min(last[j] + (x != y), last[j + 1] + 1, row[j] + 1)
            if i and j and x == b[j - 1] and a[i - 1] == y:
                cost = min(cost, before[j - 1] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
        before, last = last, row
    return last[-1]
