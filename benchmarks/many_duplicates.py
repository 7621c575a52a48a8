"""Time of `devise duplicates` in a large library of invented rows, a tenth of which are near to others.

python -m benchmarks.many_duplicates [--photos 100000]
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import report
from benchmarks.report import Figure
from devise import Library
from devise.descriptors.looks import Looks
from devise.index.flat import FlatIndex
from devise.spaces import ModelInfo
from devise.store.lock import writer
from devise.store.records import Photo

STEP = 5_000  # photos a transaction


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--bits", type=int, default=1_000_000, help="rows of bits that are searched")
    asked = parser.parse_args()
    figures = [searched(asked.bits)]
    with tempfile.TemporaryDirectory() as folder, Library(filled(Path(folder), asked.photos)) as library:
        for kind in ("same", "near"):
            begin = time.perf_counter()
            groups = library.duplicates(up_to=kind)
            figures.append(Figure(f"duplicates up to {kind}", time.perf_counter() - begin, "s"))
            print(f"{len(groups):,} groups of {kind} in {figures[-1].value:.1f} s")
    report.show(f"{asked.photos:,} photos", figures, "nothing")
    report.save(figures, asked.json)


def searched(count: int) -> Figure:
    index = FlatIndex(64, "hamming")
    rows = np.random.default_rng(0).integers(0, 256, (count, 8), np.uint8)
    index.add(np.arange(count), rows)
    times = []
    for query in rows[:21]:
        begin = time.perf_counter()
        index.search(query[None], 10)
        times.append(time.perf_counter() - begin)
    return Figure(f"one search of {count:,} rows of 64 bits", float(np.median(times)) * 1e3, "ms")


def filled(folder: Path, count: int) -> Path:
    """A library of photos that are nowhere. A tenth are another one with two bits and a little grey changed."""
    random, looks = np.random.default_rng(1), Looks(["phash", "grey", "colour"])
    phash = random.integers(0, 256, (count, 8), np.uint8)
    grey = random.integers(0, 250, (count, 256)).astype(np.float32)
    colour = random.dirichlet(np.full(64, 0.2), count).astype(np.float32)
    copies, of = np.arange(0, count, 10), np.arange(5, count, 10)[: len(np.arange(0, count, 10))]
    phash[copies[: len(of)]] = phash[of] ^ np.array([1, 0, 0, 0, 2, 0, 0, 0], np.uint8)
    grey[copies[: len(of)]], colour[copies[: len(of)]] = grey[of] + 2, colour[of]
    with writer(folder, create=True) as store:
        with store.transaction():
            store.set_model(ModelInfo(name="none", fingerprint="0" * 64, spaces=looks.spaces), ())
        for start in range(0, count, STEP):
            at = np.arange(start, min(start + STEP, count))
            rows = {"phash": phash[at], "grey": grey[at], "colour": colour[at]}
            with store.transaction():
                ids = [store.add_content(b"%020d" % number) for number in at]
                for number, content_id in zip(at.tolist(), ids, strict=True):
                    store.put_photo(Photo(f"/nowhere/{number:07}.jpg", content_id, 1, 1))
                for space in looks.spaces:
                    store.vectors.put(space, np.array(ids), rows[space.name])
    return folder


if __name__ == "__main__":
    main()
