"""A library in use: photos come, go, change, move and are judged by search results, which an exact scan has to confirm.

python -m tests.endurance.soak [--seconds 40 | --full (an hour)]

Every round changes some of a folder's pictures (added, deleted, renamed, overwritten), indexes them, and asks a reader
that has been open since the start, with graphs in memory, for the nearest of random vectors in both spaces. Each answer
is compared with all cosines in numpy, computed from the pictures by the encoder anew; now and then the library is
checked, compacted, exported and read again.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from devise import Library
from devise.config import IndexConfig, Settings
from devise.library.upkeep import portable
from devise.library.upkeep.check import check
from devise.library.upkeep.compact import compact
from devise.photos import load
from devise.vectors import Vector, unit
from tests.fakes import FakeEncoder

K = 10
QUERIES = 5  # a round and space
MOST = 3_000  # pictures at a time
SETTINGS = Settings(index=IndexConfig(exact_below=200, min_behind=200))  # most rounds have indices
EVERY = 25  # rounds between two checks
LEAST_RECALL = 0.99
SLACK = 2e-3  # of a score: vectors are stored as halves


class Soak:
    def __init__(self, place: Path, seed: int) -> None:
        self.place, self.photos, self.chance = place, place / "photos", random.Random(seed)
        self.encoder, self.numbers = FakeEncoder(), np.random.default_rng(seed)
        self.paths: list[Path] = []
        self.known: dict[Path, dict[str, Vector]] = {}
        self.counts: Counter[str] = Counter()
        self.found = self.right = 0
        self.photos.mkdir()
        self.writer = Library(place / "library", model=self.encoder, settings=SETTINGS)
        self.reader = Library(place / "library", model=self.encoder, settings=SETTINGS)

    def draw(self, path: Path) -> None:
        size = int(self.numbers.integers(8, 20))
        Image.fromarray(self.numbers.integers(0, 256, (size, size, 3), np.uint8)).save(path)
        pixels = load(path, size=self.encoder.size, resize=self.encoder.resize)
        self.known[path] = {space: rows[0] for space, rows in self.encoder.encode(pixels[None]).items()}

    def change(self) -> None:
        for _ in range(self.chance.choice((1, 5, 40, 150))):
            deed = self.chance.choice(
                ("add", "add", "delete", "rename", "overwrite") if len(self.paths) < MOST else ("delete",)
            )
            if deed == "add" or not self.paths:
                path = self.photos / f"{len(self.counts)}-{self.chance.random():.12f}.png"
                self.draw(path)
                self.paths.append(path)
                deed = "add"
            else:
                at = self.chance.randrange(len(self.paths))
                path = self.paths[at]
                if deed == "delete":
                    path.unlink()
                    del self.known[path]
                    self.paths[at] = self.paths[-1]
                    self.paths.pop()
                elif deed == "rename":
                    new = path.with_name(f"renamed-{self.chance.random():.12f}.png")
                    path.rename(new)
                    self.known[new], self.paths[at] = self.known.pop(path), new
                else:
                    self.draw(path)
            self.counts[deed] += 1

    def ask(self) -> None:
        """Raises AssertionError where a score or the set of photos is wrong; recall is counted."""
        paths = sorted(self.paths)
        for space, dim in (("words", 4), ("features", 48)):
            rows = np.stack([self.known[path][space] for path in paths]).astype(np.float64)
            for query in unit(self.numbers.normal(size=(QUERIES, dim))):
                exact = rows @ query
                matches = self.reader.nearest(query, K, space=space)
                assert len(matches) == min(K, len(paths)), f"{len(matches)} photos found of {len(paths)}"
                scores = dict(zip(map(str, paths), exact, strict=True))
                for match in matches:
                    assert match.path in scores, f"{match.path} is gone, and found"
                    assert abs(scores[match.path] - match.score) < SLACK, f"{match.path}: a score of another photo"
                least = np.sort(exact)[-len(matches)] - SLACK
                self.right += sum(scores[match.path] >= least for match in matches)
                self.found += len(matches)
                self.counts["searches"] += 1

    def look_after(self) -> None:
        damage = [finding.text for finding in check(self.place / "library") if finding.is_damage]
        assert not damage, damage
        compact(self.place / "library", settings=SETTINGS)
        file = self.place / "backup.devise"
        portable.export(self.place / "library", file)
        with tempfile.TemporaryDirectory(dir=self.place) as other:
            assert portable.import_(file, Path(other) / "library", settings=SETTINGS) == len(self.paths)
        self.counts["checks, exports, compactions"] += 1

    def round(self, number: int) -> None:
        self.change()
        if not self.paths:
            return
        self.writer.index([self.photos], allow_empty=True)
        assert len(self.reader) == len(self.paths)
        self.ask()
        if number % EVERY == 0:
            self.look_after()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--full", action="store_true", help="an hour")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    end, number = time.monotonic() + (3_600 if options.full else options.seconds), 0
    with tempfile.TemporaryDirectory() as place:
        soak = Soak(Path(place), options.seed)
        while time.monotonic() < end:
            number += 1
            try:
                soak.round(number)
            except AssertionError as error:
                sys.exit(f"round {number}: {error}")
    recall = soak.right / max(1, soak.found)
    told = ", ".join(f"{count:,} {what}" for what, count in sorted(soak.counts.items()))
    print(f"soak: {number} rounds ({told}): recall@{K} {recall:.4f}, no wrong score, nothing gone was found")
    if recall < LEAST_RECALL:
        sys.exit(f"recall {recall:.4f} is below {LEAST_RECALL}")


if __name__ == "__main__":
    main()
