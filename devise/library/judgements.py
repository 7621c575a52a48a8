"""Judgements of people: which photos are good or bad answers to a query, and what later searches make of them.

They outlive their photos: the hash of the content is kept, so a photo that is indexed again is judged still. The
latest one counts, whichever library it was made in; of those of one second the one that was stored last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devise.config import SearchConfig
from devise.errors import DeviseError, LibraryError, WordError
from devise.library.query_photos import QueryPhotos
from devise.reports import Judgement
from devise.search.interpret import Request
from devise.search.scoring import Feedback
from devise.store import opening
from devise.store.base import Store, together
from devise.store.location import Location
from devise.store.records import Judged
from devise.vectors import Ids, Vector
from devise.words.grammar import Query
from devise.words.queries import mean_of

_SAME = 0.999  # cosine of two ways to write one query: "sofa cat" and "cat sofa"


@dataclass(frozen=True)
class Judgements:
    """The judgements of a library. Iterate over them in the order in which they were made.

    interpret: reads a query, and may raise. settings: how near queries share judgements, and what those weigh.
    """

    path: Location
    reader: Callable[[], Store]
    photos: QueryPhotos
    interpret: Callable[[Query], Request]
    settings: SearchConfig

    def add(self, query: Query, photos: Sequence[str | Path], *, is_good: bool) -> list[Judgement]:
        """Judge photos of the library, by their paths or names. What was said before of them no longer counts.

        Raises WordError (also for a query that asks with photos, or for nothing to be seen), PhotoError, LibraryError,
        WriteError; all are stored or none.
        """
        request = self.interpret(query)
        if not request.terms or any(term.is_photo for term in request.terms):
            raise WordError(f'"{request.text}" asks with photos or for names alone; judge answers to words')
        judged = [(path, self._hash(path)) for path in map(self.photos.named, photos)]
        with self._writing() as store:
            now = _now(store)
            made = [Judgement(_line(request.text), path, is_good, now, digest) for path, digest in judged]
            store.judgements.add(Judged(m.query, m.path, m.is_good, m.marked, m.hash) for m in made)
        return made

    def undo(self) -> list[Judgement]:
        """Forget the judgements that were made last, all of one command: those before count again. Which ones."""
        self.reader()
        with self._writing() as store:
            return [Judgement(*judged) for judged in store.judgements.undo()]

    def __iter__(self) -> Iterator[Judgement]:
        """The judgements that count: of each query and photo the last one."""
        made = [Judgement(*judged) for judged in self.reader().judgements.all()]
        return iter(_last(made, lambda mark: (mark.query, mark.hash)))

    def present(self) -> list[Judgement]:
        """The judgements of photos that are still in the library, unchanged, with the paths that they have now."""
        store, found = self.reader(), []
        for mark in self:
            content_id = store.content_of_hash(mark.hash)
            paths = store.paths_of([content_id]).get(content_id, []) if content_id is not None else []
            path = next((path for path in sorted(paths) if self.photos.is_as_indexed(path)), None)
            found += [replace(mark, path=path)] if path else []
        return found

    def feedback(self, request: Request) -> Feedback | None:
        """What has been judged of this query and of those near to it; None if nothing was."""
        store, marks = self.reader(), list(self)
        nearness = {text: self._nearness(text, request) for text in {mark.query for mark in marks}}
        near = [mark for mark in marks if nearness[mark.query] >= self.settings.near_query]
        if not near:
            return None
        good = _rows(store, [mark for mark in near if mark.is_good])[1]
        bad = _rows(store, [mark for mark in near if not mark.is_good])[1]
        same = _last([mark for mark in near if nearness[mark.query] == 1], lambda mark: mark.hash)
        bad_ids = _rows(store, [mark for mark in same if not mark.is_good])[0]
        good_ids = _rows(store, [mark for mark in same if mark.is_good])[0]
        return Feedback(_mean(good), _mean(bad), bad_ids, good_ids, self.settings.feedback)

    @contextmanager
    def _writing(self) -> Iterator[Store]:
        """Also beside `devise index`, whose transactions are short; never beside a repair of the database."""
        with opening.judging(self.path) as store:
            yield store

    def _nearness(self, text: str, request: Request) -> float:
        """The cosine of what two queries ask to be seen; 1 only for two ways to write one query."""
        if text == _line(request.text):
            return 1.0
        with suppress(DeviseError):  # a word that other vectors do not know
            other = self.interpret(text)
            cosine = float(mean_of(other.terms, text) @ mean_of(request.terms, text))
            theirs, ours = other.filter, request.filter
            is_same = cosine >= _SAME and {theirs.text, *theirs.without} == {ours.text, *ours.without}
            return 1.0 if is_same else min(cosine, _SAME)
        return 0.0

    def _hash(self, path: str) -> bytes:
        store = self.reader()
        content_id = self.photos.content(path)
        if content_id is None:
            raise LibraryError(f"{path} is not in the library; bring it in with: devise index FOLDER")
        return store.hash_of_content(content_id)


def _line(text: str) -> str:
    return " ".join(text.encode("utf-8", "replace").decode().split())


def _now(store: Store) -> str:
    """No earlier than any judgement before: clocks are set back, and those of other computers may be ahead."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return max(now, store.judgements.last_time())


def _last(marks: Sequence[Judgement], key: Callable[[Judgement], Any]) -> list[Judgement]:
    """Of equal ones the last, in the order in which they were made."""
    found: dict[Any, Judgement] = {}
    for mark in marks:
        found.pop(key(mark), None)
        found[key(mark)] = mark
    return list(found.values())


def _rows(store: Store, marks: Sequence[Judgement]) -> tuple[Ids, Vector]:
    """Contents that are still in the library, and their vectors."""
    found = {store.content_of_hash(mark.hash) for mark in marks} - {None}
    return together(store.vectors.rows(store.space("words"), np.array([*found], np.int64)))


def _mean(rows: Vector) -> NDArray[np.float32] | None:
    """Not of length 1: photos that have little in common say little."""
    return rows.mean(0) if len(rows) else None
