"""Every odd picture, name and file: opened or refused with a reason, in little time and memory.

    DEVISE_DATA=folder python -m tests.endurance.pictures [--full]

With DEVISE_DATA (optional) all files of its nasty.zip are looked at as well. --full: a folder of a million names.
"""

from __future__ import annotations

import argparse
import os
import resource
import socket
import stat
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from devise.errors import DeviseError
from devise.library import Library
from devise.library.upkeep.check import check
from devise.photos import Found, Trouble, details, find, load
from devise.photos.open import picture, thumbnail_jpeg
from tests.endurance.odd import NAMES, ODD, UPRIGHT, oriented, write_odd
from tests.endurance.watch import Outcome, report, watched, write
from tests.fakes import FakeEncoder

NASTY = "nasty.zip"
NEAR = 1e-3  # from a cosine of 1: a JPEG that is packed turned differs by two levels of 255, the others by none
MANY, MILLION = 20_000, 1_000_000


def opened(path: Path) -> str:
    """A picture in every way that devise opens one: all answer, or all say why not."""
    outcomes = [_outcome(partial(ways, path)) for ways in WAYS]
    told = [said for said in outcomes if said]
    if told and len(told) < len(outcomes):
        raise ValueError(f"opened in one way and not in another: {told[0]}")
    about = details(str(path))
    if about.pixels < 0 or any(not c.isprintable() for c in about.text.replace("\n", "")):
        raise ValueError(f"details that are none: {about}"[:200])
    return "refused with a reason" if told else "opened"


def _outcome(work: Callable[[], object]) -> str:
    """What an error says; nothing where there was none."""
    try:
        work()
        return ""
    except DeviseError as error:
        if not str(error).partition(": ")[2].strip():
            raise ValueError("an error without a reason") from error
        return str(error)


def _loaded(path: Path, resize: str) -> None:
    pixels = load(path, size=64, resize=resize)
    if pixels.shape != (64, 64, 3) or pixels.dtype != np.uint8:
        raise ValueError(f"pixels of {pixels.shape}")


def _in_bytes(path: Path) -> None:
    if not thumbnail_jpeg(str(path), 80).startswith(b"\xff\xd8"):
        raise ValueError("a thumbnail that is none")


def _seen(path: Path) -> None:
    if max(picture(str(path), 100).size) > 100:
        raise ValueError("a picture that is too large")


WAYS: tuple[Callable[[Path], None], ...] = (
    lambda path: _loaded(path, "squash"), lambda path: _loaded(path, "crop"), _in_bytes, _seen,
)  # fmt: skip


def indexed(folder: Path, place: Path, least: int) -> str:
    """A whole run over a folder: each photo is in the library or in the report, with a reason."""
    wanted = {found.path for found in find([folder]) if isinstance(found, Found)}
    with Library(place) as library:
        done = library.index([folder], model=FakeEncoder())
        known = set(library.paths())
        skipped = {each.path for each in done.skipped if each.reason.strip()}
        again = library.index(model=FakeEncoder())
    if lost := wanted - known - skipped:
        raise ValueError(f"{len(lost)} photos in neither: {sorted(lost)[0]!r}"[:300])
    if len(known) < least:
        raise ValueError(f"{len(known)} photos, not {least}")
    if again.added or again.updated or again.removed:
        raise ValueError(f"a second run changed something: {again}"[:300])
    if found := [finding.text for finding in check(place) if finding.is_damage]:
        raise ValueError(found[0])
    return "indexed"


# Names, links, pipes and devices


