"""The real command with the real model on a dozen pictures: killed, stopped and interrupted at random moments."""

from __future__ import annotations

import os
import pty
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from devise.library import Library
from tests.endurance.deeds import Problems, at_home, damage, litter, noise, state
from tests.endurance.rounds import Rounds, Tally

NAME = "devise index, the real model"
PHOTOS = 12
PATIENCE = 60  # seconds for a command that takes two
ENDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "stopped", signal.SIGHUP: "stopped"}
TOGETHER = ((signal.SIGTERM, signal.SIGHUP), (signal.SIGHUP, signal.SIGHUP), (signal.SIGINT, signal.SIGTERM))


def with_the_real_model(base: Path, rounds: Rounds, chance: random.Random, tally: Tally) -> None:
    place = base / "real"
    place.mkdir()
    at_home(place)
    for seed in range(PHOTOS):
        noise(place / "photos" / f"{seed}.png", seed, 300)
    begun = time.monotonic()
    whole = _whole(place)
    seconds = time.monotonic() - begun
    for _ in rounds.number(full=25):
        _killed(place, chance.uniform(0, seconds), whole, tally)
    for number in ENDS:
        for _ in rounds.number(full=10):
            _stopped(place, (number,), chance.uniform(0, seconds), whole, tally)
    for numbers in TOGETHER:
        for _ in rounds.number(full=4):
            _stopped(place, numbers, chance.uniform(0, seconds), whole, tally)
    for _ in rounds.number(full=6):
        _hung_up(place, chance.uniform(0, seconds), whole, tally)


def _whole(place: Path) -> dict[str, Any]:
    """What an undisturbed run makes."""
    result = subprocess.run(_command(place), capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"the undisturbed command fails: {result.stderr}")
    return _emptied(place)


def _command(place: Path) -> list[str]:
    return [sys.executable, "-m", "devise", "index", str(place / "photos"), "--library", str(place / "library")]


def _emptied(place: Path) -> dict[str, Any]:
    """What the library knows, and the library gone."""
    found = state(place / "library")
    for file in (place / "library").iterdir():
        file.unlink()
    return found


def _killed(place: Path, wait: float, whole: dict[str, Any], tally: Tally) -> None:
    run = subprocess.Popen(_command(place), stderr=subprocess.PIPE, text=True)
    time.sleep(wait)
    run.kill()
    said = run.communicate(timeout=PATIENCE)[1]
    problems = [said] if "Traceback" in said else []
    tally.add(NAME, "kill -9 at random moments", f"after {wait:.2f} s",
              problems + _afterwards(place, whole))  # fmt: skip


def _stopped(
    place: Path, numbers: tuple[signal.Signals, ...], wait: float, whole: dict[str, Any], tally: Tally
) -> None:
    """One signal, or one straight after the other."""
    run = subprocess.Popen(_command(place), stderr=subprocess.PIPE, text=True)
    time.sleep(wait)
    for number in numbers:
        run.send_signal(number)
        time.sleep(0.005)
    said = run.communicate(timeout=PATIENCE)[1].strip()
    problems = _wrong_end(run.returncode, said, numbers)
    tally.add(NAME, "+".join(number.name for number in numbers), f"after {wait:.2f} s",
              problems + _afterwards(place, whole))  # fmt: skip


def _wrong_end(code: int, said: str, numbers: tuple[signal.Signals, ...]) -> Problems:
    if code == 0:
        return [] if "added" in said else [f"status 0, and said {said!r}"]
    if any(code == -number for number in numbers):  # before or after the run: shells show 128 + number
        return [f"said {said!r}"] if "\n" in said or "Traceback" in said else []
    if len(numbers) > 1 and code == 128 + signal.SIGINT and not said:  # the second Ctrl-C ends it at once
        return []
    if not any(code == 128 + number and said.startswith(ENDS[number]) for number in numbers) or "\n" in said:
        return [f"status {code}, and said {said!r}"]
    return []


def _hung_up(place: Path, wait: float, whole: dict[str, Any], tally: Tally) -> None:
    """The terminal is closed."""
    child, terminal = pty.fork()
    if not child:
        os.execv(sys.executable, _command(place))
    time.sleep(wait)
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    problems = [] if code in (0, -signal.SIGHUP, 128 + signal.SIGHUP) else [f"status {code}"]
    tally.add(NAME, "its terminal closed", f"after {wait:.2f} s",
              problems + _afterwards(place, whole))  # fmt: skip


def _afterwards(place: Path, whole: dict[str, Any]) -> Problems:
    """The library is sound, and the next run makes of it what an undisturbed one does."""
    library = place / "library"
    library.mkdir(exist_ok=True)
    found = damage(library)
    known = state(library).get("photos", {})
    found += [f"{path} is stored otherwise" for path in known if known[path] != whole["photos"].get(path)]
    if known:
        with Library(library) as opened, suppress(StopIteration):
            if len(opened.similar(next(iter(known)), len(known))) != len(known) - 1:
                found.append("a search does not give all")
    result = subprocess.run(_command(place), capture_output=True, text=True, check=False)
    if result.returncode:
        return [*found, f"the next run fails: {result.stderr}"]
    found += damage(library) + litter(library, lambda name: name.startswith(("library.db", "library.json", "lock")))
    return found + (["the next run makes another library"] if _emptied(place) != whole else [])
