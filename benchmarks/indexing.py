"""Photos per second into a library: devise beside rclip, and a vgg16 in devise beside a plain torchvision loop.

    python -m benchmarks.indexing --data DIR [--full] [--json FILE]

Whole processes, `devise index FOLDER` and `rclip "sofa cat"` in the folder, over the same ordinary JPEGs. Each also
runs over one photo, so that a start (Python, the network; for rclip its search too) can be told from the photos.
With --full all run three times, in turn: medians are told, with the least and the most, and ratios are of one round.
The plain loop is what a newcomer writes: Pillow, torchvision's own transforms, batches of 32, fc2; its start is free.
rclip and both vgg16 have random weights: speed does not depend on them. After each run the photos in the library or
database are counted, and their vectors looked at; those of vgg16 in bytes are compared with those in floats. Networks
and photos are made at the first run (three minutes, 1.5 GB) and kept in the cache.
"""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks import pictures, rclip, report, vgg16
from devise import config
from devise.vectors import Vector, unit

DEVISE = str(Path(sys.executable).with_name("devise"))
SHIPPED, RCLIP, PLAIN = "devise", "rclip", "plain vgg16 loop"
BYTES, FLOATS = "devise, vgg16 in bytes", "devise, vgg16 in floats"
PEERS = {SHIPPED: RCLIP, BYTES: PLAIN, FLOATS: PLAIN}
AIMS = {SHIPPED: 10.0, BYTES: 2.5}  # times as fast as the peer
QUICK = {pictures.ORDINARY: {SHIPPED: 200, RCLIP: 200, BYTES: 64, FLOATS: 32, PLAIN: 32}}
FULL = {
    pictures.ORDINARY: {SHIPPED: 500, RCLIP: 500, BYTES: 256, FLOATS: 64, PLAIN: 64},
    pictures.PHONE: {SHIPPED: 120, RCLIP: 120, BYTES: 64, PLAIN: 32},
}
ROUNDS = 3  # with --full; else one
STARTS = 2  # of which the faster one counts: the first reads files that may not be in memory
Contents = dict[bytes, Vector]  # hash of a file -> features
Job = Callable[[Path, Path], None]  # a folder of photos, an empty place


@dataclass(frozen=True)
class Took:
    photos: int
    seconds: float
    busy: float  # seconds of all cores together

    @classmethod
    def of(cls, photos: int, job: Callable[[], None]) -> Took:
        begun, busy = time.perf_counter(), _busy()
        job()
        return cls(photos, time.perf_counter() - begun, _busy() - busy)


@dataclass(frozen=True)
class Rate:
    """What one peer did with photos of one size: with one of them, and with all in each round."""

    name: str
    first: Took
    rounds: list[Took]

    @property
    def overall(self) -> list[float]:
        return [whole.photos / whole.seconds for whole in self.rounds]

    @property
    def further(self) -> list[float]:
        """Photos a second once it has begun: what a larger folder gets nearer to."""
        first = self.first
        return [(whole.photos - first.photos) / (whole.seconds - first.seconds) for whole in self.rounds]

    @property
    def work(self) -> float:
        """Seconds of a core a photo once it has begun, which other programs on the machine hardly change."""
        first = self.first
        return median((whole.busy - first.busy) / (whole.photos - first.photos) for whole in self.rounds)


def _busy() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def devise(model: Path | None) -> Job:
    def job(folder: Path, place: Path) -> None:
        chosen = ["--model", str(model)] if model else []
        _run([DEVISE, "index", str(folder), "--library", str(place), *chosen], rclip.environment(), folder)

    return job


def rclip_index(peer: rclip.Rclip) -> Job:
    """It has no command that only indexes: its search of half a second is part of the start."""

    def job(folder: Path, place: Path) -> None:
        _run([peer.program, "sofa cat"], peer.environment(place), folder)

    return job


def _run(command: list[str], environment: dict[str, str], folder: Path) -> None:
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command[0]} failed: {done.stderr}")