def strange(folder: Path) -> int:
    """Files of strange names, and things that are no files under the names of photos. How many are photos."""
    photo = (folder / "plain.png").resolve()
    write_odd(photo, "rgb.png")
    count = 1
    for name in NAMES:
        try:
            os.link(photo, os.path.join(os.fsencode(folder), name))
            count += 1
        except OSError:
            continue  # a name that this file system does not take
    deep = folder
    while len(os.fsencode(deep)) < 3_600:
        deep /= "d" * 200
    deep.mkdir(parents=True)
    os.link(photo, deep / f"{'p' * 240}.png")
    (folder / "loop").symlink_to(folder)
    (folder / "a").mkdir()
    (folder / "a" / "b").symlink_to(folder / "a")
    (folder / "itself.png").symlink_to(folder / "itself.png")
    (folder / "nowhere.png").symlink_to(folder / "none")
    (folder / "zero.png").symlink_to("/dev/zero")
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    os.mkfifo(folder / "plain.txt")  # as a sidecar
    try:
        os.mknod(folder / "device.png", stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except PermissionError:
        write("  no device could be made: only the administrator may")
    here = Path.cwd()
    os.chdir(folder)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.png")
    os.chdir(here)
    return count + 1


def named(folder: Path, place: Path) -> str:
    """Strange names come back from the library as they are."""
    least = strange(folder)
    indexed(folder, place, least)
    with Library(place) as library:
        paths = library.paths()
        missing = [name for name in NAMES if os.path.lexists(os.path.join(os.fsencode(folder), name))
                   and os.fsdecode(os.path.join(os.fsencode(folder), name)) not in paths]  # fmt: skip
        opened_too = [p for p in paths if os.path.basename(p) in ("pipe.png", "zero.png", "device.png", "socket.png")]
        for path in paths:
            library.similar(path, 2)
    if missing or opened_too:
        raise ValueError(f"missing {missing}, opened {opened_too}")
    return "indexed"


def many(folder: Path, count: int) -> str:
    """A folder of very many names is walked."""
    started, number, troubles = time.process_time(), 0, 0
    for found in find([folder]):
        number += isinstance(found, Found)
        troubles += isinstance(found, Trouble)
    if (number, troubles) != (count, 0):
        raise ValueError(f"{number} of {count} found, {troubles} troubles")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return f"walked in {time.process_time() - started:.0f} s of processor time and {most} MB"


def fill(folder: Path, count: int) -> None:
    for number in range(count):
        os.close(os.open(folder / f"{number:07}.jpg", os.O_CREAT | os.O_WRONLY))


# Orientations


def upright(folder: Path) -> str:
    """EXIF's eight orientations of one picture, in each format that has them, are one picture to the real model."""
    from devise.descriptors.network.engine import open_encoder

    encoder = open_encoder("slim")
    for ending in UPRIGHT:
        pixels = []
        for orientation in range(1, 9):
            path = folder / f"{orientation}{ending}"
            oriented(path, orientation)
            pixels.append(load(path, size=encoder.size, resize=encoder.resize))
        found = encoder.encode(np.stack(pixels))
        for space in ("words", "features"):
            apart = 1 - float((found[space] @ found[space][0]).min())
            if apart > NEAR:
                raise ValueError(f"{ending}, {space}: {apart:.5f} apart")
    return "the same vectors"


def looked_at(what: str, paths: list[Path]) -> int:
    outcomes: list[Outcome] = list(watched(lambda number: opened(paths[number]), len(paths), batch=40))
    return report(what, outcomes, lambda number: paths[number].name)


def once(what: str, work: Callable[[], str], *, seconds: float = 60.0, megabytes: int = 1_000) -> int:
    outcomes = list(watched(lambda number: work(), 1, seconds=seconds, megabytes=megabytes))
    return report(what, outcomes, lambda number: what)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=MANY, help="names in the folder of many")
    parser.add_argument("--full", action="store_true")
    chosen = parser.parse_args()
    count = MILLION if chosen.full else chosen.rounds
    with tempfile.TemporaryDirectory(prefix="devise-pictures-") as name:
        return int(run(Path(name), count) > 0)


def run(base: Path, count: int) -> int:
    odd, names, folder, turned = (base / each for each in ("odd", "names", "many", "turned"))
    for each in (odd, names, folder, turned):
        each.mkdir()
    for each in ODD:
        write_odd(odd / each, each)
    faults = looked_at("pictures made to be odd", sorted(odd.iterdir()))
    faults += once("a run over those", partial(indexed, odd, base / "library-odd", 1))
    archive = Path(os.environ.get("DEVISE_DATA") or "none") / NASTY
    if archive.is_file():
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(base / "nasty")
        faults += looked_at(NASTY, sorted(path for path in (base / "nasty").rglob("*") if path.is_file()))
        faults += once("a run over those", partial(indexed, base / "nasty", base / "library-nasty", 100))
    else:
        write(f"  {NASTY} was left out: no DEVISE_DATA")
    faults += once("names, links, pipes, devices", partial(named, names, base / "library-names"))
    faults += once("orientations 1 to 8", partial(upright, turned), seconds=300, megabytes=3_000)
    fill(folder, count)
    faults += once(f"a folder of {count:,} names", partial(many, folder, count), seconds=600)
    faults += once(f"a run over {min(count, MANY):,} empty files", partial(empty, base, min(count, MANY)), seconds=600)
    write(f"| pictures, all | crashed, hung or without a reason: {faults} |")
    return faults


def empty(base: Path, count: int) -> str:
    folder = base / "empty"
    folder.mkdir()
    fill(folder, count)
    return indexed(folder, base / "library-empty", 0)


if __name__ == "__main__":
    sys.exit(main())
