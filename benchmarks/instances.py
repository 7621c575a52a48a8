"""The same thing seen again: each photo of a folder of things asks for another one of its own subfolder.

    python -m benchmarks.instances FOLDER [--asked 150] [--library FOLDER]

FOLDER has a subfolder a thing (a product, a building). Asked in the network's features, by pHash, by the colours and
by local descriptors (SIFT words, then RANSAC): how often the nearest photo, and how many of the five nearest, show the
same thing. Needs opencv-python-headless.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import report
from devise import Library

SPACES = ("features", "words", "phash", "colour", "local")
NEAR = 5


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--asked", type=int, default=150, help="photos that are asked with, evenly chosen")
    parser.add_argument("--library", type=Path, help="where the library is kept")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, Library(asked.library or place) as library:
        library.index([asked.folder], add=["phash", "colour", "local"])
        paths = library.paths()
        chosen = paths[:: max(1, len(paths) // asked.asked)]
        kinds = {Path(path).parent.name for path in paths}
        sys.stdout.write(f"{len(paths):,} photos of {len(kinds)} things, {len(chosen)} asked with\n")
        for space in SPACES:
            begun, right = time.process_time(), []
            for path in chosen:
                found = library.similar(path, k=NEAR, space=space)
                right.append([Path(match.path).parent == Path(path).parent for match in found] or [False])
            first, all_near = np.mean([one[0] for one in right]), np.mean([sum(one) / NEAR for one in right])
            each = (time.process_time() - begun) / len(chosen) * 1_000
            sys.stdout.write(f"{space}: nearest {first:.3f}, of {NEAR} {all_near:.3f}; {each:.0f} ms of a processor\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
