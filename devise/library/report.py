"""What a library tells: progress while it is indexed, a report when that has ended, and what is in it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from devise.spaces import ModelInfo


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

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "model": self.model.to_json() if self.model else None}


def num_bytes(folder: Path) -> int:
    total = 0
    for file in folder.iterdir():
        with suppress(FileNotFoundError):  # SQLite's own files come and go while another program indexes
            total += file.stat().st_size
    return total
