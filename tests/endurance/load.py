"""A large library through its life: made, searched, halved, searched, compacted, searched again.

python -m tests.endurance.load [--photos 10000 | --full (1,000,000)] [--data DIR]

With a data folder the vectors are those of real photos, extended (benchmarks/grown.py); without it they are random,
around a thousand centres. Recall@10 is against all cosines in numpy. It works on a copy.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from benchmarks import grown
from devise import Library
from devise.library.upkeep.check import check
from devise.library.upkeep.compact import compact
from devise.progress import Progress
from devise.search import maintain
from devise.store.lock import writer
from devise.store.records import Photo
from devise.store.sqlite.store import Store
from devise.vectors import Vector, unit
from tests.fakes import FakeEncoder, put_content, rows_of

K, QUERIES, CENTRES = 10, 50, 1_000
LEAST_RECALL = 0.98


def made(place: Path, num: int) -> Path:
    """Random vectors around centres, through the store."""
    rng = np.random.default_rng(0)
    centres = {"words": rng.normal(size=(CENTRES, 4)), "features": rng.normal(size=(CENTRES, 48))}
    place.mkdir()
    with writer(place, create=True) as store:
        with store.transaction():
            store.set_model(FakeEncoder().info, ())
            for i in range(num):
                rows = {space: unit(c[i % CENTRES] + 0.5 * rng.normal(size=c.shape[1])) for space, c in centres.items()}
                store.put_photo(Photo(f"/photos/IMG_{i + 1:07}.jpg", put_content(store, b"%020d" % i, rows), 1, 1))
        maintain.update(store, Progress())
    return place


def measured(folder: Path, said: str) -> None:
    """Prints a row: how long opening and searching take, how right, how much room. Exits where answers are wrong."""
    with closing(Store(folder)) as store:
        ids, rows = rows_of(store, "words")
    rng = np.random.default_rng(1)
    queries: Vector = unit(rows[rng.choice(len(rows), QUERIES)] + 0.02 * rng.normal(size=(QUERIES, rows.shape[1])))
    begun = time.perf_counter()
    with Library(folder) as library:
        library.nearest(queries[0], K)
        opened = time.perf_counter() - begun
        begun, right = time.perf_counter(), 0
        found = [library.nearest(query, K) for query in queries]
        seconds = (time.perf_counter() - begun) / QUERIES
    for query, matches in zip(queries, found, strict=True):
        least = np.partition(rows @ query, -K)[-K] - 1e-5
        right += sum(match.score >= least for match in matches)
    recall, size = right / (K * QUERIES), sum(file.stat().st_size for file in folder.iterdir())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "linux" else 1 << 30)
    print(
        f"{said}: {len(ids):,} photos, {size / 1e6:,.0f} MB; opened and first answer {opened:.2f} s, a search "
        f"{1e3 * seconds:.1f} ms, recall@{K} {recall:.3f}; peak memory so far {peak:.2f} GB with all vectors",
        flush=True,
    )
    if recall < LEAST_RECALL:
        sys.exit(f"{said}: recall {recall:.3f} is below {LEAST_RECALL}")


def halve(folder: Path) -> None:
    """Every second photo goes, as a run over folders would have it."""
    with writer(folder, create=False) as store:
        gone = [photo.path for i, photo in enumerate(store.photos()) if i % 2]
        with store.transaction():
            store.remove_photos(gone)
            store.remove_orphans()
        maintain.update(store, Progress())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("DEVISE_DATA"))
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--full", action="store_true", help="a million photos")
    options = parser.parse_args()
    num = 1_000_000 if options.full else options.photos
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "library"
        if options.data:
            shutil.copytree(grown.library(num, options.data, full_base=options.full), folder)
        else:
            made(folder, num)
        steps = (("as made", None), ("half of it deleted", halve), ("compacted", compact))
        for said, step in steps:
            begun = time.perf_counter()
            if step:
                step(folder)
                said = f"{said} in {time.perf_counter() - begun:.1f} s"
            measured(folder, said)
        damage = [finding.text for finding in check(folder) if finding.is_damage]
        print(f"load: a library of {num:,} photos made, halved, compacted; damage: {damage or 'none'}")
        if damage:
            sys.exit(1)


if __name__ == "__main__":
    main()
