"""Nearest photos: candidates from the graph and a scan of what it lacks, all scored exactly from the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from devise import config
from devise.errors import LibraryError
from devise.graph import Graph
from devise.library import graphs
from devise.library.among import Among
from devise.library.question import Question
from devise.library.rows import GraphFile
from devise.library.store import CHUNK, Ids, Store, Views
from devise.library.where import Where
from devise.vectors import Match, Space, TermScore, Vector, mean, pooled, unit

Scores = NDArray[np.floating]
Found = tuple[Ids, int]  # candidates, and the content after which all others have to be looked at, or ALL
ALL = -1  # there are no others
Scored = Callable[[Found | None], Iterator[tuple[Ids, Scores]]]


class _Why(NamedTuple):
    """The rest of a match, as Match has it."""

    probability: float | None
    terms: tuple[TermScore, ...]


class Searcher:
    """Think of it as: sort all photos by cosine to a vector, take the first k.

    In large libraries the graph names the candidates for that, so that not all have to be read.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._graphs: dict[GraphFile, Graph | None] = {}

    def nearest(
        self, vector: Vector, k: int, *, space: str, without: int | None = None, where: Where | None = None
    ) -> list[Match]:
        """The k photos nearest to `vector`, best first, equal ones by path; copies share a score.

        without: a content to leave out (the photo that was asked with). k larger than the library gives all.
        where: which photos are asked.
        """
        check_k(k)
        with self._store.transaction(write=False):
            dim = self._space(space).dim
            if vector.shape != (dim,) or not np.isfinite(vector).all():
                raise LibraryError(f"a vector of {vector.shape} numbers; the space {space} takes ({dim},)")
            wanted = k + (without is not None)
            among = self._among(where)
            near = self._candidates(vector[None], wanted, space, config.MIN_CANDIDATES, among)
            ids, scores = _best(near, among, lambda found: _cosine_to(self._rows(space, found), vector), wanted)
            keep = ids != (-1 if without is None else without)
            return self._matches(ids[keep], scores[keep], k, where)

    def weighted(
        self, vector: Vector, weights: Vector, k: int, *, without: int | None = None, where: Where | None = None
    ) -> list[Match]:
        """The k photos of the highest cos(w * q, w * x) on features: q a unit vector, w (dim,) the weights of a class.

        As <w * q, w * x> = <w * w * q, x>, the graph of the features gives the candidates for the query w * w * q,
        and those are scored exactly.
        """
        check_k(k)
        with self._store.transaction(write=False):
            dim = self._space("features").dim
            if weights.shape != (dim,) or vector.shape != (dim,):
                raise LibraryError(f"weights of {weights.shape} numbers; the space features takes ({dim},)")
            asked = weights * vector
            if not np.any(asked):
                raise LibraryError("the photo has nothing of what tells the class apart; ask for another class")
            wanted, direction = k + (without is not None), unit(asked)
            among, inner = self._among(where), unit(weights * asked)
            near = self._candidates(inner[None], wanted, "features", config.MIN_WEIGHTED, among)

            def scored(found: Found | None) -> Iterator[tuple[Ids, Scores]]:
                for ids, rows in self._rows("features", found):
                    if len(ids):
                        yield ids, cosines(rows * weights, direction, rows_are_unit=False)

            ids, scores = _best(near, among, scored, wanted)
            keep = ids != (-1 if without is None else without)
            return self._matches(ids[keep], scores[keep], k, where)

    def mean_features(self, paths: Iterable[str]) -> Vector:
        """The direction of the mean of the features of photos of the library."""
        self._space("features")
        photos = [photo for path in paths if (photo := self._store.photo(path))]
        rows = self._store.vectors("features", [photo.content_id for photo in photos])[1]
        if not len(rows):
            raise LibraryError("the photos found have just left the library; ask again")
        return mean(rows)

    def showing(self, question: Question, k: int, least: float = 0.0, where: Where | None = None) -> list[Match]:
        """The k photos that answer a question in the words space best, each with a probability of at least `least`.

        The score of a term is the mean of its cosines to the whole photo and to the parts of it that fit best, so a
        small thing in a corner counts, and so does the whole; the question makes one score of those of its terms.
        Where the graph names the candidates (the thousand photos nearest to a term as wholes), a photo of which only
        a part fits can be missed. Where the model knows no probabilities, none is too small.
        """
        check_k(k)
        with self._store.transaction(write=False):
            space, terms = self._space("words"), question.vectors
            if terms.ndim != 2 or terms.shape[1] != space.dim or not np.isfinite(terms).all():
                raise LibraryError(f"terms of {terms.shape} numbers; the space words takes (terms, {space.dim})")
            among, judged = self._among(where), question.nudges()
            nudges, rows = np.array([weight for weight, _ in judged]), np.stack([*terms, *(row for _, row in judged)])
            said = question.feedback
            near = self._candidates(question.wanted, k, "words", config.MIN_SHOWING, among)

            if near is not None and len(said.kept):  # however far from the query
                kept = said.kept if among is None else among.of(said.kept)
                near = np.union1d(near[0], kept), near[1]

            def scored(found: Found | None) -> Iterator[tuple[Ids, Scores]]:
                for ids, cosines in _shown_in(self._views(found), rows):
                    likely = question.probabilities(cosines[: len(terms)], space) if least else None
                    scores = question.scores(cosines[: len(terms)], space) + nudges @ cosines[len(terms) :]
                    is_in = ~np.isin(ids, said.hidden)
                    if likely is not None:
                        is_in &= (likely >= least) | np.isin(ids, said.kept)
                    yield ids, np.where(is_in, scores, -np.inf)

            ids, scores = _best(near, among, scored, k)
            ids, scores = ids[np.isfinite(scores)], scores[np.isfinite(scores)]
            return self._matches(ids, scores, k, where, self._why(ids, question, space))

    def _why(self, ids: Ids, question: Question, space: Space) -> dict[int, _Why]:
        """What each term gives the photos of those contents, and the probability of all together."""
        found: dict[int, _Why] = {}
        for some, cosines in _shown_in(self._views_of(ids), question.vectors):
            likely = question.probabilities(cosines, space)
            each = [None] * len(some) if likely is None else likely.tolist()
            whys = map(_Why, each, question.terms(cosines, space))
            found |= dict(zip(some.tolist(), whys, strict=True))
        return found

    def _among(self, where: Where | None) -> Among | None:
        """The photos that a search is about; None: all."""
        return Among(self._store, where) if where else None

    def _candidates(self, vectors: Vector, k: int, space: str, least: int, among: Among | None) -> Found | None:
        """Photos near to one of the vectors and those that the graph has not heard of; None: look at all.

        among: the only photos that count. Few of them are all candidates; of many, the graph is asked for so many more
        than are wanted that enough of them should be among its answers; in between, a scan of whole photos tells.
        """
        if not len(vectors):  # all is pushed away
            return None if among is None else (among.ids, ALL)
        count, wanted = self._store.num_contents(), max(config.CANDIDATES * k, least)
        if among is not None and among.count <= max(config.EXACT_AMONG, 2 * wanted * len(vectors)):
            return among.ids, ALL
        if count < config.EXACT_BELOW or 2 * wanted * len(vectors) >= count:
            return None
        record = self._store.graph(space)
        graph = self._graph(record, vectors.shape[1]) if record else None
        fetched = wanted if among is None else int(config.OVER_FETCH * wanted * count / among.count)
        if record is None or graph is None or (among is not None and 4 * fetched > among.count):
            return None if among is None else (self._nearest_of(among.ids, vectors, space, wanted), ALL)
        near = np.unique(np.concatenate([graph.search(vector, min(fetched, record.count)) for vector in vectors]))
        if among is None:
            return near, record.max_id
        return np.concatenate([among.of(near), among.after(record.max_id)]), ALL

    def _nearest_of(self, among: Ids, vectors: Vector, space: str, wanted: int) -> Ids:
        """Of some photos the `wanted` nearest ones to each vector, as wholes."""
        best = []
        for vector in vectors:
            rows = (self._store.vectors(space, among[at : at + CHUNK]) for at in range(0, len(among), CHUNK))
            best.append(_top(_cosine_to(rows, vector), wanted)[0])
        return np.unique(np.concatenate(best))

    def _rows(self, space: str, near: Found | None) -> Iterator[tuple[Ids, Vector]]:
        if near is not None:
            yield self._store.vectors(space, near[0])
        if near is None or near[1] != ALL:
            yield from self._store.scan(space, after=near[1] if near else 0)

    def _views(self, near: Found | None) -> Iterator[Views]:
        if near is not None:
            yield from self._views_of(near[0])
        if near is None or near[1] != ALL:
            yield from self._store.scan_views(after=near[1] if near else 0)

    def _views_of(self, ids: Ids) -> Iterator[Views]:
        return (self._store.views(ids[start : start + CHUNK]) for start in range(0, len(ids), CHUNK))

    def _graph(self, record: GraphFile, dim: int) -> Graph | None:
        if record not in self._graphs:
            self._graphs = {known: graph for known, graph in self._graphs.items() if known.space != record.space}
            self._graphs[record] = graphs.load(self._store, record, dim)
        return self._graphs[record]

    def _space(self, name: str) -> Space:
        model = self._store.model()
        spaces = {known.name: known for known in model.spaces} if model else {}
        if name not in spaces:
            raise LibraryError(f'the library has no space "{name}"; it has: {", ".join(spaces) or "none"}')
        return spaces[name]

    def _matches(
        self, ids: Ids, scores: Scores, k: int, where: Where | None, why: Mapping[int, _Why] | None = None
    ) -> list[Match]:
        paths = self._store.paths_of(ids, where)
        score_of = dict(zip(ids.tolist(), scores.tolist(), strict=True))
        matches = [Match(path, score_of[i], *(why[i] if why else ())) for i, some in paths.items() for path in some]
        return sorted(matches, key=lambda match: (-match.score, match.path))[:k]


