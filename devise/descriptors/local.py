"""Local descriptors: which corners a photo has and what is around each; the classical way to the same place or thing.

SIFT (Lowe, 2004) by OpenCV, square roots of its histograms ("RootSIFT", Arandjelovic and Zisserman, 2012), each put to
the nearest of 2,048 visual words (Sivic and Zisserman, "Video Google", 2003). The words are means of descriptors of
photos of VOC (recipes.visual_words) and lie in the file beside this one. Needs opencv-python-headless.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from devise.errors import DeviseError

FILE = Path(__file__).with_name("visual_words.bin")  # (NUM_WORDS, 128) bytes
NUM_WORDS = 2048
MOST = 300  # corners of a photo, the strongest: a row of 2 KB at most
MIN_POINTS = 8  # that have to lie in one photo as they lie in the other: of different photos few pairs have more
CLOSE = 0.8  # of the distance to the second nearest: Lowe's ratio
PIXELS = 4.0  # of 320, that a point may lie beside its place


class Corners(NamedTuple):
    """points: (n, 2) in pixels; rows: (n, 128) of length 1, none below 0."""

    points: NDArray[np.float32]
    rows: NDArray[np.float32]


def corners(pixels: NDArray[np.uint8]) -> Corners:
    """(side, side, 3) RGB -> its strongest corners. Raises DeviseError where OpenCV is not installed."""
    cv2 = _opencv()
    found, rows = cv2.SIFT_create(nfeatures=MOST).detectAndCompute(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), None)
    if rows is None:
        return Corners(np.empty((0, 2), np.float32), np.empty((0, 128), np.float32))
    roots = np.sqrt(rows / np.maximum(rows.sum(1, keepdims=True), 1e-6)).astype(np.float32)
    return Corners(np.array([each.pt for each in found], np.float32), roots)


def word_counts(photos: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, side, side, 3) -> (n, NUM_WORDS): how often a photo has each visual word."""
    made = np.zeros((len(photos), NUM_WORDS), np.float32)
    for counts, pixels in zip(made, photos, strict=True):
        rows = corners(pixels).rows
        if len(rows):
            words = (rows @ visual_words().T).argmax(1)  # rows of length 1: the largest product is the nearest
            counts += np.bincount(words, minlength=NUM_WORDS)
    return made


def num_fitting(one: Corners, other: Corners) -> int:
    """How many points of one photo lie in the other where one turn, stretch and shift of the whole puts them.

    RANSAC over affine maps (Fischler and Bolles, 1981); 0 where there are less than MIN_POINTS.
    """
    if min(len(one.rows), len(other.rows)) < MIN_POINTS:
        return 0
    near = one.rows @ other.rows.T
    order = np.argpartition(-near, 1, axis=1)[:, :2]
    best, second = np.sort(np.take_along_axis(near, order, 1), axis=1)[:, ::-1].T
    clear = 2 - 2 * best < CLOSE**2 * (2 - 2 * second)
    pairs = np.flatnonzero(clear)
    if len(pairs) < MIN_POINTS:
        return 0
    there = other.points[near[pairs].argmax(1)]
    found, fits = _opencv().estimateAffine2D(one.points[pairs], there, ransacReprojThreshold=PIXELS)
    if found is None or abs(np.linalg.det(found[:, :2])) < 0.05:  # all of a photo on one point is no map
        return 0
    places = np.unique(np.round(there[fits[:, 0] > 0] / PIXELS), axis=0)  # many on one place are one
    return len(places) if len(places) >= MIN_POINTS else 0


@cache
def visual_words() -> NDArray[np.float32]:
    """(NUM_WORDS, 128), of length 1."""
    words = np.frombuffer(FILE.read_bytes(), np.uint8).reshape(NUM_WORDS, 128).astype(np.float32)
    found: NDArray[np.float32] = words / np.linalg.norm(words, axis=1, keepdims=True)
    return found


@cache
def fingerprint() -> str:
    """Other words or another way to find corners are another space."""
    return sha256(FILE.read_bytes() + f" SIFT {MOST} roots".encode()).hexdigest()


def check() -> None:
    """Raises DeviseError where OpenCV is not installed."""
    if find_spec("cv2") is None:
        raise DeviseError(
            "local descriptors need OpenCV, which is not installed; run: pip install opencv-python-headless"
        )


def _opencv() -> Any:
    check()
    import cv2

    return cv2
