"""What a library tells: progress while it is indexed, a report when that has ended, and what is in it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from devise.vectors import ModelInfo, Vector


class Progress:
    """Override what you want to show; every method does nothing. Called from the thread that called `index`."""

    def walked(self, photos: int) -> None:
        """So many photos have been found in the folders so far."""

    def worked(self, done: int, total: int) -> None:
        """`done` of the `total` photos that are new or changed are stored (or skipped). First call: done = 0."""

    def building(self, space: str, done: int, total: int) -> None:
        """`done` of `total` vectors are in the graph of a space."""

    def note(self, text: str) -> None:
        """One line worth showing: a graph that was damaged and is built again."""


class Encodes(Protocol):
    """What a library needs of a model: `devise.descriptors.network.encoder.Encoder`, or anything like it."""

    info: ModelInfo
    size: int
    resize: str
    labels: tuple[str, ...]

    def encode(self, pixels: NDArray[np.uint8]) -> dict[str, Vector]:
        """(n, size, size, 3) -> a vector per photo in each space. ValueError when a photo has none."""


@dataclass(frozen=True)
class Skipped:
    """A photo that is not in the library, and why."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class IndexReport:
    """What one run did, in photos. `moved`: renamed, vectors kept."""

    added: int
    updated: int
    unchanged: int
    moved: int
    removed: int
    skipped: tuple[Skipped, ...]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class LibraryInfo:
    """What `devise info` tells about a library. `num_contents`: photos that differ, copies counted once."""

    path: str
    exists: bool
    num_photos: int = 0
    num_contents: int = 0
    num_skipped: int = 0
    num_bytes: int = 0
    model: ModelInfo | None = None
    roots: tuple[str, ...] = ()


def num_bytes(folder: Path) -> int:
    total = 0
    for file in folder.iterdir():
        with suppress(FileNotFoundError):  # SQLite's own files come and go while another program indexes
            total += file.stat().st_size
    return total
