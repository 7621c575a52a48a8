"""A disk that is full, becomes read-only, or is taken away, at every write and at sizes of every kind.

python -m tests.endurance.disks [--rounds N | --full]
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devise.errors import DeviseError
from devise.library import Library
from tests.endurance.deeds import Deed, Files, Problems, imported, of_files, of_libraries, small
from tests.endurance.rounds import Rounds, Tally, asked
from tests.endurance.writes import Ended, How, Say, count, ended, forked, with_writes

NOBODY = 65534
REMEDIES = ("free space", "choose another", "check its disk", "the room on its disk")
STEP = 8 << 10  # bytes: half a page of the database


def main() -> None:
    rounds = asked(__doc__, few=1)
    exact = with_writes()
    small()
    imported("gensim.models", "openvino", "torch", "devise.words.importing", "devise.training.loop")
    chance = random.Random(rounds.seed)
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="devise-endurance-") as base:
        Path(base).chmod(0o755)
        libraries = of_libraries()
        for deed in (deed for deed in (*libraries, *of_files()) if rounds.only in deed.name):
            deed.begin(Path(base))
            if exact:
                _each_write(deed, rounds, chance, tally)
            if not isinstance(deed, Files):
                _forbidden(deed, rounds, chance, tally)
        for deed in (deed for deed in libraries[:2] if rounds.only in deed.name):
            _vanishing(deed, rounds, chance, tally)
        _full(Path(base), rounds, chance, tally)
    sys.exit(tally.told())


def _each_write(deed: Deed, rounds: Rounds, chance: random.Random, tally: Tally) -> None:
    deed.ground()
    num_writes = count(lambda say: deed.act(deed.folder, say), deed.folder)
    for at in rounds.some(range(1, num_writes + 1), chance):
        how = (How.FULL, How.READ_ONLY)[(at + rounds.seed) % 2]
        deed.ground()
        end = ended(forked(lambda say: deed.act(deed.folder, say), deed.folder, how, at))
        what = "full" if how is How.FULL else "read-only"
        _judge(deed, f"the disk is {what} from each of {num_writes} writes on", f"from {at}", end, tally)


def _judge(deed: Deed, what: str, which: str, end: Ended, tally: Tally, after: Problems | None = None) -> None:
    problems = _told_well(end) + (after or [])
    problems += deed.problems(end.number if end.status else 0)
    problems += deed.finish()
    tally.add(deed.name, what, which, problems)


def _told_well(end: Ended) -> Problems:
    """One line with a remedy, or no error at all, where what could not be written was no more than a courtesy."""
    if end.status == 0:
        return []
    is_well = end.status == 1 and "\n" not in end.error and any(text in end.error for text in REMEDIES)
    return [] if is_well else [f"status {end.status}, and said: {end.error}"]


def _forbidden(deed: Deed, rounds: Rounds, chance: random.Random, tally: Tally) -> None:
    """The library's folder turns read-only at a random moment. Root may always write: somebody else runs."""
    if os.geteuid():
        tally.note("not root: nobody else can be asked to run, folders that turn read-only are left out")
        return
    seconds = deed.seconds()
    for _ in rounds.number(full=15):
        deed.ground()
        wait, folder = chance.uniform(0, seconds), deed.folder / "library"
        _give(deed.folder)
        child = forked(lambda say: _as_nobody(deed, say))
        time.sleep(wait)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o555)
        end = ended(child)
        folder.chmod(0o755)
        _judge(deed, "its folder turns read-only", f"after {wait:.3f} s", end, tally)


def _give(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)


def _as_nobody(deed: Deed, say: Say) -> None:
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    deed.act(deed.folder, say)


