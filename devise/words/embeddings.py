"""Word vectors: a file of words and unit rows, asked by spelling, by phrase or by nearness."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray

from devise import config
from devise.config import Settings
from devise.errors import VectorsError, WordError
from devise.results import Answer, WordMatch
from devise.vectors import Vector, is_unit, unit
from devise.words import catalog, queries, spelling
from devise.words.format import BLOCK, read_vectors, word_key
from devise.words.grammar import Query
from devise.words.queries import Term

if TYPE_CHECKING:
    from devise.index.hnsw import HnswIndex
    from devise.photos.inputs import PhotoInput

SCAN = 128 * BLOCK  # rows scored at a time: 10 MB of float32 stay in the cache of a desktop processor
NEAR_TIES = 64  # more than k are scored again, as `rows` gives them: the scan's rounding must not decide


class WordVectors:
    """Think of it as a dict of word to unit vector that also knows which words are near a vector.

    >>> vectors = WordVectors.open()               # the ones in use; what ships, until you choose others
    >>> vectors.vector("golden retriever").shape
    (300,)
    >>> [match.word for match in vectors.nearest("sofa", 2)]
    ['couch', 'sofas']

    Opening maps the file into memory: it takes milliseconds, and rows are verified when they are first used.
    name, path, source: which file it is, and what it was made from. dim: numbers of a vector. fingerprint: sha256 of
    words and rows, which models and libraries remember.
    """

    def __init__(self, path: Path, settings: Settings = Settings()) -> None:
        self.path, self.settings = path, settings
        self._tables = read_vectors(path)
        metadata = self._tables.metadata
        self.name, self.source = path.stem, metadata["source"]
        self.fingerprint = metadata["fingerprint"]
        self.dim = int(metadata["dim"])
        self._is_verified = np.zeros(len(self._tables.checks), bool)
        self._scans = 0
        self._whole: Vector | None = None

    @classmethod
    def open(cls, name: str | Path | None = None, settings: Settings = Settings()) -> WordVectors:
        """Vectors by name or path; None gives the ones in use. Raises VectorsError: missing or damaged."""
        return cls(catalog.find(name), settings)

    def __len__(self) -> int:
        """How many words there are."""
        return len(self._tables.ends)

    def __contains__(self, word: str) -> bool:
        """Whether it is one entry, however it is spelt; a phrase of known words need not be."""
        return self.slot(word) is not None

    def word(self, slot: int) -> str:
        """The word in a slot; slots count from the most frequent word, 0."""
        start = int(self._tables.ends[slot - 1]) if slot else 0
        return self._tables.spelling[start : int(self._tables.ends[slot])].tobytes().decode("utf-8", "replace")

    def words(self) -> list[str]:
        """All words, most frequent first."""
        data, start, words = self._tables.spelling.tobytes(), 0, []
        for end in self._tables.ends.tolist():
            words.append(data[start:end].decode("utf-8", "replace"))
            start = end
        return words

    def slot(self, word: str) -> int | None:
        """Where a word stands: as written, else in lower case, else with "_", "-" and spaces exchanged; else None."""
        for spelt in queries.spellings(word):
            at = int(np.searchsorted(self._tables.keys, np.uint64(word_key(spelt))))
            if at < len(self) and int(self._tables.keys[at]) == word_key(spelt):
                slot = int(self._tables.slots[at])
                if self.word(slot) == spelt:
                    return slot
        return None

    def rows(self, slots: ArrayLike) -> Vector:
        """The vectors of slots: (n,) -> (n, dim), rows of length 1. Raises VectorsError where the file is damaged."""
        chosen = np.asarray(slots, dtype=np.int64)
        self._verify(chosen // BLOCK)
        rows = self._tables.rows[chosen]
        return np.array(rows, np.float32) if rows.dtype == np.float32 else unit(rows)  # others change lengths

    def vector(self, text: str) -> Vector:
        """The vector of a word or phrase, (dim,) of length 1: one entry if known, else the mean of its words.

        Raises WordError that names all unknown words, with known ones spelt alike.
        """
        return queries.phrase(self, text)

    def terms(self, query: Query, photo: Callable[[PhotoInput], Vector] | None = None) -> list[Term]:
        """The terms of a query, longest known phrase first. Raises WordError that names all unknown words.

        photo: gives the vector of a photo, or of a photo's name; without it a photo in a query is an error.
        """
        return queries.terms(self, query, photo)

    def query(self, text: str) -> Vector:
        """The mean of a query's terms, (dim,) of length 1; no photos among them. Raises WordError."""
        return queries.mean_of(self.terms(text), text)

    def hints(self, word: str, n: int = 5) -> list[str]:
        """Up to n known words spelt most like `word`, the frequent ones first."""
        return self._spelling.near(word, n)

    def corrected(self, word: str) -> str | None:
        """The known word that a mistyped one is clearly meant to be, if there is one."""
        return self._spelling.clear(word)

    def nearest(self, query: str | Vector, k: int = 10) -> Answer[WordMatch]:
        """The k words of the highest cosine, best first, without the words asked with.

        query: words (their mean is asked with), or a vector of any length, (dim,). Equal cosines: the more frequent
        word first. Raises WordError for words that are not known, VectorsError for a vector of another space.
        """
        if k < 1:
            raise WordError(f"k must be at least 1, not {k}; leave it out to get 10 words")
        asked: set[int] = set()
        if isinstance(query, str):
            terms = self.terms(query)
            asked = {slot for term in terms for slot in term.slots}
            query = queries.mean_of(terms, query)
        vector = self._checked(query)
        slots = self._candidates(vector, k + len(asked))
        slots = slots[~np.isin(slots, list(asked))]
        scores = self.rows(slots) @ vector
        order = np.lexsort((slots, -scores))[:k]  # equal scores: the more frequent word first
        return Answer.of(WordMatch(self.word(int(slots[i])), float(scores[i])) for i in order)

    def _checked(self, vector: Vector) -> Vector:
        vector = np.asarray(vector, np.float32)
        if vector.shape != (self.dim,):
            raise VectorsError(
                f"a vector of {vector.shape} numbers, {self.name} has words of {self.dim}; "
                "ask with a vector of the same space"
            )
        return unit(vector)

    def _candidates(self, vector: Vector, k: int) -> NDArray[np.int64]:
        """Slots that are likely the nearest: by a scan, or by the graph, for which a program has to ask often."""
        if self._scans >= self.settings.index.scans:
            from devise.words import neighbours

            if (slots := neighbours.candidates(self, vector, k)) is not None:
                return slots
        self._scans += 1
        if self._scans == 2 and self._tables.rows.dtype != np.float32 and self._fits():  # most of a scan's time
            starts = range(0, len(self), SCAN)
            self._whole = np.concatenate([self._scanned(at, min(at + SCAN, len(self))) for at in starts])
        return self._scan(vector, k)

    def _fits(self) -> bool:
        """Whether all rows may stand in memory as floats."""
        return bool(4 * self._tables.rows.size <= self.settings.index.cache_bytes)

    def _scan(self, vector: Vector, k: int) -> NDArray[np.int64]:
        """The slots of the k highest cosines, or a few more: all rows are looked at."""
        scores = np.empty(len(self), np.float32)
        for start in range(0, len(self), SCAN):
            end = min(start + SCAN, len(self))
            scores[start:end] = self._scanned(start, end) @ vector
        k = min(k + NEAR_TIES, len(self))
        return np.argpartition(-scores, k - 1)[:k]

    def _scanned(self, start: int, end: int) -> Vector:
        """Rows, of length 1 but for rounding."""
        if self._whole is not None:
            return self._whole[start:end]
        self._verify(np.arange(start // BLOCK, -(-end // BLOCK)))
        stored = self._tables.rows[start:end]
        if stored.dtype == np.float32:
            return stored
        rows = stored.astype(np.float32)
        rows /= np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
        return rows

    def _verify(self, blocks: NDArray[np.int64]) -> None:
        needed = np.zeros(len(self._is_verified), bool)
        needed[blocks] = True  # np.unique would do as well, but its first call imports numpy.ma: 60 ms
        for block in np.flatnonzero(needed & ~self._is_verified).tolist():
            rows = self._tables.rows[block * BLOCK : (block + 1) * BLOCK]
            if crc32(rows.data) != int(self._tables.checks[block]) or not _is_whole(rows):
                raise VectorsError(f"{self.path} is damaged near word {block * BLOCK:,}; copy or import it again")
            self._is_verified[block] = True

    @cached_property
    def _spelling(self) -> spelling.Speller:
        frequent = min(len(self), config.HINTED_WORDS)
        ends = self._tables.ends[:frequent].astype(np.int64)
        return spelling.Speller(self._tables.spelling[: int(ends[-1])], ends)

    @cached_property
    def graph(self) -> HnswIndex | None:
        """The graph beside the file, if it is whole and made for these rows."""
        from devise.words import neighbours

        return neighbours.load(self)


def _is_whole(rows: NDArray[Any]) -> bool:
    """Whether rows as they are stored are of length 1, or, as bytes, of any length but 0."""
    return bool(rows.any(1).all()) if rows.dtype == np.int8 else is_unit(rows)
