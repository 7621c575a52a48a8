"""Words for colours, by the 64 shares of a photo's `colour` look: a logistic regression a word.

What people call a red shoe is a little red on much white, and a white shirt on white ground is hardly there: so the
weights are learnt (recipes.colour_words) from product photos and captions, and on plain white ground they are others.
They lie in the file beside this one.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from devise.descriptors.colour import PALETTE

FILE = Path(__file__).with_name("colour_words.bin")  # (words, NUM_INPUTS + 1) halves
WORDS = ("black", "blue", "brown", "gray", "green", "orange", "pink", "purple", "red", "white", "yellow")
NUM_INPUTS = 2 * len(PALETTE) + 1
GROUND, LEAST_GROUND = 0xFFFFFF, 0.2  # share of white from which, and up to twice of which, a photo has plain ground
# How much the regression counts beside what the model says of the word, in everyday photos and on plain ground: chosen
# from 0.25, 0.33, 0.4, 0.5, 0.67 and 0.75 on held-out photos, where all of them gain (benchmarks.quality.colours)
BESIDE, ON_GROUND = 0.25, 0.5

Floats = NDArray[np.float32]


def logits(word: str, shares: Floats) -> Floats:
    """Of the probability that people call a photo by a word of WORDS: (n, 64) -> (n,)."""
    row = _weights()[WORDS.index(word)]
    found: Floats = inputs(shares) @ row[:-1] + row[-1]
    return found


def weight(shares: Floats) -> Floats:
    """How much those count beside what the model says: (n, 64) -> (n,)."""
    return (BESIDE + (ON_GROUND - BESIDE) * _ground(shares)).astype(np.float32)


def inputs(shares: Floats) -> Floats:
    """(n, 64) -> (n, NUM_INPUTS): square roots, and the same once more where the ground is plain."""
    roots, ground = np.sqrt(np.maximum(shares, 0)), _ground(shares)[:, None]
    return np.concatenate([roots, ground * roots, ground], axis=1)


def _ground(shares: Floats) -> Floats:
    """(n,): 0 for a photo of everyday things, 1 for one on plain white."""
    white = shares[:, PALETTE.index(GROUND)]
    ground: Floats = np.clip(white / LEAST_GROUND - 1, 0, 1).astype(np.float32)
    return ground


@cache
def _weights() -> Floats:
    return np.fromfile(FILE, np.float16).reshape(len(WORDS), NUM_INPUTS + 1).astype(np.float32)
