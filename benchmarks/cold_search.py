"""Seconds of a whole `devise search "sofa cat"` process, from nothing to the printed result, beside rclip's.

    python -m benchmarks.cold_search --data DIR [--full] [--runs N] [--json FILE]

Libraries come from benchmarks.grown. Their model speaks 400,000 word vectors: those that ship and invented ones behind
them, a file of 480 MB. rclip runs a network with random weights (benchmarks.rclip), over a database that its own code
filled with random directions, as many as the library has photos; --no-indexing spares it the look at the photos' folder
that its plain command begins with, which has a row of its own for 2,000 real files. Processes are new, files are in the
page cache. All commands run once unmeasured, when their answers are checked, then in turn. Ratios: times as fast.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks import data, grown, pictures, rclip, report
from devise import config
from devise.store.sqlite.store import Store
from devise.words import WordVectors
from devise.words.format import write_vectors

DEVISE = str(Path(sys.executable).with_name("devise"))
QUERY = "sofa cat"
WORDS = 400_000  # as many as GloVe's of 6 billion tokens
SIZES = {2_000: 0.25, 100_000: 0.5}  # photos -> seconds that we aim at
FASTER = 8.0  # times as fast as rclip, that we aim at
HELP = 0.15
QUICK_RUNS, FULL_RUNS = 7, 15
SEED = 5


@dataclass(frozen=True, kw_only=True)
class Command:
    """peer: the name of the command that it is compared with. answers: how many it has to print, None for any text."""

    name: str
    arguments: list[str]
    folder: Path
    environment: dict[str, str]
    answers: int | None = None
    peer: str | None = None
    aim: float | None = None


class Rows:
    """The shipped rows with invented ones behind them, made when they are asked for: what write_vectors takes."""

    def __init__(self, known: WordVectors) -> None:
        self.known, self.shape = known, (WORDS, known.dim)

    def __len__(self) -> int:
        return WORDS

    def __getitem__(self, part: slice) -> NDArray[np.float32]:
        slots = np.arange(WORDS)[part]
        rows = np.random.default_rng([SEED, int(slots[0])]).standard_normal((len(slots), self.known.dim), np.float32)
        shipped = slots[slots < len(self.known)]
        rows[: len(shipped)] = self.known.rows(shipped)
        return rows


def vectors() -> Path:
    """The file of 400,000 word vectors; made at the first call, then found in the cache."""
    path = config.user_cache() / "benchmarks" / f"words-{WORDS}.safetensors"
    known = WordVectors.open(config.SHIPPED_VECTORS)
    if not path.exists():
        invented = [f"invented{number}" for number in range(WORDS - len(known))]
        rows: NDArray[np.float32] = Rows(known)  # type: ignore[assignment]  # as a memory map would be
        write_vectors(path, [*known.words(), *invented], rows, source="those that ship, and invented ones")
    return path


def speaking(library: Path, words: Path, place: Path) -> Path:
    """A copy of a library whose model speaks those word vectors."""
    shutil.copytree(library, place)
    store = Store(place, write=True)
    try:
        model = store.model()
        assert model is not None
        fingerprint = WordVectors.open(words).fingerprint
        spaces = tuple(
            replace(space, vectors=str(words), fingerprint=fingerprint) if space.name == "words" else space
            for space in model.spaces
        )
        with store.transaction():
            store.set_model(replace(model, spaces=spaces), store.labels())
    finally:
        store.close()
    return place


def commands(place: Path, folder: Path | None, *, full: bool) -> Iterator[Command]:
    """In the order of the table. place: an empty folder."""
    peer, words = rclip.prepared(), vectors()
    theirs, ours = f"rclip {peer.version}", partial(Command, folder=place, environment=rclip.environment())
    for count, aim in SIZES.items():
        if count > min(SIZES) and not full:
            continue
        library = speaking(grown.library(count, folder), words, place / f"library-{count}")
        asked = [DEVISE, "search", QUERY, "--json", "--library", str(library)]
        work, files = photos_of(peer, place / f"rclip-{count}", count, folder)
        name, quick = f"devise search, {count:,} photos", f"{theirs} --no-indexing, {count:,} photos"
        yield ours(name=name, arguments=asked, answers=config.SearchConfig.top, peer=quick, aim=aim)
        rival = partial(Command, folder=files, environment=peer.environment(work), answers=10)
        yield rival(name=quick, arguments=[peer.program, QUERY, "--no-indexing"])
        if count == min(SIZES):
            yield rival(name=f"{theirs}, {count:,} photos", arguments=[peer.program, QUERY])
    yield ours(name="devise --help", arguments=[DEVISE, "--help"], peer=f"{theirs} --help", aim=HELP)
    yield ours(name=f"{theirs} --help", arguments=[peer.program, "--help"])
    for code in ("import numpy", "pass"):
        yield ours(name=f'python -c "{code}"', arguments=[sys.executable, "-c", code])


def photos_of(peer: rclip.Rclip, work: Path, count: int, folder: Path | None) -> tuple[Path, Path]:
    """The data folder of rclip, and the folder of its photos: real files for the smallest library, else names only."""
    files = work / "photos"
    if count == min(SIZES):
        some = [*sorted((data.unpacked(folder, "voc") / "images").glob("*.jpg")),
                *sorted(data.unpacked(folder, "flickr8k").rglob("*.jpg"))]  # fmt: skip
        rows = rclip.rows_of(sorted(pictures.linked(some[:count], files).iterdir()))
    else:
        files.mkdir(parents=True)
        rows = [(str(files / f"IMG_{number:07}.jpg"), 1.6e9 + number, 100_000) for number in range(count)]
    peer.fill(work / "data", rows)
    return work / "data", files


def run(command: Command) -> tuple[float, str]:
    """Seconds, and what was printed."""
    begun = time.perf_counter()
    done = subprocess.run(
        command.arguments, env=command.environment, cwd=command.folder, capture_output=True, text=True
    )
    seconds = time.perf_counter() - begun
    if done.returncode:
        sys.exit(f"{command.name} failed: {done.stderr}")
    return seconds, done.stdout


def check(command: Command, printed: str) -> None:
    """Exits when a search did not print as many answers as it has to."""
    if command.answers is None:
        return
    answers = len(json.loads(printed)) if "--json" in command.arguments else len(printed.splitlines()) - 1
    if answers != command.answers:
        sys.exit(f"{command.name} printed {answers} answers: {printed[:500]}")


def measured(all_commands: list[Command], runs: int) -> dict[str, list[float]]:
    """Name -> seconds of each run."""
    for command in all_commands:
        check(command, run(command)[1])
    seconds: dict[str, list[float]] = {command.name: [] for command in all_commands}
    for _ in range(runs):
        for command in all_commands:
            seconds[command.name].append(run(command)[0])
    return seconds


def shown(all_commands: list[Command], seconds: dict[str, list[float]]) -> tuple[Table, list[report.Figure]]:
    """Ratios are those of medians."""
    runs = len(next(iter(seconds.values())))
    title = f"{WORDS:,} word vectors, {runs} runs in turn, {os.cpu_count()} cores"
    table = Table("command", "median s", "fastest s", "slowest s", "aim s", "times as fast", "aim", title=title)
    figures = []
    for command in all_commands:
        took = seconds[command.name]
        median = statistics.median(took)
        ratio = statistics.median(seconds[command.peer]) / median if command.peer else None
        is_search = command.peer is not None and command.answers is not None
        table.add_row(
            command.name, *(f"{value:.3f}" for value in (median, min(took), max(took))),
            f"{command.aim:.2f}" if command.aim else "", f"{ratio:.1f}" if ratio else "",
            f"{FASTER:.1f}" if is_search else "",
        )  # fmt: skip
        figures += [report.Figure(f"{command.name}: median", median, "s", ratio),
                    report.Figure(f"{command.name}: fastest", min(took), "s"),
                    report.Figure(f"{command.name}: slowest", max(took), "s")]  # fmt: skip
    return table, figures


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--runs", type=int, help=f"of each command (default: {QUICK_RUNS}; with --full {FULL_RUNS})")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=config.user_cache() / "benchmarks") as place:
        all_commands = list(commands(Path(place), options.data, full=options.full))
        runs = options.runs or (FULL_RUNS if options.full else QUICK_RUNS)
        table, figures = shown(all_commands, measured(all_commands, runs))
    Console(width=110).print(table)
    report.save(figures, options.json)


if __name__ == "__main__":
    main()
