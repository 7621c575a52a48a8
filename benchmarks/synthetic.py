"""New vectors between real ones: what photos that nobody has taken would look like to a search.

A new photo stands between two real ones, a and b, b one of the 20 nearest to a (on features), and a little beside:

    x' = unit(m + c (x_a + t (x_b - x_a) + s |x_b - x_a| e - m)),   t uniform in 0..1

e is Gaussian with the covariance of such differences of length 1, so it points where real photos differ; s is set in
each space so that the median cosine of a new vector to the nearest real one is that between real neighbours; m is the
mean, and c keeps the variance around it (a smoothed bootstrap: Silverman and Young, 1987). All spaces share a, b and t.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from rich.table import Table

from devise import config
from devise.files import replacing
from devise.spaces import ModelInfo
from devise.vectors import Vector, unit

NEIGHBOURS = 20  # of a, one of which is b
SAMPLE = 1_000  # photos that statistics are of
BLOCK = 500  # rows of a table of cosines to all photos: 150 MB at 73,000 photos
SEED = 7
HELD_OUT = 1 << 20  # chunks from here on are in no library: to ask with, and to measure
Rows = dict[str, Vector]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Base:
    """Of n real photos: vectors by space (n, dim), packed parts, what the rows of photos said, and who made them."""

    place: Path
    model: ModelInfo
    labels: tuple[str, ...]
    rows: Rows
    parts: list[bytes | None]
    said: list[tuple[Any, ...]]

    def __len__(self) -> int:
        return len(self.said)

    @cached_property
    def neighbours(self) -> Ints:
        """(n, 20): the nearest others on features, if there are any; kept in the cache, for they take minutes."""
        kept = cache() / f"neighbours-{self.name}.npy"
        with FileLock(kept.with_suffix(".lock")):
            if not kept.exists():
                with replacing(kept) as temporary, temporary.open("wb") as file:
                    np.save(file, _neighbours(self.rows.get("features", self.rows["words"])))
        return np.load(kept)

    @property
    def name(self) -> str:
        return f"{len(self)}-{self.model.fingerprint[:8]}"


class Growth:
    """Think of it as an endless folder of photos like those of the base: chunk i is always the same."""

    def __init__(self, base: Base) -> None:
        self.base = base
        self.means = {space: rows.mean(0) for space, rows in base.rows.items()}
        self.factors = {space: self._factor(space) for space in base.rows}
        self.steps = self._fitted()

    def more(self, chunk: int, count: int) -> tuple[Ints, Rows]:
        """(n,) the photos `a`, and new vectors in each space (n, dim)."""
        rng = np.random.default_rng([SEED, chunk])
        a, b, t = self._pairs(rng, count)
        return a, {space: self._moved(space, a, b, t, rng, step) for space, step in self.steps.items()}

    def _pairs(self, rng: np.random.Generator, count: int) -> tuple[Ints, Ints, Vector]:
        a = rng.integers(len(self.base), size=count)
        b = self.base.neighbours[a, rng.integers(self.base.neighbours.shape[1], size=count)]
        return a, b, rng.random(count, dtype=np.float32)

    def _moved(self, space: str, a: Ints, b: Ints, t: Vector, rng: np.random.Generator, step: float) -> Vector:
        rows, (factor, *variances) = self.base.rows[space], self.factors[space]
        apart = rows[b] - rows[a]
        beside = rng.standard_normal(apart.shape, dtype=np.float32) @ factor
        beside *= step * np.linalg.norm(apart, axis=1, keepdims=True)
        wanted, between, of_apart = variances
        shrunk = np.float32(np.sqrt(wanted / (between + step**2 * of_apart)))
        mean = self.means[space]
        return unit(mean + shrunk * (rows[a] + t[:, None] * apart + beside - mean))

    def _factor(self, space: str) -> tuple[Vector, float, float, float]:
        """(dim, dim): makes Gaussian numbers vary as differences of length 1 between neighbours do.

        And the mean squared lengths, from the mean, of real photos and of points between two; and of the differences.
        """
        rng = np.random.default_rng([SEED, HELD_OUT - 1])
        rows, (a, b, t) = self.base.rows[space], self._pairs(rng, 20 * SAMPLE)
        apart = rows[b] - rows[a]
        lengths = np.linalg.norm(apart, axis=1, keepdims=True)
        ones = (apart / np.maximum(lengths, 1e-6)).astype(np.float64)
        values, directions = np.linalg.eigh(ones.T @ ones / len(ones))
        factor = (np.sqrt(np.maximum(values, 0))[:, None] * directions.T).astype(np.float32)
        between = _variance(rows[a] + t[:, None] * apart - self.means[space])
        return factor, _variance(rows - self.means[space]), between, _variance(apart)

    def _fitted(self) -> dict[str, float]:
        """The s of each space; kept in the cache, for it takes a minute."""
        kept = cache() / f"steps-{self.base.name}.json"
        known = json.loads(kept.read_text()) if kept.exists() else {}
        if known.keys() != self.base.rows.keys():
            known = {space: self._step(space) for space in self.base.rows}
            with replacing(kept) as temporary:
                temporary.write_text(json.dumps(known))
        return known

    def _step(self, space: str) -> float:
        """By halving: the further beside, the further from all real photos."""
        rows = self.base.rows[space]
        wanted = np.median(nearest_others(rows, sample_of(len(rows))))
        low, high = 0.0, 2.0
        for _ in range(10):
            step = (low + high) / 2
            rng = np.random.default_rng([SEED, HELD_OUT - 2])
            made = self._moved(space, *self._pairs(rng, SAMPLE), rng, step)
            low, high = (step, high) if np.median(nearest(made, rows)) > wanted else (low, step)
        return (low + high) / 2


def _variance(rows: Vector) -> float:
    return float(np.einsum("ij,ij->i", rows, rows).mean())


def cache() -> Path:
    place = config.user_cache() / "benchmarks"
    place.mkdir(parents=True, exist_ok=True)
    return place


def sample_of(count: int) -> Ints:
    return np.random.default_rng(SEED).permutation(count)[:SAMPLE]


def nearest(rows: Vector, to: Vector) -> Vector:
    """(n,): the cosine of each row to the nearest of others."""
    return np.concatenate([(rows[at : at + BLOCK] @ to.T).max(1) for at in range(0, len(rows), BLOCK)])


def nearest_others(rows: Vector, those: Ints) -> Vector:
    """The same for some of the rows, to the nearest that is not the row itself."""
    found = []
    for at in range(0, len(those), BLOCK):
        cosines = rows[those[at : at + BLOCK]] @ rows.T
        cosines[np.arange(len(cosines)), those[at : at + BLOCK]] = -1
        found.append(cosines.max(1))
    return np.concatenate(found)


def _neighbours(rows: Vector) -> Ints:
    found = []
    for at in range(0, len(rows), BLOCK):
        cosines = rows[at : at + BLOCK] @ rows.T
        cosines[np.arange(len(cosines)), np.arange(at, at + len(cosines))] = -1
        found.append(np.argpartition(-cosines, NEIGHBOURS, axis=1)[:, :NEIGHBOURS].astype(np.int32))
    return np.concatenate(found)


def statistics(growth: Growth) -> Table:
    """How like real ones the new vectors are."""
    base = growth.base
    shown = Table("space", "cosine of", "10 %", "50 %", "90 %", title=f"{len(base):,} real photos, {SAMPLE} new")
    _, made = growth.more(HELD_OUT, SAMPLE)
    for space, rows in base.rows.items():
        cosines = {
            "a real one to the nearest other": nearest_others(rows, sample_of(len(rows))),
            f"a new one to the nearest real one (s = {growth.steps[space]:.3f})": nearest(made[space], rows),
            "two real ones": (rows[sample_of(len(rows))] * rows[sample_of(len(rows))[::-1]]).sum(1),
            "two new ones": (made[space] * made[space][::-1]).sum(1),
        }
        for what, values in cosines.items():
            shown.add_row(space, what, *(f"{x:.3f}" for x in np.quantile(values, (0.1, 0.5, 0.9))))
    return shown


def spectrum(growth: Growth) -> Table:
    """How much of the vectors the first directions of the real ones hold: what a projection leaves of new ones."""
    numbers = (32, 64, 96, 128, 192)
    shown = Table("space", "share of squared length in", *map(str, numbers), "directions")
    _, made = growth.more(HELD_OUT, SAMPLE)
    for space, rows in growth.base.rows.items():
        directions = np.linalg.eigh(rows.T.astype(np.float64) @ rows)[1][:, ::-1]
        for what, some in (("real", rows[sample_of(len(rows))]), ("new", made[space])):
            shares = np.cumsum(((some @ directions) ** 2).mean(0))
            shown.add_row(space, what, *(f"{shares[n - 1]:.3f}" for n in numbers))
    return shown
