"""Stand-ins for the heavy parts."""

from __future__ import annotations

import numpy as np

from devise.vectors import ModelInfo, Space, unit


class FakeEncoder:
    """Colours as vectors: words are the mean colour, features a coarse picture; the same photo gives the same row."""

    def __init__(self, name: str = "fake", fingerprint: str = "f" * 64, vectors_fingerprint: str | None = None) -> None:
        spaces = (
            Space(name="words", dim=4, vectors="tiny", fingerprint=vectors_fingerprint),
            Space(name="features", dim=48),
        )
        self.info = ModelInfo(name=name, fingerprint=fingerprint, spaces=spaces)
        self.size, self.resize = 32, "squash"
        self.labels: tuple[str, ...] = ("red", "green", "blue")
        self.num_encoded = 0
        self.path = self.anchors = None

    def encode(self, pixels):
        self.num_encoded += len(pixels)
        wide = pixels.astype(np.float64) / 255
        coarse = wide.reshape(len(pixels), 4, 8, 4, 8, 3).mean((2, 4)).reshape(len(pixels), 48)
        colours = np.c_[wide.mean((1, 2)), np.full(len(pixels), 0.1)]
        return {"words": unit(colours), "features": unit(coarse + 0.01)}


def brute_force(rows, paths, vector, k):
    """An independent reference: all cosines in numpy, best first, equal ones by path."""
    scores = rows.astype(np.float64) @ vector.astype(np.float64)
    order = sorted(range(len(paths)), key=lambda i: (-scores[i], paths[i]))
    return [paths[i] for i in order[:k]]


def without_texts(execute):
    """Make the tables of a library those of format 3; execute: runs one statement on them."""
    for column in ("taken", "pixels", "kind", "stamp", "text_id"):
        execute(f"ALTER TABLE photos DROP COLUMN {column}")
    execute("DROP TABLE texts")
    execute("DROP TABLE marks")