def plain_loop(files: list[Path]) -> Callable[[], Took]:
    """Its network is made before the time begins."""
    import torch
    from PIL import Image
    from torchvision.models import VGG16_Weights
    from torchvision.models import vgg16 as plain_vgg16

    model, transforms = plain_vgg16(weights=None).eval(), VGG16_Weights.IMAGENET1K_V1.transforms()
    fc2 = torch.nn.Sequential(*list(model.classifier)[:5])

    def loop() -> None:
        with torch.inference_mode():
            for start in range(0, len(files), 32):
                batch = torch.stack([transforms(Image.open(file).convert("RGB")) for file in files[start : start + 32]])
                fc2(torch.flatten(model.avgpool(model.features(batch)), 1))

    return lambda: Took.of(len(files), loop)


def contents(library: Path, num_photos: int) -> Contents:
    """What a library holds. Exits when that is not one finite vector of each space for each photo."""
    with closing(sqlite3.connect(library / "library.db")) as database:
        sql = "SELECT hash, data FROM spaces JOIN contents JOIN vectors ON key = number << 40 | id WHERE name = ?"
        features, words = (database.execute(sql, (space,)).fetchall() for space in ("features", "words"))
        ((held,),) = database.execute("SELECT count(*) FROM photos")
    if {held, len(features), len(words)} != {num_photos}:
        sys.exit(f"{num_photos} photos, and {library} holds {held}, with {len(features)} and {len(words)} vectors")
    _check_finite(np.frombuffer(row, "<f2") for _, row in words)
    found = {digest: np.frombuffer(row, "<f2").astype(np.float32) for digest, row in features}
    _check_finite(found.values())
    return {digest: unit(row) for digest, row in found.items()}


def check_rclip(place: Path, num_photos: int) -> None:
    with closing(sqlite3.connect(place / "db.sqlite3")) as database:
        rows = database.execute("SELECT vector FROM images WHERE deleted IS NULL").fetchall()
    if len(rows) != num_photos or {len(row) for (row,) in rows} != {4 * rclip.DIM}:
        sys.exit(f"{num_photos} photos, and rclip's database holds {len(rows)}")
    _check_finite(np.frombuffer(row, np.float32) for (row,) in rows)


def _check_finite(vectors: Iterable[NDArray[Any]]) -> None:
    if not all(np.isfinite(vector).all() for vector in vectors):
        sys.exit("a vector with numbers that are not finite")


def agreement(floats: Contents, in_bytes: Contents) -> list[report.Figure]:
    """Of the photos that both hold: as they are, and with the mean of all taken off, which is stricter."""
    both = sorted(floats.keys() & in_bytes.keys())
    plain, rounded = (np.stack([held[digest] for digest in both]) for held in (floats, in_bytes))
    mean = plain.mean(0)
    cosines = {"": (plain * rounded).sum(1), ", means taken off": (unit(plain - mean) * unit(rounded - mean)).sum(1)}
    return [
        report.Figure(f"features of {len(both)} photos: {what} cosine{how}", value, "")
        for how, found in cosines.items()
        for what, value in (("mean", float(found.mean())), ("least", float(found.min())))
    ]


def measured(
    counts: dict[str, int], files: list[Path], jobs: dict[str, Job], place: Path, rounds: int
) -> tuple[list[Rate], dict[str, Contents]]:
    """Each peer twice over one photo and in each round over all; what devise's libraries hold then."""
    held: dict[str, Contents] = {}
    one, ready = pictures.linked(files[:1], place / "one"), {}
    rates = {name: Rate(name, Took(0, 0.0, 0.0), []) for name in counts}
    for name, count in counts.items():
        if name == PLAIN:
            ready[name] = plain_loop(files[:count])
            continue
        some, job, work = pictures.linked(files[:count], place / name / "photos"), jobs[name], place / name
        starts = [Took.of(1, partial(job, one, work / f"start-{number}")) for number in range(STARTS)]
        rates[name] = Rate(name, min(starts, key=lambda took: took.seconds), [])
        ready[name] = partial(whole_run, name, some, work / "library", job, count, held)
    for _ in range(rounds):
        for name, run in ready.items():
            rates[name].rounds.append(run())
    return list(rates.values()), held


