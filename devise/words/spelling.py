"""Spelling hints: known words that differ from a mistyped one by few letters."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LETTERS = 32  # bytes are counted modulo this: a to z stay apart, all else only makes the sieve coarser
SIEVED = 300  # words compared letter by letter: 30 milliseconds
RARENESS = 0.08  # edits that a word e times as rare must be nearer: decides between equals, rarely more


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
        word = word.lower()
        data = np.frombuffer(word.encode("utf-8", "surrogatepass")[:100], np.uint8)
        if n < 1 or not len(data):
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
                scored.append((edits + other_start + RARENESS * math.log(slot + 1), known))
        return [known for _, known in sorted(scored)[:n]]

    def _word(self, slot: int) -> str:
        return self._bytes[self._starts[slot] : self._ends[slot]].tobytes().decode("utf-8")


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
