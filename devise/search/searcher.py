"""Nearest photos: candidates from an index and a scan of what it lacks, all scored exactly from the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from devise.config import Settings
from devise.errors import LibraryError
from devise.index.flat import Scores, best_of_each, pieces, row_cosines, scored_by, top
from devise.results import Match, TermScore
from devise.search import blend
from devise.search.blend import Asked
from devise.search.candidates import Candidates
from devise.search.filtered import FilteredIds
from devise.search.scoring import Scoring
from devise.search.shortlist import LIKELY, TURN, UNCERTAIN, Shortlist, in_turns
from devise.search.snapshot import Shared, Snapshot
from devise.spaces import Space
from devise.store.base import Store, together
from devise.store.filter import Filter
from devise.store.regions import Regions
from devise.vectors import Ids, Vector, distinct, mean, pooled, unit

TOGETHER = 256  # queries whose candidates are read at once: at most 33,000 rows of 128 each
Scored = Callable[[Ids | None], Iterator[tuple[Ids, Scores]]]  # of candidates; None: of all


class _Why(NamedTuple):
    """The rest of a match, as Match has it."""

    probability: float | None
    terms: tuple[TermScore, ...]
    is_certain: bool | None


_NO_IDS = np.empty(0, np.int64)


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
                found += [_sorted(_matches(ids, scores, paths), k) for ids, scores in best]
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
            space, terms = _checked(scoring.vectors, snapshot.space(scoring.space_name)), scoring.vectors
            among, judged = self._among(where), scoring.feedback.weighted_means()
            rows = np.stack([*terms, *(row for _, row in judged)])
            likely = Shortlist(k)
            for some in self._in_steps(Candidates(snapshot, scoring.space_name, among), scoring, k):
                likely = Shortlist(k) if some is None else likely
                self._add_likely(likely, some, rows, scoring, (least, certain), space)
                if likely.num_certain >= k:
                    break
            return self._listed(likely, scoring, space, k, where, knows=bool(certain))

    def _in_steps(self, candidates: Candidates, scoring: Scoring, k: int) -> Iterator[Ids | None]:
        """Photos to look at, and more where few of those are certain; None: all."""
        settings, among, seen = self._settings.search, candidates.among, _NO_IDS
        good = scoring.feedback.good_ids  # however far from the query
        good = good if among is None or not len(good) else among.of(good)
        for times in (1, settings.further):
            near = candidates.near(scoring.toward, times * k, times * settings.min_candidates_regions)
            if near is None:
                yield None
                return
            near = distinct(np.concatenate([near, good]))
            yield near[~np.isin(near, seen, assume_unique=True)]  # else by np.unique: numpy.ma
            seen = near
            if among is not None and len(near) == among.count:
                return

    def _add_likely(  # noqa: PLR0913
        self,
        found: Shortlist,
        ids: Ids | None,
        rows: Vector,
        scoring: Scoring,
        least: tuple[float, float],
        space: Space,
    ) -> None:
        """The best of those photos. rows: of the terms, then of what judgements add; least: to be found, to be sure."""
        feedback, terms = scoring.feedback, len(scoring.vectors)
        weights = np.array([weight for weight, _ in feedback.weighted_means()])
        for some, cosines in shown_in(self._known[1].regions(space, ids), rows):
            asked = cosines[:terms]
            scores = scoring.scores(asked, space) + weights @ cosines[terms:]
            kinds = np.full(len(some), LIKELY)
            keep, is_good = ~np.isin(some, feedback.bad_ids), np.isin(some, feedback.good_ids)
            likely = scoring.probabilities(asked, space) if any(least) else None
            if likely is not None:
                keep &= (likely >= least[0]) | is_good
                kinds[~((likely >= least[1]) | is_good)] = UNCERTAIN
                if scoring.has_sides:
                    kinds = np.where((likely >= TURN) & (kinds == LIKELY), scoring.sides(asked, space), kinds)
            found.add(some[keep], scores[keep], kinds[keep])

    def _listed(  # noqa: PLR0913
        self, found: Shortlist, scoring: Scoring, space: Space, k: int, where: Filter | None, *, knows: bool
    ) -> list[Match]:
        """Photos of each side in turns, then others that are likely, then those that are less certain."""
        kinds = found.kinds()
        sure = [ids for kind, ids, _ in kinds if kind != UNCERTAIN]
        is_told = knows and scoring.knows(space)
        told = frozenset(np.concatenate(sure).tolist() if sure else ()) if is_told else None
        all_ids = distinct(np.concatenate([ids for _, ids, _ in kinds])) if kinds else _NO_IDS
        paths, why = self._store.paths_of(all_ids, where), self._why(all_ids, scoring, space, told)
        lists = [(kind, _sorted(_matches(ids, scores, paths, why), k)) for kind, ids, scores in kinds]
        sides = in_turns([matches for kind, matches in lists if kind >= 0])
        return [*sides, *(match for kind, matches in lists if kind < 0 for match in matches)][:k]

    def _why(self, ids: Ids, scoring: Scoring, space: Space, sure: frozenset[int] | None) -> dict[int, _Why]:
        """What each term gives the photos of those contents, and the probability of all together."""
        found: dict[int, _Why] = {}
        for some, cosines in shown_in(self._known[1].regions(space, ids), scoring.vectors):
            likely = scoring.probabilities(cosines, space)
            each = [None] * len(some) if likely is None else likely.tolist()
            is_sure = [None if sure is None else content_id in sure for content_id in some.tolist()]
            whys = map(_Why, each, scoring.terms(cosines, space), is_sure)
            found |= dict(zip(some.tolist(), whys, strict=True))
        return found

    def _among(self, where: Filter | None) -> FilteredIds | None:
        """The photos that a search is about; None: all."""
        return FilteredIds(self._store, where) if where else None

    def _matches(
        self, ids: Ids, scores: Scores, k: int, where: Filter | None, why: Mapping[int, _Why] | None = None
    ) -> list[Match]:
        return _sorted(_matches(ids, scores, self._store.paths_of(ids, where), why), k)


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


def _matches(
    ids: Ids, scores: Scores, paths: Mapping[int, Sequence[str]], why: Mapping[int, _Why] | None = None
) -> Iterator[Match]:
    for content_id, score in zip(ids.tolist(), scores.tolist(), strict=True):
        for path in paths.get(content_id, ()):
            yield Match(path, score, *(why[content_id] if why else ()))


def _sorted(matches: Iterable[Match], k: int) -> list[Match]:
    return sorted(matches, key=lambda match: (-match.score, match.path))[:k]


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


def shown_in(chunks: Iterable[tuple[Ids, Vector, Regions]], terms: Vector) -> Iterator[tuple[Ids, Scores]]:
    """Of each chunk the ids and the scores of each term: (n,), (terms, n)."""
    for ids, whole, regions in chunks:
        if len(ids):
            yield ids, np.stack([pooled(row_cosines(whole, term), regions.cosines(term)) for term in terms])


def _best(near: Ids | None, among: FilteredIds | None, scored: Scored, k: int) -> tuple[Ids, Scores]:
    """The k best of the candidates, or of all photos that are asked where those are too few."""
    best = top(scored(near), k)
    if near is None or len(best[0]) >= k or (among is not None and len(near) == among.count):
        return best
    return top(scored(None if among is None else among.ids), k)
