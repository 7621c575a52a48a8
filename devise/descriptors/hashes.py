"""Perceptual hashes: bits that stay as they are when a photo is saved again or made smaller. No network.

They are those of the library `imagehash`, bit for bit where it is given the same pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]  # (n, height, width)
Bits = NDArray[np.bool_]  # (n, side, side)
HIGH = 4  # times as many pixels a side as bits a side in pHash: the lowest sixteenth of its frequencies count
EXACT = 6  # decimals of a frequency: of a plain picture all others are 0, and would be noise of the last digit


def average_hash(grey: Grey, side: int) -> Bits:
    """Which pixels are brighter than their mean."""
    brighter: Bits = grey > grey.mean((1, 2))[:, None, None]
    return brighter


def difference_hash(grey: Grey, side: int) -> Bits:
    """Which pixels are brighter than their left neighbour: (n, side, side + 1)."""
    brighter: Bits = grey[:, :, 1:] > grey[:, :, :-1]
    return brighter


def frequency_hash(grey: Grey, side: int) -> Bits:
    """Which of the lowest frequencies are stronger than their median (a DCT of type II; Zauner, 2010, 3.2.1)."""
    waves = _waves(grey.shape[1], side)
    low = np.round(waves @ grey.astype(np.float64) @ waves.T, EXACT)  # (n, side, side)
    stronger: Bits = low > np.median(low.reshape(len(low), side * side), axis=1)[:, None, None]
    return stronger


def _waves(length: int, count: int) -> NDArray[np.float64]:
    """The first `count` rows of the DCT of `length` numbers, (count, length)."""
    at, number = np.arange(length), np.arange(count)
    rows: NDArray[np.float64] = 2 * np.cos(np.pi * number[:, None] * (2 * at + 1) / (2 * length))
    return rows


class Hash(NamedTuple):
    """One way to make bits of a grey picture. size: (width, height) of the picture, for so many bits a side."""

    bits: Callable[[Grey, int], Bits]
    size: Callable[[int], tuple[int, int]]


HASHES: Mapping[str, Hash] = {
    "ahash": Hash(average_hash, lambda side: (side, side)),
    "dhash": Hash(difference_hash, lambda side: (side + 1, side)),
    "phash": Hash(frequency_hash, lambda side: (HIGH * side, HIGH * side)),
}


def packed(bits: Bits) -> NDArray[np.uint8]:
    """(n, side, side) -> (n, bytes), the first bit of a row the highest of its first byte."""
    return np.packbits(bits.reshape(len(bits), bits.shape[1] * bits.shape[2]), axis=1)
