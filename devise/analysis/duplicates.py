"""Which photos are the same picture, nearly the same, or only alike; each in groups about the one to keep.

Groups are stars, not chains: every photo of a group is near to the one that is kept. In a burst of a hundred photos
each is like the next, and the first and the last are different photos.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from devise.analysis.similar import USUAL
from devise.config import DuplicateConfig
from devise.descriptors.poses import POSES, posed_hash
from devise.index.hamming import near_pairs
from devise.index.pca import SAMPLE, Projection
from devise.vectors import Vector

SAME, NEAR, SIMILAR = "same", "near", "similar"
TILE = 4_096  # rows of features that are compared with as many at once: 67 MB
COUNTED = 3  # of the largest differences of grey pixels the third counts: one pixel may be odd
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Of n photos, those that are to be kept before others first. phash: (n, 8); grey: (n, 256); colour: (n, 64).

    features: (n, dim), rows of length 1; None: photos are not compared by them.
    """

    phash: NDArray[np.uint8]
    grey: NDArray[np.float32]
    colour: NDArray[np.float32]
    features: Vector | None = None


class Found(NamedTuple):
    """A photo that is like the one that is kept. how: in words. distance: bits of pHash; of similar ones 1 - cosine."""

    place: int
    kind: str
    how: str
    distance: float


def stars(
    rows: Rows, settings: DuplicateConfig = DuplicateConfig(), up_to: str = SIMILAR
) -> dict[str, dict[int, list[Found]]]:
    """Of each kind, the place of the photo to keep -> those that are like it, nearest first.

    >>> stars(rows)["same"]
    {0: [Found(place=7, kind='same', how='saved again', distance=0.0)]}

    A photo that is the same as another is in no group of a further kind; the one that is kept stands for it there.
    """
    looks = _Looks(rows, settings)
    found: dict[str, dict[int, list[Found]]] = {}
    left = np.ones(len(rows.phash), bool)
    for kind, edges in ((SAME, looks.same), (NEAR, looks.near), (SIMILAR, looks.similar)):
        groups = _stars(edges(np.flatnonzero(left)))
        found[kind] = groups
        if kind == up_to:
            break
        left[[each.place for group in groups.values() for each in group]] = False
    return found


def _stars(edges: Mapping[tuple[int, int], Found]) -> dict[int, list[Found]]:
    """edges: of two places, the better one first, what the second is to it."""
    others: dict[int, list[Found]] = {}
    for (better, _), found in sorted(edges.items()):
        others.setdefault(better, []).append(found)
    taken, groups = set[int](), dict[int, list[Found]]()
    for better in sorted(others):
        if better not in taken and (group := [each for each in others[better] if each.place not in taken]):
            groups[better] = sorted(group, key=lambda each: (each.distance, each.place))
            taken |= {each.place for each in group}
    return groups


