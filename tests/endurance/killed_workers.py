"""Four programs bring photos into one library on servers and are killed at random: none is lost, none encoded twice.

    python -m recipes.servers python -m tests.endurance.killed_workers --photos 20000 --kills 40

A tenth of the photos are copies. Each program writes down what it encodes; what was encoded twice has to have been in
the hands of one that was killed.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image

from devise import Library
from devise.config import IngestConfig, Settings
from devise.library.upkeep.check import check
from devise.spaces import Space
from devise.store.location import location
from devise.store.opening import served
from devise.vectors import unit
from tests.store import servers

WORKERS = 4
SIZE = 16
COPIES = 10  # every tenth photo is the copy of another one
SETTINGS = Settings(ingest=IngestConfig(lease_seconds=5.0, looks=()))


class Counting:
    """A descriptor that writes down the photos that it encodes, before it does."""

    name, labels, path, anchors = "counting", (), None, None
    fingerprint = sha256(b"mean colours of 4 x 4 squares").hexdigest()
    spaces = (Space(name="features", dim=48),)
    size, resize = SIZE, "squash"

    def __init__(self, log: str) -> None:
        self.log = log

    def encode(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        lines = "".join(f"{os.getpid()} {sha256(photo.tobytes()).hexdigest()[:20]}\n" for photo in pixels)
        with Path(self.log).open("a") as file:  # one write: lines of several programs do not mix
            file.write(lines)
        coarse = pixels.reshape(len(pixels), 4, SIZE // 4, 4, SIZE // 4, 3).mean((2, 4)).reshape(len(pixels), 48)
        return {"features": unit(coarse.astype(np.float64) + 1)}


def draw(folder: Path, count: int) -> int:
    """So many photos; how many of them differ."""
    rng = np.random.default_rng(0)
    for i in range(count):
        if i % 500 == 0:
            (folder / f"{i // 500:03}").mkdir(parents=True)
        file = folder / f"{i // 500:03}" / f"{i:06}.png"
        if i % COPIES == COPIES - 1:
            file.write_bytes((folder / f"{(i - 5) // 500:03}" / f"{i - 5:06}.png").read_bytes())
        else:
            Image.fromarray(rng.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)).save(file, compress_level=1)
    return count - count // COPIES


def start(url: str, folder: Path, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.endurance.killed_workers", "--work", url, str(folder), str(log)]
    return subprocess.Popen(command, stderr=log.with_suffix(".err").open("ab"))


def trial(num_photos: int, num_kills: int, seed: int) -> None:
    chance, url = random.Random(seed), servers.url()
    with tempfile.TemporaryDirectory(prefix="devise-killed-") as place:
        folder, log = Path(place) / "photos", Path(place) / "encoded.txt"
        different = draw(folder, num_photos)
        log.touch()
        at = location(f"{url}?catalog={os.environ['DEVISE_TEST_CATALOG']}")
        served(at, create=True).close()
        begun, killed = time.monotonic(), set[int]()
        running = [start(url, folder, log) for _ in range(WORKERS)]
        while any(process.poll() is None for process in running):
            time.sleep(chance.uniform(0.5, 3))
            at_work = {int(line.split()[0]) for line in log.read_text().splitlines()}  # others are still starting
            alive = [process for process in running if process.poll() is None and process.pid in at_work]
            if len(killed) < num_kills and alive:
                victim = chance.choice(alive)
                victim.send_signal(signal.SIGKILL)
                victim.wait()
                killed.add(victim.pid)
                running[running.index(victim)] = start(url, folder, log)
        report(url, at, log, killed, (num_photos, different, time.monotonic() - begun))
        servers.sweep(at)


def report(url: str, at: object, log: Path, killed: set[int], facts: tuple[int, int, float]) -> None:
    num_photos, different, seconds = facts
    by_photo = defaultdict[str, list[int]](list)
    for line in log.read_text().splitlines():
        pid, photo = line.split()
        by_photo[photo].append(int(pid))
    twice = {photo: pids for photo, pids in by_photo.items() if len(pids) > 1}
    unexcused = [photo for photo, pids in twice.items() if not {*pids[:-1]} <= killed]
    with Library(at, model=Counting(str(log)), settings=SETTINGS) as library, closing(served(at)) as store:
        has = len(library)
        contents, left = store.num_contents(), store.queue.left([os.sep])
        done, encoded = store.db.rows("SELECT sum(done)::int, sum(encoded)::int FROM workers")[0]
    found = [finding.text for finding in check(at)]
    print(f"{num_photos:,} photos, {different:,} contents; {WORKERS} programs, {len(killed)} killed; {seconds:.0f} s")
    print(f"in the library: {has:,} photos, {contents:,} contents; left to do: {left}; check says: {found or 'sound'}")
    times = sum(map(len, by_photo.values()))
    print(f"encoded {times:,} times {len(by_photo):,} contents; as stored: {encoded:,}, of {done:,} photos done")
    print(f"encoded more than once: {len(twice)}, all but the last time by one that was killed: "
          f"{len(twice) - len(unexcused)}; by others: {len(unexcused)}")  # fmt: skip
    print(log.with_suffix(".err").read_text()[-2_000:])
    assert (has, contents, left, len(unexcused), encoded) == (num_photos, different, 0, 0, different)
    assert found == []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", nargs=3, metavar=("URL", "FOLDER", "LOG"), help="be one of the programs")
    given = parser.parse_args()
    if given.work:
        url, folder, log = given.work
        at = location(f"{url}?catalog={os.environ['DEVISE_TEST_CATALOG']}")
        with Library(at, model=Counting(log), settings=SETTINGS) as library:
            print(library.index([folder]), file=sys.stderr)
    else:
        trial(given.photos, given.kills, given.seed)


if __name__ == "__main__":
    main()
