"""What a library tells of itself, as objects and as JSON: runs of indexing, judgements, and what is in it.

They stand apart from results.py because a search needs none of them, and each class costs half a millisecond to make.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from devise.errors import counted
from devise.spaces import ModelInfo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Judgement:
    """query: as it was asked; path: of the photo when it was judged; marked: when, in UTC."""

    query: str
    path: str
    is_good: bool
    marked: str
    hash: bytes = field(repr=False, default=b"")

    @property
    def mark(self) -> str:
        return "good" if self.is_good else "bad"

    def to_json(self) -> dict[str, Any]:
        return {"query": self.query, "mark": self.mark, "path": self.path, "marked": self.marked}


@dataclass(frozen=True)
class Skipped:
    """A photo that is not in the library, and why."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class IndexReport:
    """What one run did, in photos. `moved`: renamed, vectors kept. `filled`: given spaces that were added later."""

    added: int
    updated: int
    unchanged: int
    moved: int
    removed: int
    skipped: tuple[Skipped, ...]
    seconds: float
    filled: int = 0

    def __str__(self) -> str:
        """As `devise index` says it: "12 added, 3 removed in 1.2 s"."""
        counts = ("added", "updated", "moved", "removed", "unchanged")
        parts = [f"{getattr(self, count):,} {count}" for count in counts if getattr(self, count)]
        parts += [f"{self.filled:,} filled in"] if self.filled else []
        parts += [f"{len(self.skipped):,} skipped"] if self.skipped else []
        return f"{', '.join(parts) or 'nothing to do'} in {self.seconds:.1f} s"

    def __repr__(self) -> str:
        return f"IndexReport({self})"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class DuplicatePhoto:
    """A file in a group of duplicates. bytes: of the file; pixels: width times height, 0 where nobody knows them.

    how: what it is to the photo that is kept: "equal bytes", "saved again", "mirrored", ...; empty for that one.
    distance: how far it is from that: bits of pHash that differ, of similar photos 1 minus the cosine of features.
    """

    path: str
    bytes: int
    pixels: int
    taken: str | None = None
    how: str = ""
    distance: float = 0.0


@dataclass(frozen=True)
class DuplicateGroup:
    """Photos that are one picture. kind: same, near or similar. keep: which one, and why: in words."""

    kind: str
    keep: DuplicatePhoto
    why: str
    others: tuple[DuplicatePhoto, ...]

    def __repr__(self) -> str:
        return f"DuplicateGroup({self.kind}, keep={self.keep.path!r} ({self.why}), {len(self.others)} more)"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class PhotoInfo:
    """What a library knows of a photo. paths: all files with this content; pixels: width times height.

    id: of the content, above 0, never given to another photo; taken: local time, as 2020-05-13T10:11:12.
    """

    id: int
    paths: tuple[str, ...]
    size: int
    taken: str | None
    pixels: int | None
    kind: str | None
    captions: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PhotoMap:
    """Where each photo stands on a map, and in which group: near photos are alike.

    ids: (n,) of contents, ascending; places: (n, 2), 0 to 1; groups: (n,) numbers into `names`.
    """

    ids: NDArray[np.int64]
    places: NDArray[np.float32]
    groups: NDArray[np.int32]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"PhotoMap({counted(len(self), 'photo')}, {counted(len(self.names), 'group')}: {', '.join(self.names)})"

    def counts(self) -> list[int]:
        """How many photos each group has."""
        return [int((self.groups == number).sum()) for number in range(len(self.names))]

    def to_json(self) -> dict[str, Any]:
        """Names with counts, and lists of equal length: id, x, y and group of each photo."""
        return {
            "groups": [{"name": name, "photos": count} for name, count in zip(self.names, self.counts(), strict=True)],
            "id": self.ids.tolist(),
            "x": self.places[:, 0].astype(float).round(4).tolist(),
            "y": self.places[:, 1].astype(float).round(4).tolist(),
            "group": self.groups.tolist(),
        }


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

    def __repr__(self) -> str:
        if not self.exists:
            return f"LibraryInfo({self.path!r}, not there yet)"
        skipped = f", {self.num_skipped:,} skipped" if self.num_skipped else ""
        model = f", model {self.model.name}" if self.model else ""
        photos = f"{counted(self.num_photos, 'photo')} ({self.num_contents:,} different){skipped}"
        return f"LibraryInfo({self.path!r}, {photos}, {self.num_bytes / 1e6:,.1f} MB{model}, of {list(self.roots)})"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "model": self.model.to_json() if self.model else None}
