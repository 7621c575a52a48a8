"""A library of real photos, indexed once with the model that ships and kept in the cache: vectors that people have.

python -m benchmarks.real --data DIR [--full]
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks import data
from devise import Library, config

SMALL = ("voc",)
FULL = ("voc", "flickr8k", "caltech101", "scenes", "fashion", "tiny-imagenet")  # 73,680 photos, twenty minutes


def library(folder: Path | None, *, full: bool = False) -> Path:
    """The folder of one of several sets."""
    return indexed(folder, "full", FULL) if full else indexed(folder, "small", SMALL)


def indexed(folder: Path | None, name: str, sets: Sequence[str]) -> Path:
    """The library's folder; photos that it holds already are not encoded again."""
    place = config.user_cache() / "benchmarks" / f"library-{name}"
    with Library(place) as opened:
        if not len(opened) or os.environ.get("DEVISE_REINDEX"):
            opened.index([data.unpacked(folder, each) for each in sets])
    return place


def main() -> None:
    parser = data.parser(__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="all sets, not VOC alone")
    options = parser.parse_args()
    with Library(library(options.data, full=options.full)) as opened:
        print(f"{len(opened):,} photos in {opened.path}")


if __name__ == "__main__":
    main()
