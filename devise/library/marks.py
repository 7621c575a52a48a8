"""Judgements of people: which photos are good or bad answers to a query, and what later searches make of them.

They outlive their photos: the hash of the content is kept, so a photo that is indexed again is judged still.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devise import config
from devise.errors import DeviseError, LibraryError, WordError
from devise.library.asking import Pictures
from devise.library.database import understanding
from devise.library.question import Feedback
from devise.library.rows import path_of, stored_path
from devise.library.store import Ids, Store
from devise.vectors import Vector
from devise.words.queries import Query, Term, mean_of, written

_SAME = 0.999  # cosine of two ways to write one query: "sofa cat" and "cat sofa"


@dataclass(frozen=True)
class Mark:
    """query: as it was asked; path: of the photo when it was judged; marked: when, in UTC."""

    query: str
    path: str
    is_good: bool
    marked: str
    hash: bytes = field(repr=False, default=b"")


@dataclass(frozen=True)
class Marks:
    """The judgements of a library. Iterate over them in the order in which they were made.

    terms: what a query asks for, which may raise.
    """

    path: Path
    reader: Callable[[], Store]
    pictures: Pictures
    terms: Callable[[Query], list[Term]]

    def add(self, query: Query, photos: Sequence[str | Path], *, is_good: bool) -> int:
        """Judge photos of the library, by their paths or names. How many. What was said before of them is replaced.

        Raises WordError, PhotoError, LibraryError, WriteError; all are stored or none.
        """
        if not self.terms(query):
            raise WordError(f'"{written(query)}" is only in names and captions; judge answers to what can be seen')
        hashes = {path: self._hash(path) for path in map(self.pictures.named, photos)}
        with closing(Store(self.path, write=True)) as store, store.transaction():
            batch = 1 + (store.db.value("SELECT max(batch) FROM marks") or 0)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            for path, digest in hashes.items():
                row = (_line(query), digest, stored_path(path), is_good, now, batch)
                store.db.execute("DELETE FROM marks WHERE query = ? AND hash = ?", row[:2])
                sql = "INSERT INTO marks (query, hash, path, is_good, marked, batch) VALUES (?, ?, ?, ?, ?, ?)"
                store.db.execute(sql, row)
        return len(hashes)

    def undo(self) -> list[Mark]:
        """Forget the judgements that were made last, all of one command. Which ones they were."""
        with closing(Store(self.path, write=True)) as store, store.transaction():
            last = "WHERE batch = (SELECT max(batch) FROM marks)"
            gone = _read(store, last)
            store.db.execute(f"DELETE FROM marks {last}")
        return gone

    def __iter__(self) -> Iterator[Mark]:
        return iter(_read(self.reader()))

    def feedback(self, query: Query, terms: Sequence[Term]) -> Feedback | None:
        """What has been judged of this query and of those near to it; None if nothing was."""
        store = self.reader()
        marks = _read(store)
        nearness = {text: self._nearness(text, query, terms) for text in {mark.query for mark in marks}}
        near = [mark for mark in marks if nearness[mark.query] >= config.NEAR_QUERY]
        if not near:
            return None
        good = _rows(store, [mark for mark in near if mark.is_good])[1]
        bad = _rows(store, [mark for mark in near if not mark.is_good])[1]
        same = [mark for mark in near if nearness[mark.query] >= _SAME]
        hidden = _rows(store, [mark for mark in same if not mark.is_good])[0]
        kept = _rows(store, [mark for mark in same if mark.is_good])[0]
        return Feedback(_mean(good), _mean(bad), hidden, kept)

    def _nearness(self, text: str, query: Query, terms: Sequence[Term]) -> float:
        """The cosine of what two queries ask for."""
        if text == _line(query):
            return 1.0
        with suppress(DeviseError):  # a photo that has gone, a word that other vectors do not know
            return float(mean_of(self.terms(text), text) @ mean_of(terms, text))
        return 0.0

    def _hash(self, path: str) -> bytes:
        store = self.reader()
        content_id = self.pictures.content(path)
        if content_id is None:
            raise LibraryError(f"{path} is not in the library; bring it in with: devise index FOLDER")
        digest: bytes = store.db.value("SELECT hash FROM contents WHERE id = ?", (content_id,))
        return digest


def _line(query: Query) -> str:
    return " ".join(written(query).split())


def _read(store: Store, condition: str = "") -> list[Mark]:
    sql = f"SELECT query, path, is_good, marked, hash FROM marks {condition} ORDER BY id"
    with understanding(store.folder):
        return [
            Mark(query, path_of(path), bool(is_good), marked, digest)
            for query, path, is_good, marked, digest in store.db.rows(sql)
        ]


def _rows(store: Store, marks: Sequence[Mark]) -> tuple[Ids, Vector]:
    """Contents that are still in the library, and their vectors."""
    ids = (store.content_of_hash(mark.hash) for mark in marks)
    return store.vectors("words", {content_id for content_id in ids if content_id is not None})


def _mean(rows: Vector) -> NDArray[np.float32] | None:
    """Not of length 1: photos that have little in common say little."""
    return rows.mean(0) if len(rows) else None
