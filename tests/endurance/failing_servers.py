"""Servers whose disks are full, or that are killed, while photos come in: one line says so, and the same call goes on.

    python -m tests.endurance.failing_servers [--photos 3000] [NAME ...]

Starts a PostgreSQL and a Milvus of its own, each on a file system of a few hundred MB in memory (which takes root), and
fills that, or kills the server, when a part of the photos is in. Then there is room again, or the server is started
again on its data, and the same call is made: all photos are to be in, and none encoded twice.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from devise import Library
from devise.config import IndexConfig, SearchConfig, Settings
from devise.errors import DeviseError
from devise.library.upkeep.check import check
from devise.spaces import Space
from devise.store.location import Address
from devise.store.opening import served
from devise.vectors import unit
from recipes.servers import free_port, milvus, postgres
from tests.endurance.killed_workers import SETTINGS, Counting, draw

MB = {"postgresql": 500, "milvus": 1_000}  # a new server takes 40, and 270 of which 250 are its program
INGEST = replace(SETTINGS.ingest, settle=200)  # so that Milvus is told of contents during the run
SEARCHED = Settings(ingest=INGEST, index=IndexConfig(exact_below=4), search=SearchConfig(candidates=1))
PROGRAM = {"postgresql": b"postgres", "milvus": b"bin/milvus"}
START = {"postgresql": postgres, "milvus": milvus}
PATIENCE_SECONDS = 300.0  # for a server to answer again, of its own or anew


class Wide(Counting):
    """With rows of 38 KB in Milvus, which reserves room on its disk ahead: that is soon used up."""

    fingerprint = sha256(b"mean colours of 4 x 4 squares, 200 times").hexdigest()
    spaces = (Space(name="features", dim=200 * 48),)

    def encode(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        return {"features": unit(np.tile(super().encode(pixels)["features"], 200))}


class Servers:
    """Both, each on a small disk of its own; they can be killed, filled and started again."""

    def __init__(self, place: Path, stack: ExitStack) -> None:
        self._places = {name: place / name for name in MB}
        self._ports = {name: free_port() for name in MB}
        self._running: dict[str, ExitStack] = {}
        place.chmod(0o755)  # for PostgreSQL runs as somebody else
        for name, where in self._places.items():
            stack.enter_context(_disk(where, MB[name]))
            stack.callback(self.stop, name)
            self.start(name)
        catalog = f"postgresql://postgres@127.0.0.1:{self._ports['postgresql']}/postgres"
        self.at = Address("127.0.0.1", self._ports["milvus"], "photos", catalog)

    def start(self, name: str) -> None:
        self._running[name] = ExitStack()
        self._running[name].enter_context(START[name](self._places[name], self._ports[name]))

    def stop(self, name: str) -> None:
        if name in self._running:
            self._running.pop(name).close()

    def kill(self, name: str) -> None:
        for pid in self.processes(name):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def processes(self, name: str) -> list[int]:
        """Those of its program that name its place."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command = (process / "cmdline").read_bytes()
                if os.fsencode(self._places[name]) in command and PROGRAM[name] in command:
                    found.append(int(process.name))
        return found

    def last_words(self, name: str) -> str:
        """Of Milvus."""
        log = self._places[name] / "milvus/logs/milvus-stderr.log"
        return log.read_text(errors="replace")[-1_500:] if log.exists() else ""

    def fill(self, name: str) -> None:
        """Until nothing more can be written there."""
        with (self._places[name] / "ballast").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(1 << 16))

    def empty(self, name: str) -> None:
        (self._places[name] / "ballast").unlink()


@contextmanager
def _disk(place: Path, megabytes: int) -> Iterator[None]:
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def full(servers: Servers, name: str) -> tuple[Callable[[], None], Callable[[], None]]:
    return lambda: servers.fill(name), lambda: servers.empty(name)


def full_and_restarted(servers: Servers, name: str) -> tuple[Callable[[], None], Callable[[], None]]:
    def mend() -> None:
        servers.empty(name)
        servers.kill(name)
        servers.stop(name)
        servers.start(name)

    return lambda: servers.fill(name), mend


def killed(servers: Servers, name: str) -> tuple[Callable[[], None], Callable[[], None]]:
    def mend() -> None:
        servers.stop(name)
        servers.start(name)

    return lambda: servers.kill(name), mend