def _vanishing(deed: Deed, rounds: Rounds, chance: random.Random, tally: Tally) -> None:
    """The folder of photos is taken away at each look at it: a folder listed, a file's status, a file opened."""
    looks = _looks(deed, 1 << 30)
    for at in rounds.some(range(1, looks.number + 1), chance):
        end = _looks(deed, at)
        is_well = any(text in end.error for text in ("s its disk mounted", "no photos in"))
        problems = [] if is_well else [f"status {end.status}, and said: {end.error}"]
        if end.status == 0:  # all but the last few looks had been answered
            problems = []
        problems += deed.problems(None)
        away, here = deed.folder / "away", deed.folder / "photos"
        if away.exists():
            shutil.rmtree(here, ignore_errors=True)
            away.rename(here)
        tally.add(deed.name, f"its photos vanish at each of {looks.number} looks", f"at {at}", problems + deed.finish())


def _looks(deed: Deed, at: int) -> Ended:
    """Photos vanish at look `at`; an empty folder is left, as of a disk that is not mounted."""
    deed.ground()
    photos, seen = deed.folder / "photos", 0

    def looking(path: object) -> None:
        nonlocal seen
        if str(path).startswith(str(photos)):
            seen += 1
            if seen == at:
                photos.rename(photos.with_name("away"))
                photos.mkdir()

    def act(say: Say) -> None:
        for name in ("scandir", "stat"):
            setattr(os, name, _watched(getattr(os, name), looking))
        import devise.library.ingest.prefetch as reading

        reading.read = _watched(reading.read, looking)  # type: ignore[attr-defined]
        try:
            deed.act(deed.folder, lambda text: None)
        finally:
            if at > seen:
                say(str(seen))

    return ended(forked(act))


def _watched(real, looking):  # type: ignore[no-untyped-def]
    def watched(path, *arguments, **options):  # type: ignore[no-untyped-def]
        looking(path)
        return real(path, *arguments, **options)

    return watched


def _full(base: Path, rounds: Rounds, chance: random.Random, tally: Tally) -> None:
    """Real disks that are too small, each by a little more than the one before."""
    place = base / "disk"
    place.mkdir()
    for deed in (deed for deed in (*of_libraries(), *of_files()) if rounds.only in deed.name):
        with _mounted(place, 64 << 20) as is_mounted:
            if not is_mounted:
                tally.note("disks cannot be mounted here: real ones that fill up are left out")
                return
            deed.begin(place)
            used = _used(deed.ground())
            ended(forked(lambda say, deed=deed: deed.act(deed.folder, say)))
            needed = _used(deed.folder) - used + (2 << 20)
            rooms = range(0, needed, STEP)
            for _, room in zip(rounds.number(full=25), chance.sample(rooms, len(rooms)), strict=False):
                _one_full(deed, place, room, tally)


def _one_full(deed: Deed, place: Path, room: int, tally: Tally) -> None:
    deed.ground()
    filler = place / "filler"
    with filler.open("wb") as file:  # what others store
        free = shutil.disk_usage(place).free
        os.posix_fallocate(file.fileno(), 0, max(1, free - room))
    end = ended(forked(lambda say: deed.act(deed.folder, say)))
    found = _searched(deed.folder / "library")
    filler.unlink()
    _judge(deed, "a real disk that is too small", f"{room:,} bytes left", end, tally, found)


def _searched(folder: Path) -> Problems:
    """What is stored can be searched while the disk is full."""
    end = ended(forked(lambda say: _search(folder)))
    return [f"a search on the full disk: {end.error}"] if end.status else []


def _search(folder: Path) -> None:
    try:
        with Library(folder) as library:
            paths = library.paths()
            if paths:
                library.similar(paths[0], 3)
    except DeviseError as error:
        # The deed's own ground may be damaged; a run that was cut off leaves what SQLite needs 32 KiB more to read
        if all(said not in str(error) for said in ("never filled", "damaged", "its disk may be full")):
            raise


def _used(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


@contextmanager
def _mounted(place: Path, size: int) -> Iterator[bool]:
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "devise", place], capture_output=True)
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "-l", place], check=True)


if __name__ == "__main__":
    main()
