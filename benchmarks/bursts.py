"""Bursts and many photos: how `devise duplicates` groups a folder, beside what imagededup finds in it, and the time.

    python -m benchmarks.bursts FOLDER [--looks]

Of each kind: how many groups, photos in them, and photos of the largest; of imagededup (0.3.3, 10 bits) the same of
photos that are linked by pairs, however far. --looks: no network, which says nothing of similar ones.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks import report
from benchmarks.duplicates import DISTANCE, imagededup
from devise import Library
from devise.spaces import Space


class Blind:
    """In a network's place: looks alone are made."""

    name, fingerprint, labels, path, anchors = "blind", "b" * 64, (), None, None
    size, resize = 320, "squash"
    spaces = (Space(name="features", dim=2),)

    def encode(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        return {"features": np.tile(np.array([1, 0], np.float32), (len(pixels), 1))}


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--looks", action="store_true", help="no network")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, Library(place, model=Blind() if asked.looks else None) as library:
        begun = time.perf_counter()
        count = library.index([asked.folder], add=["phash", "grey", "colour"]).added
        say("devise", f"{count:,} photos in the library after {time.perf_counter() - begun:.1f} s")
        groups = []
        for kind in ("same", "near") if asked.looks else ("same", "near", "similar"):
            begun = time.perf_counter()
            groups = library.duplicates(up_to=kind)
            sizes = [1 + len(group.others) for group in groups if group.kind == kind]
            say(f"devise, {kind}", f"{of(sizes)}; up to {kind} in {time.perf_counter() - begun:.1f} s")
    methods = imagededup()
    for method in (methods.PHash(verbose=False), methods.DHash(verbose=False)):
        begun = time.perf_counter()
        codes = method.encode_images(image_dir=str(asked.folder), recursive=True)
        hashed = time.perf_counter() - begun
        pairs = method.find_duplicates(encoding_map=codes, max_distance_threshold=DISTANCE)
        seconds = time.perf_counter() - begun - hashed
        name = f"imagededup {type(method).__name__}"
        say(name, f"{of(linked(pairs))}; hashed in {hashed:.1f} s, found in {seconds:.1f} s")


def linked(pairs: dict[str, list[str]]) -> list[int]:
    """How many photos each lot of linked ones has."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    names = {name: number for number, name in enumerate(pairs)}
    ends = [(names[one], names[other]) for one, others in pairs.items() for other in others]
    rows, columns = zip(*ends, strict=True) if ends else ((), ())
    _, lots = connected_components(csr_matrix((np.ones(len(rows)), (rows, columns)), (len(names),) * 2))
    return [size for size in Counter(lots.tolist()).values() if size > 1]


def of(sizes: list[int]) -> str:
    return f"{len(sizes):,} groups of {sum(sizes):,} photos, the largest of {max(sizes, default=0):,}"


def say(name: str, text: str) -> None:
    sys.stdout.write(f"{name}: {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
