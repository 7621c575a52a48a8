"""Fuzzing of what reads files of others: changed files of every kind, steered by which lines they reach.

    DEVISE_DATA=folder python -m tests.endurance.fuzzing [photos | said | odd | vectors] [--seconds N | --full]
        [--found FOLDER] [--corpus FOLDER]

photos: all that opens them; the others stand in tests.endurance.parsers: what files say, odd and cut pictures, word
vectors. --corpus keeps the files that reach new lines, and a later run goes on from them.

With atheris (libFuzzer for Python; pip install atheris) the lines of Pillow's readers that are written in Python and
devise's own are watched, and files that reach new ones are changed further. Decoders written in C are not compiled for
it, so they are only fed. Without atheris files are changed blindly. What crashes, hangs or raises anything but
a DeviseError is kept in --found, named by its hash.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from functools import partial
from pathlib import Path

from tests.endurance.parsers import TARGETS, Target
from tests.endurance.watch import Outcome, report, watched, write

QUICK, FULL = 40, 3_600
LARGEST = 60_000  # bytes of a file that is changed: small ones are read more often
MEGABYTES = 1_500  # of one input's reading; atheris itself holds some
SECONDS = 10
LARGE = ("bomb", "large", "long", "profile-large")


def look(data: bytes) -> str:
    """All that devise does with the bytes of a photo; PhotoError is the only error that they may cause."""
    from devise.errors import PhotoError
    from devise.photos import details, load
    from devise.photos.open import thumbnail_jpeg
    from devise.photos.sidecars import READERS

    for reader in READERS.values():  # as if the same bytes stood beside a photo
        list(reader(data))
    told = 0
    for name in ("photo.jpg", "photo.dng") if data[:2] in (b"II", b"MM") else ("photo.jpg",):
        for work in (
            lambda name=name: load(data, size=48, resize="squash", path=name),
            lambda name=name: load(data, size=900, resize="crop", path=name),  # no preview is enough for it
            lambda: thumbnail_jpeg(data, 48),
            lambda name=name: details(name, data),
        ):
            try:
                work()
            except PhotoError as error:
                told += 1
                if not error.reason or "\n" in error.reason:
                    raise ValueError(f"a reason that is none: {error.reason!r}") from error
    return "refused with a reason" if told else "opened"


def corpus(folder: Path) -> int:
    """Small files of every format, odd ones too. How many."""
    from tests.endurance.odd import ODD  # here, for Pillow must not be imported before it is watched

    for name, made in ODD.items():
        if not name.startswith(LARGE):
            (folder / name).write_bytes(made())
    archive = Path(os.environ.get("DEVISE_DATA") or "none") / "nasty.zip"
    if archive.is_file():
        with zipfile.ZipFile(archive) as packed:
            for number, entry in enumerate(packed.infolist()):
                if not entry.is_dir() and entry.file_size < LARGEST:
                    (folder / f"nasty-{number}").write_bytes(packed.read(entry))
    return len(list(folder.iterdir()))


def _target(what: str) -> Target:
    return Target(look, corpus, ("PIL", "devise.photos"), LARGEST) if what == "photos" else TARGETS[what]


# With atheris: a child that is steered, started again after each crash


def steered(what: str, seconds: float, folder: Path, found: Path) -> tuple[int, int]:
    """How many files were looked at and how many of them were faults."""
    runs, until, faults = 0, time.monotonic() + seconds, 0
    while (left := int(until - time.monotonic())) > 3:
        kept = f"-artifact_prefix={found}/"
        options = [f"-max_total_time={left}", f"-timeout={SECONDS * 3}", "-rss_limit_mb=0",
                   f"-max_len={_target(what).largest}", kept, "-print_final_stats=1", "-close_fd_mask=1"]  # fmt: skip
        command = [sys.executable, "-m", "tests.endurance.fuzzing", "--child", what, *options, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        counts = re.findall(r"(?:#(\d+)\s|number_of_executed_units: (\d+))", done.stderr)
        runs += max((int(a or b) for a, b in counts), default=0)
        if done.returncode == 0:
            break
        faults += 1
        write(f"  fault {faults} (status {done.returncode}): {_last_words(done.stderr)}")
        if not counts:  # it never began
            break
    for file in found.iterdir():
        _tell(file)
    return runs, faults


def _last_words(text: str) -> str:
    telling = [line for line in text.splitlines() if re.search(r"Error|ERROR|Exception|SUMMARY|signal", line)]
    return " / ".join(telling[-3:])[:400] or text[-300:].replace("\n", " ")


def _tell(file: Path) -> None:
    data = file.read_bytes()
    write(f"  {hashlib.sha256(data).hexdigest()[:16]}: {len(data):,} bytes, begins with {data[:12]!r}")


def child(what: str, options: list[str]) -> None:
    import atheris

    target = _target(what)
    with atheris.instrument_imports(include=list(target.watched), enable_loader_override=False):
        from PIL import Image

        import devise.photos
        import devise.words

        Image.init()
        target.look(b"")  # imports the rest
    assert devise.photos
    assert devise.words

    def one(data: bytes) -> None:
        target.look(data)

    atheris.Setup([sys.argv[0], *options], one)
    atheris.Fuzz()


# Without it


def blind(what: str, seconds: float, folder: Path, found: Path) -> tuple[int, int]:
    """The same by changes drawn at random, in children that are watched."""
    files = [file.read_bytes() for file in sorted(folder.iterdir())]
    until, outcomes = time.monotonic() + seconds, list[Outcome]()
    start, batch = 0, 500
    while time.monotonic() < until:
        work = partial(_changed_and_looked_at, what, files, start)
        for outcome in watched(work, batch, batch=100, megabytes=MEGABYTES):
            outcomes.append(Outcome(start + outcome.number, outcome.said, outcome.fault))
            if outcome.fault:
                data = changed(files, random.Random(start + outcome.number))
                file = found / hashlib.sha256(data).hexdigest()[:16]
                file.write_bytes(data)
                _tell(file)
        start += batch
    return len(outcomes), report("changed files", outcomes, lambda number: f"number {number}")


def _changed_and_looked_at(what: str, files: list[bytes], start: int, number: int) -> str:
    return _target(what).look(changed(files, random.Random(start + number)))


def changed(files: list[bytes], chance: random.Random) -> bytes:
    """A file with some bytes changed, left out, doubled or taken from another."""
    data = bytearray(chance.choice(files) or b"\0")
    for _ in range(chance.choice((1, 1, 2, 4, 16, 64))):
        at, way = chance.randrange(len(data)), chance.randrange(6)
        length = chance.choice((1, 2, 4, 8, 64, 512))
        if way == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif way == 1:
            data[at : at + length] = chance.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * length
        elif way == 2:
            del data[at : at + length]
        elif way == 3:
            data[at:at] = data[at : at + length]
        elif way == 4:
            other = chance.choice(files)
            begin = chance.randrange(max(1, len(other)))
            data[at : at + length] = other[begin : begin + length]
        else:
            data[at : at + length] = chance.randbytes(length)
        data = data or bytearray(b"\0")
    return bytes(data[: 2 * LARGEST])


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3:])
        return 0
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", default="photos", choices=["photos", *TARGETS])
    parser.add_argument("--seconds", type=float, default=QUICK)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--found", type=Path, help="where inputs that fail are kept")
    parser.add_argument("--corpus", type=Path, help="where files that reach new lines are kept, to go on from")
    parser.add_argument("--blind", action="store_true", help="even where atheris is installed")
    chosen = parser.parse_args()
    is_steered = importlib.util.find_spec("atheris") is not None and not chosen.blind
    with tempfile.TemporaryDirectory(prefix="devise-fuzzing-") as name:
        folder, found = chosen.corpus or Path(name) / "corpus", chosen.found or Path(name) / "found"
        for each in (folder, found):
            each.mkdir(parents=True, exist_ok=True)
        _target(chosen.what).corpus(folder)
        number = len(list(folder.iterdir()))
        fuzz = steered if is_steered else blind
        runs, faults = fuzz(chosen.what, FULL if chosen.full else chosen.seconds, folder, found)
        kept = len(list(folder.iterdir())) - number
    how = f"steered by lines, {kept:,} that reach new ones" if is_steered else "changed blindly; no atheris"
    write(
        f"| fuzzing: {chosen.what} | {runs:,} inputs from {number:,} files, {how} | crashed, hung or raised: {faults} |"
    )
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
