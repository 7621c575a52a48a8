"""Rows on a map: neighbours stay neighbours where openTSNE is installed; else the two directions of most difference."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from devise.vectors import Vector

METHODS = ("tsne", "pca")
DIMS = 50  # that t-SNE sees: the rest is noise (van der Maaten and Hinton, 2008)
NEIGHBOURS = 8  # whose places a new row stands between
SHARP = 20.0  # how much more the nearest of them counts: weights are exp(SHARP x cosine)
MOST_FITTED = 3_000  # rows that t-SNE places, in ten seconds; of 10,000 it took 94. All others go between those
AT_ONCE = 2_000  # rows that are placed at a time

Places = NDArray[np.float32]  # (n, 2), about 0 to 1


def usual_method() -> str:
    return "tsne" if find_spec("openTSNE") else "pca"


def fitted(rows: Vector, method: str, seed: int, most: int = MOST_FITTED) -> Places:
    """(n, dim) of length 1 -> (n, 2), about 0 to 1. Equal seeds give equal maps. most: rows that t-SNE is given."""
    if len(rows) < 3:
        return np.linspace(0.25, 0.75, 2 * len(rows), dtype=np.float32).reshape(-1, 2)
    if method == "tsne" and len(rows) > most:
        some = np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False))
        places_of_some = fitted(rows[some], method, seed, most)
        places = placed(rows, rows[some], places_of_some)
        places[some] = places_of_some
        return places
    if method == "tsne" and len(rows) > NEIGHBOURS:
        return _scaled(_tsne(_principal(rows, DIMS), seed))
    return _scaled(_principal(rows, 2))


def placed(rows: Vector, among: Vector, places: Places) -> Places:
    """Rows that are new, between the nearest of those that have a place: no other row moves.

    rows: (m, dim), among: (n, dim), places: (n, 2) -> (m, 2)
    """
    found = [_between(rows[start : start + AT_ONCE], among, places) for start in range(0, len(rows), AT_ONCE)]
    return np.concatenate(found) if found else np.empty((0, 2), np.float32)


def _between(rows: Vector, among: Vector, places: Places) -> Places:
    near = rows @ among.T  # (m, n)
    k = min(NEIGHBOURS, near.shape[1])
    best = np.argpartition(-near, k - 1, axis=1)[:, :k]
    scores = np.take_along_axis(near, best, axis=1)
    weights = np.exp(SHARP * (scores - scores.max(1, keepdims=True)))
    weights /= weights.sum(1, keepdims=True)
    return np.asarray((places[best] * weights[..., None]).sum(1), np.float32)


def _principal(rows: Vector, dims: int) -> NDArray[np.float64]:
    """(n, dim) -> (n, at most dims), signs fixed so that equal rows give equal maps everywhere."""
    centred = rows.astype(np.float64) - rows.mean(0, dtype=np.float64)
    _, directions = np.linalg.eigh(centred.T @ centred)
    directions = directions[:, ::-1][:, :dims]
    directions *= np.sign(directions[np.abs(directions).argmax(0), np.arange(directions.shape[1])])
    found: NDArray[np.float64] = centred @ directions
    return found


def _tsne(rows: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    from openTSNE import TSNE

    perplexity = min(30, (len(rows) - 1) / 3)
    fit = TSNE(
        perplexity=perplexity, initialization="pca", random_state=seed, n_jobs=1, negative_gradient_method="auto"
    )
    return np.asarray(fit.fit(rows))


def _scaled(places: NDArray[np.float64]) -> Places:
    """Into 0 to 1, in both directions by the same factor; a few far ones do not press all others together."""
    if places.shape[1] < 2:
        places = np.c_[places, np.zeros(len(places))]
    middle = np.median(places, axis=0)
    reach = np.percentile(np.abs(places - middle).max(1), 99) or 1.0
    return np.clip((places - middle) / (2.1 * reach) + 0.5, 0, 1).astype(np.float32)
