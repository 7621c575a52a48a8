"""Nearest photos: candidates from an index and a scan of what it lacks, all scored exactly from the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from devise.config import Settings
from devise.errors import LibraryError
from devise.index.flat import Scores, best_of_each, pieces, row_cosines, scored_by, top
from devise.results import Match
from devise.search import blend
from devise.search.blend import Asked
from devise.search.candidates import Candidates
from devise.search.filtered import FilteredIds
from devise.search.matches import in_order, matches
from devise.search.scoring import Scoring
from devise.search.showing import Showing
from devise.search.snapshot import Shared, Snapshot
from devise.spaces import Space
from devise.store.base import Store, together
from devise.store.filter import Filter
from devise.vectors import Ids, Vector, distinct, mean, unit

TOGETHER = 256  # queries whose candidates are read at once: at most 33,000 rows of 128 each
Scored = Callable[[Ids | None], Iterator[tuple[Ids, Scores]]]  # of candidates; None: of all


class Searcher:
    """Think of it as: sort all photos by cosine to a vector, take the first k.

    In large libraries an index names the candidates for that, so that not all have to be read.
    """

    def __init__(self, store: Store, settings: Settings = Settings(), shared: Shared | None = None) -> None:
        """shared: what searchers of one library in other threads have in memory."""
        self._store, self._settings = store, settings
        self._shared = shared or Shared(settings.index)
        self._known: tuple[int, Snapshot] = (-1, Snapshot(store, settings, self._shared))

    @contextmanager
    def _snapshot(self) -> Iterator[Snapshot]:
        """A moment of the library that no writer changes under us, and what is known of it."""
        with self._store.snapshot():
            version, _ = self._known
            if (now := self._store.version()) != version:
                self._known = now, Snapshot(self._store, self._settings, self._shared)
            yield self._known[1]

    def nearest(
        self, vector: Vector, k: int, *, space: str, without: int | None = None, where: Filter | None = None
    ) -> list[Match]:
        """The k photos nearest to `vector`, best first, equal ones by path; copies share a score; of few all.

        without: a content to leave out (the photo that was asked with). where: which photos are asked.
        """
        check_k(k)
        with self._snapshot() as snapshot:
            about = _checked(vector[None], snapshot.space(space))
            among, wanted = self._among(where), k + (without is not None)
            if about.dtype == "sparse":
                ids, scores = snapshot.near_sparse(space, vector, wanted, among.ids if among else None)
            else:
                near = Candidates(snapshot, space, among).near(vector[None], wanted, _least(snapshot))
                ids, scores = _best(
                    near, among, lambda found: scored_by(about.metric, snapshot.rows(space, found), vector), wanted
                )
            keep = ids != (-1 if without is None else without)
            return self._matches(ids[keep], scores[keep], k, where)

    def like(
        self, asked: Sequence[Asked], k: int, *, without: int | None = None, where: Filter | None = None
    ) -> list[Match]:
        """The k photos nearest in several spaces at once, or to any of several rows of one: devise.search.blend."""
        if len(asked) == 1 and len(asked[0].rows) == 1:
            return self.nearest(asked[0].rows[0], k, space=asked[0].space, without=without, where=where)
        check_k(k)
        with self._snapshot() as snapshot:
            for one in asked:
                _checked(one.rows, snapshot.space(one.space))
            among, wanted = self._among(where), k + (without is not None)
            ids, scores = blend.nearest(snapshot, asked, among, wanted, self._settings.search.min_candidates_weighted)
            keep = ids != (-1 if without is None else without)
            return self._matches(ids[keep], scores[keep], k, where)

    def in_order(
        self, asked: Asked, order: Asked, k: int, without: int | None = None, where: Filter | None = None
    ) -> list[Match]:
        """Those near in one space in the order of another."""
        check_k(k)
        with self._snapshot() as snapshot:
            for one in (asked, order):
                _checked(one.rows, snapshot.space(one.space))
            ids, scores = blend.in_order(snapshot, asked, order, self._among(where), k, _least(snapshot), without)
            return self._matches(ids, scores, k, where)

    def nearest_to_each(self, vectors: Vector, k: int, *, space: str) -> list[list[Match]]:
        """The same for each of (n, dim) vectors, on all cores: each photo is read once for many of them."""
        check_k(k)
        with self._snapshot() as snapshot:
            metric = _checked(vectors, snapshot.space(space)).metric
            candidates, found = Candidates(snapshot, space, None), list[list[Match]]()
            for some in pieces(vectors, TOGETHER):
                near = candidates.of_each(some, k, _least(snapshot))
                if near is None or min(map(len, near)) < k:
                    best = best_of_each(snapshot.rows(space, None), some, k, metric)
                else:
                    best = _best_among(snapshot.rows(space, distinct(np.concatenate(near))), some, near, k)
                paths = self._store.paths_of(distinct(np.concatenate([ids for ids, _ in best])))
                found += [in_order(matches(ids, scores, paths), k) for ids, scores in best]
        return found

    def weighted(
        self, vector: Vector, weights: Vector, k: int, *, without: int | None = None, where: Filter | None = None
    ) -> list[Match]:
        """The k photos of the highest cos(w * q, w * x) on features: q a unit vector, w (dim,) the weights of a class.

        As <w * q, w * x> = <w * w * q, x>, the index of the features gives the candidates for the query w * w * q,
        and those are scored exactly.
        """
        check_k(k)
        with self._snapshot() as snapshot:
            dim = snapshot.space("features").dim
            if weights.shape != (dim,) or vector.shape != (dim,):
                raise LibraryError(f"weights of {weights.shape} numbers; the space features takes ({dim},)")
            asked = weights * vector
            if not np.any(asked):
                raise LibraryError("the photo has nothing of what tells the class apart; ask for another class")
            wanted, direction = k + (without is not None), unit(asked)
            among, inner = self._among(where), unit(weights * asked)
            candidates = Candidates(snapshot, "features", among)
            near = candidates.near(inner[None], wanted, self._settings.search.min_candidates_weighted)

            def scored(found: Ids | None) -> Iterator[tuple[Ids, Scores]]:
                for ids, rows in snapshot.rows("features", found):
                    if len(ids):
                        yield ids, row_cosines(rows * weights, direction, rows_are_unit=False)

            ids, scores = _best(near, among, scored, wanted)
            keep = ids != (-1 if without is None else without)
            return self._matches(ids[keep], scores[keep], k, where)

    def by_text(self, where: Filter, k: int) -> list[Match]:
        """The k photos that tell most about `where.text`, by BM25."""
        return [Match(path, score) for path, score in self._store.best_texts(where, k)]

    def count(self, where: Filter) -> int:
        """How many different photos `where` is true of."""
        return self._store.count(where)

    def roots(self) -> list[str]:
        """The folders that were indexed."""
        return self._store.roots()

    def unusable_indices(self) -> dict[str, str]:
        """Of what was searched since this was asked: spaces whose index was wanted, but is "missing" or "damaged"."""
        snapshot = self._known[1]
        found, snapshot.unusable = snapshot.unusable, {}
        return found

    def lacking(self, name: str) -> tuple[Space, int]:
        """A space, and how many photos have no row in it."""
        return self._known[1].space(name), self._known[1].num_lacking(name)

    def mean_features(self, paths: Iterable[str]) -> Vector:
        """The direction of the mean of the features of photos of the library."""
        photos = [photo for path in paths if (photo := self._store.photo(path))]
        ids = np.array([photo.content_id for photo in photos], np.int64)
        rows = together(self._store.vectors.rows(self._store.space("features"), np.unique(ids)))[1]
        if not len(rows):
            raise LibraryError("the photos found have just left the library; ask again")
        return mean(rows)

    def showing(
        self, scoring: Scoring, k: int, least: float = 0.0, where: Filter | None = None, certain: float = 0.0
    ) -> list[Match]:
        """The k photos that answer a query in a space best, each with a probability of at least `least`.

        Those with a probability of at least `certain` go first, whatever their scores; 0: nobody knows which are. Where
        either of several things will do, photos that most likely show one of them take turns.
        The score of a term is the mean of its cosines to the whole photo and to the parts of it that fit best, so a
        small thing in a corner counts, and so does the whole; `scoring` makes one score of those of its terms.
        Where an index names the candidates (the thousand photos nearest to a term as wholes, two where few of those are
        certain), a photo of which only a part fits can be missed. Where the model knows no probabilities, none is too
        small.
        """
        check_k(k)
        with self._snapshot() as snapshot:
            _checked(scoring.vectors, snapshot.space(scoring.space_name))
            return Showing(snapshot, self._store, scoring, self._among(where)).best(k, (least, certain), where)

    def _among(self, where: Filter | None) -> FilteredIds | None:
        """The photos that a search is about; None: all."""
        return FilteredIds(self._store, where) if where else None

    def _matches(self, ids: Ids, scores: Scores, k: int, where: Filter | None) -> list[Match]:
        return in_order(matches(ids, scores, self._store.paths_of(ids, where)), k)


def _best_among(
    chunks: Iterator[tuple[Ids, Vector]], vectors: Vector, near: Sequence[Ids], k: int
) -> list[tuple[Ids, Scores]]:
    """Of each vector (n, dim) the k best of its own candidates."""
    scored: list[list[tuple[Ids, Scores]]] = [[] for _ in vectors]
    for ids, rows in chunks:
        for vector, wanted, mine in zip(vectors, near, scored, strict=True):
            at = np.flatnonzero(np.isin(ids, wanted, assume_unique=True))
            mine.append((ids[at], row_cosines(rows[at], vector)))
    return [top(iter(mine), k) for mine in scored]


def _least(snapshot: Snapshot) -> int:
    """Candidates of a search for whole photos, for projections alone do not tell all of the nearest."""
    settings = snapshot.settings
    return int(settings.search.min_candidates * settings.index.growth(snapshot.num_contents))


def _checked(vectors: Vector, space: Space) -> Space:
    if vectors.ndim != 2 or vectors.shape[1] != space.width or not np.isfinite(vectors).all():
        raise LibraryError(f"vectors of {vectors.shape[1:]} numbers; the space {space.name} takes ({space.width},)")
    return space


def check_k(k: int) -> None:
    if k < 1:
        raise LibraryError(f"k must be at least 1, not {k}; leave it out for the usual number")


def check_probability(p: float) -> None:
    if not 0 <= p <= 1:
        raise LibraryError(f"a probability is from 0 to 1, not {p}; leave it out for the usual one")


def _best(near: Ids | None, among: FilteredIds | None, scored: Scored, k: int) -> tuple[Ids, Scores]:
    """The k best of the candidates, or of all photos that are asked where those are too few."""
    best = top(scored(near), k)
    if near is None or len(best[0]) >= k or (among is not None and len(near) == among.count):
        return best
    return top(scored(None if among is None else among.ids), k)
