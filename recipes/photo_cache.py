"""All photos to learn from, decoded once: squashed to 448 pixels a side and packed as JPEG, with what is in them.

    python -m recipes.photo_cache --data D --collections FETCHED --out runs/photos

While a photo is decoded, the detector looks at it as well, as it wants other pixels (recipes.detector). A shard of
1,000 photos is written whole: killed at any moment, the same command goes on with the shards that are missing.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from devise.files import replacing
from recipes.detector import Detector
from recipes.photo_sources import COLLECTIONS, Entry, listing, sources
from recipes.shards import in_processes

SIDE = 448  # pixels: nothing larger is learnt from, and of 500 x 332 photos little is lost
QUALITY = 90  # of the JPEG: 45 KB a photo
SHARD = 1_000  # photos

Box = tuple[float, float, float, float]  # left, top, right, bottom in 0..1
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


class PackedPhotos:
    """Photos by number, from all shards that are there: names, held_out (n,), and pixels on demand."""

    def __init__(self, folder: Path, shards: Sequence[int] | None = None) -> None:
        """shards: their numbers, where not all that are there are wanted."""
        self.folder = folder
        there = sorted(int(file.stem.split("-")[1]) for file in folder.glob("photos-*.json"))
        self.shards = there if shards is None else list(shards)
        self.names: list[str] = []
        held_out, self._places, self._sizes = [], [], []
        for shard in self.shards:
            about = json.loads((folder / f"photos-{shard:03}.json").read_text())
            packed = np.memmap(folder / f"photos-{shard:03}.jpegs", np.uint8, mode="r")
            ends = np.cumsum(about["sizes"])
            starts = ends - about["sizes"]
            self._places += [(packed, int(a), int(b)) for a, b in zip(starts, ends, strict=True)]
            self.names += about["names"]
            self._sizes.append(len(about["names"]))
            held_out += about["held_out"]
        self.held_out = np.array(held_out, bool)

    def __len__(self) -> int:
        return len(self.names)

    def picture(self, row: int, needed: int = SIDE) -> Image.Image:
        """RGB, SIDE pixels a side, or half, a quarter ... of that where it is no less than needed."""
        packed, start, end = self._places[row]
        picture = Image.open(io.BytesIO(packed[start:end].tobytes()))
        picture.draft("RGB", (needed, needed))
        picture.load()
        return picture

    def pixels(self, row: int, size: int, box: Box = WHOLE) -> NDArray[np.uint8]:
        """(size, size, 3) of the part within box."""
        needed = math.ceil(size / min(box[2] - box[0], box[3] - box[1]))
        picture = self.picture(row, min(needed, SIDE))
        left, top, right, bottom = (picture.width * x for x in box)
        return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, right, bottom)))

    def outputs(self, name: str) -> dict[str, NDArray[Any]]:
        """What a teacher says of all photos: NaN or 0 in the shards that it has not seen yet."""
        files = {shard: self.folder / f"{name}-{shard:03}.npz" for shard in self.shards}
        found = {shard: dict(np.load(file)) for shard, file in files.items() if file.exists()}
        if not found:
            raise SystemExit(f"{self.folder} has nothing of {name}; run recipes.teacher_cache {name} first")
        like = next(iter(found.values()))
        parts = [found.get(shard) or _nothing(like, size) for shard, size in zip(self.shards, self._sizes, strict=True)]
        return {key: np.concatenate([part[key] for part in parts]) for key in like}


def _nothing(like: Mapping[str, NDArray[Any]], count: int) -> dict[str, NDArray[Any]]:
    empty = {key: np.nan if np.issubdtype(rows.dtype, np.floating) else 0 for key, rows in like.items()}
    return {key: np.full((count, *rows.shape[1:]), empty[key], rows.dtype) for key, rows in like.items()}


@dataclass(frozen=True)
class Shard:
    """What is known of the photos of one shard before they are read."""

    number: int
    entries: list[tuple[str, Entry]]  # source, photo

    @classmethod
    def all_of(cls, entries: Sequence[Entry]) -> list[Shard]:
        named = [(entry.name.split("/")[0], entry) for entry in entries]
        return [cls(i, named[start : start + SHARD]) for i, start in enumerate(range(0, len(named), SHARD))]


def squashed(picture: Image.Image) -> bytes:
    packed = io.BytesIO()
    small = picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC, reducing_gap=3.0)
    small.save(packed, "JPEG", quality=QUALITY)
    return packed.getvalue()


def opened(data: bytes) -> Image.Image | None:
    """Upright, RGB; nothing where it cannot be read."""
    try:
        picture = Image.open(io.BytesIO(data))
        if picture.format == "JPEG":
            picture.draft("RGB", (2 * SIDE, 2 * SIDE))
        return ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def write(shard: Shard, options: argparse.Namespace, detector: Detector) -> None:
    found = sources(options.data, options.collections, options.out)
    names, held_out, jpegs, seen = [], [], [], []
    for source, entry in shard.entries:
        picture = opened(found[source].read(entry.key))
        if picture is not None:
            names.append(entry.name)
            held_out.append(entry.is_held_out)
            jpegs.append(squashed(picture))
            seen.append(detector.prepared(picture))
    detections = detector(seen)
    stem = options.out / f"photos-{shard.number:03}"
    with replacing(options.out / f"detector-{shard.number:03}.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, **asdict(detections))
    with replacing(stem.with_suffix(".jpegs")) as temporary:
        temporary.write_bytes(b"".join(jpegs))
    about = {"names": names, "held_out": held_out, "sizes": [len(jpeg) for jpeg in jpegs]}
    with replacing(stem.with_suffix(".json")) as temporary:  # last: a shard with it is whole
        temporary.write_text(json.dumps(about))


def work(part: int, options: argparse.Namespace, shards: list[Shard]) -> None:
    detector = Detector(options.data / "teacher_yolox_nano.onnx")
    for shard in shards[part :: options.processes]:
        if not (options.out / f"photos-{shard.number:03}.json").exists():
            write(shard, options, detector)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--collections", type=Path, help="folder with clones of the repositories of photo_sources")
    parser.add_argument("--out", type=Path, default=Path("runs/photos"))
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    listed = options.out / "listing.json"
    if not listed.exists():
        found = sources(options.data, options.collections, options.out)
        absent = [collection.repository for collection in COLLECTIONS if collection.name not in found]
        if absent:
            print(f"left out, as --collections has no clone of them: {', '.join(absent)}", flush=True)
        entries = listing(found)
        with replacing(listed) as temporary:
            temporary.write_text(json.dumps([asdict(entry) for entry in entries]))
    entries = [Entry(**entry) for entry in json.loads(listed.read_text())]
    print(f"{len(entries)} photos, {sum(entry.is_held_out for entry in entries)} of them held out", flush=True)
    shards = Shard.all_of(entries)
    in_processes(work, options, (options.out, "photos-*.json", len(shards)), shards)


if __name__ == "__main__":
    main()