def whole_run(name: str, photos: Path, library: Path, job: Job, count: int, held: dict[str, Contents]) -> Took:
    """Into an empty place; what it holds then is counted and looked at."""
    shutil.rmtree(library, ignore_errors=True)
    took = Took.of(count, partial(job, photos, library))
    if name == RCLIP:
        check_rclip(library, count)
    else:
        held[name] = contents(library, count)
    return took


def ratios(rate: Rate, peer: Rate | None) -> tuple[float, float] | None:
    """Times as fast as the peer in the same round: whole runs, and after the start; medians."""
    if peer is None:
        return None
    pairs = (rate.overall, peer.overall), (rate.further, peer.further)
    whole, further = (median(ours / theirs for ours, theirs in zip(*pair, strict=True)) for pair in pairs)
    return whole, further


def spread(values: list[float]) -> str:
    """The median, and the least and the most where there are several."""
    return f"{median(values):.1f}" + (f" ({min(values):.1f}-{max(values):.1f})" if len(values) > 1 else "")


def table(title: str, rates: list[Rate], named: dict[str, str]) -> Table:
    columns = ("photos", "start s", "photos/s", "ratio", "after the start", "ratio", "core-ms a photo", "to", "aim")
    shown = Table("what", *columns, title=title)
    by_name = {rate.name: rate for rate in rates}
    for rate in rates:
        found, peer = ratios(rate, by_name.get(PEERS.get(rate.name, ""))), PEERS.get(rate.name, "")
        whole, further = (f"{ratio:.1f}" for ratio in found) if found else ("", "")
        shown.add_row(
            named.get(rate.name, rate.name), f"{rate.rounds[0].photos}", f"{rate.first.seconds:.1f}",
            spread(rate.overall), whole, spread(rate.further), further, f"{1000 * rate.work:.0f}",
            named.get(peer, peer), f"{AIMS[rate.name]:.1f}" if rate.name in AIMS else "",
        )  # fmt: skip
    return shown


def figures(size: int, rates: list[Rate], named: dict[str, str]) -> list[report.Figure]:
    by_name, made = {rate.name: rate for rate in rates}, []
    for rate in rates:
        whole, further = ratios(rate, by_name.get(PEERS.get(rate.name, ""))) or (None, None)
        name = f"{named.get(rate.name, rate.name)}, {rate.rounds[0].photos} photos of {size} pixels"
        made += [
            report.Figure(f"{name}: whole run", median(rate.overall), "photos/s", whole),
            report.Figure(f"{name}: after the start", median(rate.further), "photos/s", further),
            report.Figure(f"{name}: start", rate.first.seconds, "s"),
            report.Figure(f"{name}: work a photo", 1000 * rate.work, "core-ms"),
        ]
    return made


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--pixels", type=int, choices=list(FULL), action="append", help="only photos of that size")
    options = parser.parse_args()
    peer = rclip.prepared()
    models = vgg16.checkpoints(pictures.photos(options.data, pictures.ORDINARY, vgg16.PHOTOS))
    jobs = {SHIPPED: devise(None), BYTES: devise(models["bytes"]), FLOATS: devise(models["floats"])}
    jobs[RCLIP] = rclip_index(peer)
    named, saved = {RCLIP: f"rclip {peer.version}"}, []
    sizes = {size: FULL[size] for size in options.pixels} if options.pixels else FULL if options.full else QUICK
    for size, counts in sizes.items():
        files = pictures.photos(options.data, size, max(counts.values()))
        with tempfile.TemporaryDirectory(dir=config.user_cache() / "benchmarks") as place:
            rates, held = measured(counts, files, jobs, Path(place), ROUNDS if options.full else 1)
        megabytes = np.mean([file.stat().st_size for file in files]) / 1e6
        title = f"photos of {size} pixels on the longest side, {megabytes:.2f} MB on average; {os.cpu_count()} cores"
        Console(width=150).print(table(title, rates, named))
        saved += figures(size, rates, named)
        if FLOATS in held:
            close = agreement(held[FLOATS], held[BYTES])
            print(*(f"vgg16 in bytes and in floats, {figure.name}: {figure.value:.4f}" for figure in close), sep="\n")
            saved += close
    report.save(saved, options.json)


if __name__ == "__main__":
    main()
