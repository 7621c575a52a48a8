"""Photos that show what a query asks for: candidates scored exactly for all its terms, with their parts and colours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from devise.index.flat import Scores, row_cosines
from devise.results import Match
from devise.search.candidates import Candidates
from devise.search.filtered import FilteredIds
from devise.search.matches import Why, in_order, matches
from devise.search.scoring import Scoring
from devise.search.shortlist import LIKELY, TURN, UNCERTAIN, Shortlist, in_turns
from devise.search.snapshot import Snapshot
from devise.store.base import Store
from devise.store.filter import Filter
from devise.store.regions import Regions
from devise.vectors import Ids, Vector, distinct, pooled

_NO_IDS = np.empty(0, np.int64)


class Showing:
    """One search in the words space, or in one that words can ask, of one moment of a library."""

    def __init__(self, snapshot: Snapshot, store: Store, scoring: Scoring, among: FilteredIds | None) -> None:
        """among: the only photos that count; None: all."""
        self._snapshot, self._store, self._scoring, self._among = snapshot, store, scoring, among
        self._settings, self._space = snapshot.settings.search, snapshot.space(scoring.space_name)

    def best(self, k: int, least: tuple[float, float], where: Filter | None) -> list[Match]:
        """The k photos that answer best. least: probabilities to be found and to be certain."""
        likely = Shortlist(k)
        for some in self._in_steps(k):
            likely = Shortlist(k) if some is None else likely
            self._add_likely(likely, some, least)
            if likely.num_certain >= k:
                break
        return self._listed(likely, k, where, knows=bool(least[1]))

    def _in_steps(self, k: int) -> Iterator[Ids | None]:
        """Photos to look at, and more where few of those are certain; None: all."""
        settings, among, seen = self._settings, self._among, _NO_IDS
        good = self._scoring.feedback.good_ids  # however far from the query
        good = good if among is None or not len(good) else among.of(good)
        for times in (1, settings.further):
            near = self._near(times * k, times * settings.min_candidates_regions)
            if near is None:
                yield None
                return
            near = distinct(np.concatenate([near, good]))
            yield near[~np.isin(near, seen, assume_unique=True)]  # else by np.unique: numpy.ma
            seen = near
            if among is not None and len(near) == among.count:
                return

    def _near(self, k: int, least: int) -> Ids | None:
        """Photos near to one of the terms as wholes, and those that have most of a colour, or look most like a class;
        None: look at all.
        """
        toward, palette = self._scoring.toward, self._scoring.wanted_palette
        near = (
            Candidates(self._snapshot, self._space.name, self._among).near(toward, k, least)
            if len(toward) or not len(palette)
            else _NO_IDS
        )
        if near is None:
            return None
        found = [near]
        if len(palette):
            from devise.search import colours

            most = max(self._settings.candidates * k, least)
            found += colours.nearest(self._snapshot, palette, self._among, most)
        if len(directions := self._scoring.directions):
            few = self._settings.min_candidates_weighted
            alike = Candidates(self._snapshot, "features", self._among).near(directions, k, few)
            found += [] if alike is None else [alike]  # without an index of features: those near to the words
        return near if len(found) == 1 else distinct(np.concatenate(found))

    def _add_likely(self, found: Shortlist, ids: Ids | None, least: tuple[float, float]) -> None:
        """The best of those photos."""
        scoring, space, feedback = self._scoring, self._space, self._scoring.feedback
        judged = feedback.weighted_means()
        weights = np.array([weight for weight, _ in judged])
        for some, scores_of_terms in self._scores(ids, np.stack([*scoring.vectors, *(row for _, row in judged)])):
            asked = scores_of_terms[: len(scoring.vectors)]
            scores = scoring.scores(asked, space) + weights @ scores_of_terms[len(scoring.vectors) :]
            kinds = np.full(len(some), LIKELY)
            keep, is_good = ~np.isin(some, feedback.bad_ids), np.isin(some, feedback.good_ids)
            likely = scoring.probabilities(asked, space) if any(least) else None
            if likely is not None:
                keep &= (likely >= least[0]) | is_good
                kinds[~((likely >= least[1]) | is_good)] = UNCERTAIN
                if scoring.has_sides:
                    kinds = np.where((likely >= TURN) & (kinds == LIKELY), scoring.sides(asked, space), kinds)
            found.add(some[keep], scores[keep], kinds[keep])

    def _scores(self, ids: Ids | None, rows: Vector) -> Iterator[tuple[Ids, Scores]]:
        """Of each chunk of photos the ids and what each row gives: of terms that are colours the share of those.

        The cosine of a word for a colour is moved to where the colours of the photo see it, that of a word for classes
        to where its features do.
        """
        scoring, calibration = self._scoring, self._space.calibration
        shades = [(at, word) for at, word in enumerate(scoring.shades) if word and calibration.scale]
        classes = [(at, named) for at, named in enumerate(scoring.classes) if named and calibration.scale]
        for some, scores in shown_in(self._snapshot.regions(self._space, ids), rows):
            if len(scoring.palette):
                from devise.search import colours

                scores[np.flatnonzero(scoring.is_colour)] = colours.shares(self._snapshot, some, scoring.palette)
            if shades:
                from devise.search import colours

                colours.look_at_shades(self._snapshot, some, scores, shades, calibration)
            if classes:
                from devise.search.class_words import look_at_classes

                look_at_classes(self._snapshot, some, scores, classes, calibration)
            yield some, scores

    def _listed(self, found: Shortlist, k: int, where: Filter | None, *, knows: bool) -> list[Match]:
        """Photos of each side in turns, then others that are likely, then those that are less certain."""
        kinds = found.kinds()
        sure = [ids for kind, ids, _ in kinds if kind != UNCERTAIN]
        is_told = knows and self._scoring.knows(self._space)
        told = frozenset(np.concatenate(sure).tolist() if sure else ()) if is_told else None
        all_ids = distinct(np.concatenate([ids for _, ids, _ in kinds])) if kinds else _NO_IDS
        paths, why = self._store.paths_of(all_ids, where), self._why(all_ids, told)
        lists = [(kind, in_order(matches(ids, scores, paths, why), k)) for kind, ids, scores in kinds]
        sides = in_turns([some for kind, some in lists if kind >= 0])
        return [*sides, *(match for kind, some in lists if kind < 0 for match in some)][:k]

    def _why(self, ids: Ids, sure: frozenset[int] | None) -> dict[int, Why]:
        """What each term gives the photos of those contents, and the probability of all together."""
        found: dict[int, Why] = {}
        for some, scores in self._scores(ids, self._scoring.vectors):
            likely = self._scoring.probabilities(scores, self._space)
            each = [None] * len(some) if likely is None else likely.tolist()
            is_sure = [None if sure is None else content_id in sure for content_id in some.tolist()]
            whys = map(Why, each, self._scoring.terms(scores, self._space), is_sure)
            found |= dict(zip(some.tolist(), whys, strict=True))
        return found


def shown_in(chunks: Iterable[tuple[Ids, Vector, Regions]], terms: Vector) -> Iterator[tuple[Ids, Scores]]:
    """Of each chunk the ids and the scores of each term: (n,), (terms, n)."""
    for ids, whole, regions in chunks:
        if len(ids):
            yield ids, np.stack([pooled(row_cosines(whole, term), regions.cosines(term)) for term in terms])