def check_k(k: int) -> None:
    if k < 1:
        raise LibraryError(f"k must be at least 1, not {k}; leave it out for the usual number")


def check_probability(p: float) -> None:
    if not 0 <= p <= 1:
        raise LibraryError(f"a probability is from 0 to 1, not {p}; leave it out for the usual one")


def _cosine_to(chunks: Iterator[tuple[Ids, Vector]], vector: Vector) -> Iterator[tuple[Ids, Scores]]:
    return ((ids, cosines(rows, vector)) for ids, rows in chunks if len(ids))


def _shown_in(chunks: Iterable[Views], terms: Vector) -> Iterator[tuple[Ids, Scores]]:
    """Of each chunk the ids and the scores of each term: (n,), (terms, n)."""
    for ids, whole, parts in chunks:
        if len(ids):
            yield ids, np.stack([pooled(cosines(whole, term), parts.cosines(term)) for term in terms])


def _best(near: Found | None, among: Among | None, scored: Scored, k: int) -> tuple[Ids, Scores]:
    """The k best of the candidates, or of all photos that are asked where those are too few."""
    best = _top(scored(near), k)
    if near is None or len(best[0]) >= k or (among is not None and len(near[0]) == among.count):
        return best
    return _top(scored(None if among is None else (among.ids, ALL)), k)


def _top(scored: Iterator[tuple[Ids, Scores]], k: int) -> tuple[Ids, Scores]:
    """The ids and scores of the k best and of all that are as good as the k-th, in no order."""
    ids, scores = np.empty(0, np.int64), np.empty(0, np.float32)
    for some, theirs in scored:
        ids, scores = np.concatenate([ids, some]), np.concatenate([scores, theirs])
        if len(ids) > k:
            keep = scores >= np.partition(scores, -k)[-k]
            ids, scores = ids[keep], scores[keep]
    return ids, scores


def cosines(rows: Vector, vector: Vector, *, rows_are_unit: bool = True) -> Scores:
    """(n, dim), (dim,) -> (n,), each row by itself.

    Not a matrix product: there a row's last digit depends on its neighbours, and equal photos would not be equal.
    """
    scores: Scores = np.einsum("ij,j->i", rows, vector)
    if not rows_are_unit:
        scores = scores / np.maximum(np.sqrt(np.einsum("ij,ij->i", rows, rows)), 1e-12)
    return np.clip(scores, -1.0, 1.0)
