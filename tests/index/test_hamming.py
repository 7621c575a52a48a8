"""Pairs of near rows of bits, beside all pairs counted one by one."""

from __future__ import annotations

import numpy as np
import pytest

from devise.index import flat, hamming
from devise.index.hamming import near_pairs


def all_pairs(rows: np.ndarray, radius: int) -> list[tuple[int, int, int]]:
    bits = np.unpackbits(rows, axis=1).astype(int)
    distances = (bits[:, None] != bits[None]).sum(2)
    return [
        (i, j, distances[i, j]) for i in range(len(rows)) for j in range(i + 1, len(rows)) if distances[i, j] <= radius
    ]


def near_each_other(count: int, seed: int) -> np.ndarray:
    """Rows of a few families, some bits apart, and equal ones."""
    random = np.random.default_rng(seed)
    family = random.integers(0, 256, (count // 6, 8), np.uint8)[random.integers(0, count // 6, count)]
    flips = random.random((count, 64)) < random.choice([0, 0.05, 0.12], count)[:, None]
    return family ^ np.packbits(flips, axis=1)


@pytest.mark.parametrize("radius", [0, 1, 3, 4, 6, 7, 10, 15])
@pytest.mark.parametrize("at_once", [40, hamming.AT_ONCE])
def test_it_finds_what_all_pairs_find(radius: int, at_once: int) -> None:
    rows = near_each_other(150, radius)
    found = near_pairs(rows, radius, at_once=at_once)
    assert list(zip(*(each.tolist() for each in found), strict=True)) == all_pairs(rows, radius)


def test_none_and_one() -> None:
    for count in (0, 1):
        assert len(near_pairs(np.zeros((count, 8), np.uint8), 4)) == 0


def test_what_it_refuses() -> None:
    with pytest.raises(ValueError, match="rows of 64 bits"):
        near_pairs(np.zeros((3, 32), np.uint8), 4)
    with pytest.raises(ValueError, match="a radius from 0 to 15, not 16"):
        near_pairs(np.zeros((3, 8), np.uint8), 16)


def test_bits_are_counted_alike_without_numpy_2(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (np.random.default_rng(i).integers(0, 2**63, (20, 3), np.uint64) for i in (1, 2))
    expected = [
        [bin(int(a) ^ int(b)).count("1") for a, b in zip(*both, strict=True)] for both in zip(one, other, strict=True)
    ]
    assert flat.num_differing(one, other).tolist() == expected
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert flat.num_differing(one, other).tolist() == expected