TRIALS = {
    "PostgreSQL killed": (killed, "postgresql"),
    "PostgreSQL's disk full": (full, "postgresql"),
    "Milvus killed": (killed, "milvus"),
    "Milvus' disk full": (full_and_restarted, "milvus"),
}


def trial(what: str, folder: Path, count: int, different: int, log: Path) -> list[str]:
    """What went wrong; prints what was said."""
    log.write_text("")
    with tempfile.TemporaryDirectory(prefix="devise-failing-") as place, ExitStack() as stack:
        servers = Servers(Path(place), stack)
        how, name = TRIALS[what]
        harm, mend = how(servers, name)
        stop = threading.Event()
        harming = threading.Thread(target=_when, args=(servers.at, different // 3, harm, stop))
        harming.start()
        begun = time.monotonic()
        said = attempt(servers.at, folder, log)
        seconds = time.monotonic() - begun
        stop.set()
        harming.join()
        print(f"{what}: after {seconds:.0f} s: {said}", flush=True)
        alive = bool(servers.processes(name))
        mend()
        print(f"  the server {'ran on' if alive else 'had ended'}", flush=True)
        time.sleep(10)
        if not servers.processes(name):
            print("  started again it ended:", servers.last_words(name), flush=True)
        return [*_told(said, what), *_resumed(servers.at, folder, log, count, different)]


def _when(at: Address, contents: int, harm: Callable[[], None], stop: threading.Event) -> None:
    """As soon as so many are stored."""
    while not stop.wait(0.1):
        with suppress(DeviseError), closing(served(at)) as store:
            if store.num_contents() >= contents:
                harm()
                return


def attempt(at: Address, folder: Path, log: Path) -> str:
    """What a run says: an error, or what it has done. Then the servers are asked for all that they have."""
    try:
        with Library(at, model=Wide(str(log)), settings=SEARCHED) as library:
            report = library.index([folder])
        return str(report) + "".join(f"; check: {finding.text}" for finding in check(at))
    except DeviseError as error:
        return f"{type(error).__name__}: {error}"


def _told(said: str, what: str) -> list[str]:
    is_well = "Error: " in said and "\n" not in said and "run the same command again" in said
    return [] if is_well else [f"{what}: was told as {said!r}"]


def _resumed(at: Address, folder: Path, log: Path, count: int, different: int) -> list[str]:
    """The same call again, until the server is there; what is not as it should be."""
    end = time.monotonic() + PATIENCE_SECONDS
    while "Error: " in (said := attempt(at, folder, log)) and time.monotonic() < end:
        print(f"  again: {said}", flush=True)
        time.sleep(2)
    print(f"  again: {said}", flush=True)
    if "Error: " in said:
        return [f"not resumed: {said}"]
    photos = Counter(line.split()[1] for line in log.read_text().splitlines())
    problems = [said] if "check: " in said else []
    with Library(at, model=Wide(str(log)), settings=SEARCHED) as library, closing(served(at)) as store:
        has, waiting = (len(library), store.num_contents()), len(store.served.waiting())
        paths = library.paths()[:: count // 5]
        found = [match.path for path in paths for match in library.similar(path, 3)]
        whole = Library(at, model=library._resources.model)
        exact = [match.path for path in paths for match in whole.similar(path, 3)]
    twice = sum(times - 1 for times in photos.values())
    print(
        f"  {has[0]:,} photos, {has[1]:,} contents; {twice} encoded once more; {waiting} that Milvus has not heard of"
    )
    if has != (count, different) or waiting or found != exact:
        problems.append(f"{has} are there, not {(count, different)}; found {found}, exactly {exact}")
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=3_000)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(TRIALS)}")
    given = parser.parse_args()
    if os.getuid():
        sys.exit("small disks are mounted, which takes root")
    problems = []
    with tempfile.TemporaryDirectory(prefix="devise-failing-photos-") as place:
        different = draw(Path(place) / "photos", given.photos)
        for what in given.names or TRIALS:
            found = trial(what, Path(place) / "photos", given.photos, different, Path(place) / "encoded.txt")
            print(f"  {found or 'as it should be'}", flush=True)
            problems += found
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
