"""Photos like a photo in several spaces at once: features and colours, each with a weight; or like any of its poses.

Scores of different metrics are put on one scale before they are added up: 1 for the same, about 0 for what has nothing
in common. Cosines are on it; of differences (L1) the share of the largest possible one is taken off; of bits that
differ twice their share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from devise.errors import LibraryError
from devise.index.flat import Scores, scored_by, top
from devise.search.candidates import Candidates
from devise.search.filtered import FilteredIds
from devise.search.snapshot import Snapshot
from devise.spaces import Space
from devise.vectors import Ids, Vector, distinct
from devise.words.grammar import WEIGHTS


class Asked(NamedTuple):
    """What is asked for in one space. rows: (n, width), of which the nearest counts."""

    space: str
    rows: Vector
    weight: float = 1.0


def spaces_of(text: str) -> list[tuple[str, float]]:
    """Names of spaces with their weights. Raises LibraryError.

    >>> spaces_of("features,0.5:colour")
    [('features', 1.0), ('colour', 0.5)]
    """
    found: list[tuple[str, float]] = []
    for part in text.split(","):
        weight, colon, name = part.strip().rpartition(":")
        try:
            number = float(weight) if colon else 1.0
        except ValueError:
            number = math.nan
        if not name or not WEIGHTS[0] <= number <= WEIGHTS[1]:
            raise LibraryError(
                f'"{text}" names no spaces; write one, or several with commas and weights: features,0.5:colour'
            )
        found.append((name, number))
    if len({name for name, _ in found}) < len(found):
        raise LibraryError(f'"{text}" names a space twice; give it one weight')
    return found


def nearest(
    snapshot: Snapshot, asked: Sequence[Asked], among: FilteredIds | None, k: int, least: int
) -> tuple[Ids, Scores]:
    """The k photos of the highest weighted mean nearness, in no order, and those as good as the k-th.

    Of a small library all photos are scored, of a large one those near in any of the spaces: `least`, and some times k.
    Photos that lack a row in one of the spaces are no answers. In one space alone scores are those of its metric.
    """
    ids = _candidates(snapshot, asked, among, k, least)
    each = [_scores(snapshot, one, ids) for one in asked]
    common = each[0][0]
    for others, _ in each[1:]:
        common = np.intersect1d(common, others, assume_unique=True)
    total = np.zeros(len(common))
    for one, (theirs, scores) in zip(asked, each, strict=True):
        some = scores[np.searchsorted(theirs, common)]
        total += one.weight * (some if len(asked) == 1 else nearness(snapshot.space(one.space), some))
    return top(iter([(common, total / sum(one.weight for one in asked))]), k)


def in_order(  # noqa: PLR0913
    snapshot: Snapshot, asked: Asked, order: Asked, among: FilteredIds | None, k: int, least: int, without: int | None
) -> tuple[Ids, Scores]:
    """The k of those near in one space that are nearest in the other: codes of few bits name a shortlist, and features
    put it in order (Lin et al., 2015, section 3.3). without: a content to leave out.
    """
    settings = snapshot.settings.search
    shortlist = max(settings.shortlist, settings.candidates * (k + 1))
    near = Candidates(snapshot, asked.space, among).near(asked.rows, shortlist, least)
    first = top(
        scored_by(snapshot.space(asked.space).metric, snapshot.rows(asked.space, near), asked.rows[0]), shortlist
    )
    ids = np.sort(first[0][first[0] != (-1 if without is None else without)])
    return top(scored_by(snapshot.space(order.space).metric, snapshot.rows(order.space, ids), order.rows[0]), k)


def nearness(space: Space, scores: Scores) -> Scores:
    """Scores of a metric on the scale of all."""
    if space.metric == "l1":
        largest = 255 * space.dim if space.dtype == "uint8" else 2  # shares that add up to 1 differ by 2 at most
        return 1 + scores / largest
    return 1 + 2 * scores / space.dim if space.metric == "hamming" else scores


def _candidates(
    snapshot: Snapshot, asked: Sequence[Asked], among: FilteredIds | None, k: int, least: int
) -> Ids | None:
    """None: all photos."""
    if snapshot.num_contents <= snapshot.settings.search.exact_filtered:
        return None if among is None else among.ids
    found = []
    for one in asked:
        near = Candidates(snapshot, one.space, among).near(one.rows, k, least)
        if near is None or len(near) > least * len(one.rows) * 4:  # no index: a scan tells
            near = top(iter([_scores(snapshot, one, near)]), max(k, least))[0]
        found.append(near)
    return distinct(np.concatenate(found))


def _scores(snapshot: Snapshot, one: Asked, ids: Ids | None) -> tuple[Ids, Scores]:
    """Of those ids, ascending, that have a row: the score of the nearest pose."""
    metric, found = snapshot.space(one.space).metric, list[tuple[Ids, Scores]]()
    for row in one.rows:
        parts = [*scored_by(metric, snapshot.rows(one.space, ids), row)]
        theirs = np.concatenate([part for part, _ in parts]) if parts else np.empty(0, np.int64)
        scores = np.concatenate([part for _, part in parts]) if parts else np.empty(0)
        found.append((theirs, scores))
    return found[0][0], np.max([scores for _, scores in found], axis=0)