@dataclass(frozen=True)
class _Looks:
    rows: Rows
    settings: DuplicateConfig

    def same(self, places: Places) -> dict[tuple[int, int], Found]:
        """The same picture: no pixel of 16 x 16 differs much, nor do colours."""
        edges = {}
        for first, second, distances in self._pairs(places, self.settings.same_bits):
            grey, _, _ = _differences(self.rows.grey[first], self.rows.grey[second])
            colours = np.abs(self.rows.colour[first] - self.rows.colour[second]).sum(1)
            is_same = (grey <= self.settings.same_grey) & (colours <= self.settings.same_colour)
            is_equal = is_same & (distances == 0) & (grey == 0) & (colours < 1e-3)
            for i in np.flatnonzero(is_same):
                how = "equal at 64 x 64 pixels" if is_equal[i] else "saved again"
                edges[int(first[i]), int(second[i])] = Found(int(second[i]), SAME, how, float(distances[i]))
        return edges

    def near(self, places: Places) -> dict[tuple[int, int], Found]:
        """The same picture in other colours, brighter, with text on it, mirrored or turned."""
        edges, limits = dict[tuple[int, int], Found](), self.settings
        for first, second, distances in self._pairs(places, limits.near_bits):
            largest, mean, correlation = _differences(self.rows.grey[first], self.rows.grey[second])
            is_near = (mean <= limits.near_grey) | (correlation >= limits.near_correlation)
            for i in np.flatnonzero(is_near):
                how = "other colours" if largest[i] <= limits.same_grey else "brighter or darker"
                how = "something on it" if largest[i] > limits.same_grey and mean[i] <= limits.near_grey else how
                edges[int(first[i]), int(second[i])] = Found(int(second[i]), NEAR, how, float(distances[i]))
        for name, pose in POSES.items():
            keys = self.rows.phash[places]
            pairs = near_pairs(np.concatenate([keys, posed_hash(keys, pose)]), limits.posed_bits)
            across = (pairs.first < len(places)) & (pairs.second >= len(places))
            one, other = pairs.first[across], pairs.second[across] - len(places)
            one, other, distances = (
                *(each[one != other] for each in (one, other)),
                pairs.distances[across][one != other],
            )
            posed = pose.pixels(self.rows.grey[places[other]].reshape(-1, 16, 16).astype(np.uint8))
            largest, _, _ = _differences(self.rows.grey[places[one]], posed.reshape(len(other), 256).astype(np.float32))
            for i in np.flatnonzero(largest <= limits.same_grey):
                better, worse = sorted((int(places[one[i]]), int(places[other[i]])))
                edges.setdefault((better, worse), Found(worse, NEAR, name, float(distances[i])))
        return edges

    def similar(self, places: Places) -> dict[tuple[int, int], Found]:
        """Alike for the network: bursts, crops, frames."""
        if self.rows.features is None or len(places) < 2:
            return {}
        edges, least = {}, USUAL if self.settings.similar_cosine is None else self.settings.similar_cosine
        for first, second, cosines in near_cosines(self.rows.features, places, least):
            for a, b, cosine in zip(first.tolist(), second.tolist(), cosines.tolist(), strict=True):
                edges[a, b] = Found(b, SIMILAR, "alike", 1 - cosine)
        return edges

    def _pairs(self, places: Places, radius: int) -> Iterator[tuple[Places, Places, NDArray[np.uint8]]]:
        """Pairs of places whose hashes are near, the better first. Photos of one hash are compared with the first two.

        So a thousand black pictures are a thousand pairs and not half a million; of different pictures that share a
        hash, which are rare, a later one may be missed.
        """
        keys, first_of, which = np.unique(self.rows.phash[places], axis=0, return_index=True, return_inverse=True)
        which = which.reshape(-1)
        order = np.lexsort((np.arange(len(places)), which))
        begins = np.searchsorted(which[order], np.arange(len(keys)))
        rank = np.arange(len(places)) - begins[which[order]]  # of each in its hash
        for leader in (0, 1):
            behind = order[rank > leader]
            to = order[begins[which[behind]] + leader]
            yield places[to], places[behind], np.zeros(len(behind), np.uint8)
        pairs = near_pairs(keys, radius)
        one, other = first_of[pairs.first], first_of[pairs.second]
        yield places[np.minimum(one, other)], places[np.maximum(one, other)], pairs.distances
        # of those that share a hash each with the best of the near hash
        for a, b in ((pairs.first, pairs.second), (pairs.second, pairs.first)):
            counts = np.diff(np.append(begins, len(places)))[b] - 1
            lead = np.repeat(first_of[a], counts)
            within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + 1
            rest = order[np.repeat(begins[b], counts) + within]
            distances = np.repeat(pairs.distances, counts)
            yield places[np.minimum(lead, rest)], places[np.maximum(lead, rest)], distances


def _differences(one: Vector, other: Vector) -> tuple[Vector, Vector, Vector]:
    """Of grey pictures (n, 256) each: the third largest difference of a pixel, the mean one, the correlation."""
    apart = np.abs(one - other)
    largest = np.partition(apart, -COUNTED, axis=1)[:, -COUNTED] if len(apart) else np.empty(0, np.float32)
    a, b = one - one.mean(1, keepdims=True), other - other.mean(1, keepdims=True)
    scale = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    correlation = np.where(scale > 0, (a * b).sum(1) / np.maximum(scale, 1e-6), 0)
    return largest, apart.mean(1), correlation


def near_cosines(
    rows: Vector, places: Places, least: float, dim: int = 128
) -> Iterator[tuple[Places, Places, NDArray[np.float32]]]:
    """All pairs of the places (the lower first) whose rows have a cosine of at least `least`, and that. Exact.

    Rows are compared by their first principal components and by the length of what those leave out: the product of
    both lengths is the most that it can add (Cauchy and Schwarz), so no pair is missed, and few are looked at in full.
    """
    some = rows[places]
    projection = Projection.fit(some[:: -(-len(some) // SAMPLE)], dim)
    short = projection.project(some)
    rest = np.sqrt(np.maximum(0, 1 - (short**2).sum(1, keepdims=True)))
    short = np.hstack([short, rest]).astype(np.float32) if projection.basis is not None else short
    for i in range(0, len(some), TILE):
        for j in range(i, len(some), TILE):
            a, b = np.nonzero(short[i : i + TILE] @ short[j : j + TILE].T >= least - 1e-5)
            a, b = a[a + i < b + j] + i, b[a + i < b + j] + j
            for start in range(0, len(a), TILE):
                first, second = a[start : start + TILE], b[start : start + TILE]
                cosines = np.einsum("ij,ij->i", some[first], some[second])
                keep = cosines >= least
                yield places[first[keep]], places[second[keep]], cosines[keep]
