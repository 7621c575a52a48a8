"""From ids and scores to matches: a photo for each path of a content, best first, equal ones by path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from devise.index.flat import Scores
from devise.results import Match, TermScore
from devise.vectors import Ids


class Why(NamedTuple):
    """The rest of a match, as Match has it."""

    probability: float | None
    terms: tuple[TermScore, ...]
    is_certain: bool | None


def matches(
    ids: Ids, scores: Scores, paths: Mapping[int, Sequence[str]], why: Mapping[int, Why] | None = None
) -> Iterator[Match]:
    for content_id, score in zip(ids.tolist(), scores.tolist(), strict=True):
        for path in paths.get(content_id, ()):
            yield Match(path, score, *(why[content_id] if why else ()))


def in_order(found: Iterable[Match], k: int) -> list[Match]:
    return sorted(found, key=lambda match: (-match.score, match.path))[:k]
