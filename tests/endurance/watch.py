"""Run risky work in forked children and say how each piece ended: a crash, a hang or too much memory is one outcome."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from devise.errors import DeviseError

SECONDS = 10.0  # of processor time that one piece of work may take
PATIENCE = 6  # times as long by the clock: other programs want the processor as well
ROOM = 64 << 30  # bytes of address space: far more than any work needs, far less than a damaged number asks for
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")

Work = Callable[[int], str]  # the number of a piece -> what it came to; DeviseError is an outcome, others are not


@dataclass(frozen=True)
class Outcome:
    """number: which piece; said: what it came to; fault: what went wrong (a crash, a hang, a traceback), or ""."""

    number: int
    said: str
    fault: str = ""


@dataclass
class Child:
    """A process that works through numbers, and what is known of it. current: the piece it is at, since when."""

    numbers: Sequence[int]
    pid: int
    pipe: int
    done: int = 0
    since: float = 0.0
    used: float = 0.0
    text: bytes = b""


def watched(
    work: Work,
    count: int,
    *,
    batch: int = 50,
    workers: int = 1,
    seconds: float = SECONDS,
    megabytes: int = 1_000,
    until: float = float("inf"),
) -> Iterator[Outcome]:
    """Each of `count` pieces of work once, in children of `batch` pieces, `workers` at a time. Outcomes in any order.

    megabytes: what a child may hold at any moment. until: when no more work is begun (time.monotonic).
    """
    waiting = [range(start, min(start + batch, count)) for start in range(0, count, batch)][::-1]
    children: list[Child] = []
    while waiting or children:
        if time.monotonic() > until:
            waiting.clear()
        while waiting and len(children) < workers:
            children.append(_forked(work, waiting.pop()))
        ready = select.select([child.pipe for child in children], [], [], 0.05)[0]
        for child in list(children):
            is_over = False
            if child.pipe in ready:
                told, is_over = _heard(child)
                yield from told
            fault = _ended(child) if is_over else _trouble(child, seconds, megabytes)
            if is_over or fault:
                children.remove(child)
                os.close(child.pipe)
                if child.done < len(child.numbers):
                    yield Outcome(child.numbers[child.done], "", fault or "it ended early")
                    if left := child.numbers[child.done + 1 :]:
                        waiting.append(left)


def _forked(work: Work, numbers: Sequence[int]) -> Child:
    here, there = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        os.close(there)
        return Child(numbers, pid, here, since=time.monotonic())
    os.close(here)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        for number in numbers:
            os.write(there, json.dumps(_done(work, number)).encode() + b"\n")
    finally:
        os._exit(0)


def _done(work: Work, number: int) -> tuple[str, str]:
    try:
        return work(number), ""
    except DeviseError as error:
        return is_told(error), ""
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "/devise/" in frame.filename]
        at = ours[-1] if ours else where
        text = " ".join(str(error).split())[:300]
        return "", f"{type(error).__name__} at {Path(at.filename).name}:{at.lineno}: {text}"


def is_told(error: DeviseError) -> str:
    """Raises ValueError where an error's text is not one line that says something."""
    text = str(error)
    if not text or "\n" in text or len(text) > 4_000:
        raise ValueError(f"an error of {text.count(chr(10)) + 1} lines, {len(text)} characters: {text[:200]!r}")
    return "told"


def _heard(child: Child) -> tuple[list[Outcome], bool]:
    data = os.read(child.pipe, 1 << 16)
    *lines, child.text = (child.text + data).split(b"\n")
    found = []
    for line in lines:
        said, fault = json.loads(line)
        found.append(Outcome(child.numbers[child.done], said, fault))
        child.done += 1
        child.since, child.used = time.monotonic(), _processor_time(child.pid)
    return found, not data


def _ended(child: Child) -> str:
    status = os.waitpid(child.pid, 0)[1]
    return f"crash: {signal.Signals(os.WTERMSIG(status)).name}" if os.WIFSIGNALED(status) else ""


def _trouble(child: Child, seconds: float, megabytes: int) -> str:
    """Why a child that is still at work was stopped, or ""."""
    clock, used = time.monotonic() - child.since, _processor_time(child.pid) - child.used
    holds = _resident(child.pid) / 1e6
    fault = ""
    if used > seconds or clock > PATIENCE * seconds:
        fault = f"hang: {used:.0f} s of processor time, {clock:.0f} s by the clock"
    elif holds > megabytes:
        fault = f"memory: {holds:.0f} MB"
    if fault:
        os.kill(child.pid, signal.SIGKILL)
        os.waitpid(child.pid, 0)
    return fault


def _processor_time(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def write(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def report(what: str, outcomes: Sequence[Outcome], names: Callable[[int], str], shown: int = 25) -> int:
    """Write the faults and one row of a table; how many faults there were."""
    faults = [outcome for outcome in outcomes if outcome.fault]
    kinds = Counter(outcome.fault for outcome in faults)
    for fault, times in kinds.most_common(shown):
        first = next(outcome.number for outcome in faults if outcome.fault == fault)
        write(f"  {times:5}x {fault}   (first: {first}, {names(first)})")
    said = ", ".join(f"{times:,} {word}" for word, times in Counter(o.said for o in outcomes if o.said).most_common())
    crashed = sum("crash" in fault.fault for fault in faults)
    hung = sum("hang" in fault.fault for fault in faults)
    heavy = sum("memory:" in fault.fault for fault in faults)
    others = len(faults) - crashed - hung - heavy
    write(
        f"| {what} | {len(outcomes):,} times | {said or 'nothing'} | "
        f"crashed {crashed}, hung {hung}, too much memory {heavy}, other faults {others} |"
    )
    return len(faults)
