"""How much memory this process has, minute by minute, and whether that still grows in the second half of a run."""

from __future__ import annotations

import ctypes
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

SAMPLES = 120  # of a run
MOST_MB = 10.0  # that the second half may add: allocators go on filling the gaps of their arenas for a while


class _Mallinfo(ctypes.Structure):
    """mallinfo2 of glibc 2.33: bytes of all its arenas."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks",
                     "keepcost")
    ]  # fmt: skip


@dataclass(frozen=True)
class Memory:
    """anonymous: all that is no file, as the system counts it; given: what malloc gave out of it, None if not glibc."""

    seconds: float
    anonymous_mb: float
    given_mb: float | None

    @classmethod
    def now(cls, seconds: float = 0.0) -> Memory:
        lines = Path("/proc/self/status").read_text().splitlines()
        anonymous = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
        return cls(seconds, anonymous / 1_000, _given_mb())

    def __str__(self) -> str:
        given = "" if self.given_mb is None else f", of which malloc has given out {self.given_mb:.1f}"
        return f"{self.anonymous_mb:.0f} MB{given}"


def _given_mb() -> float | None:
    mallinfo2 = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo2 is None:
        return None
    mallinfo2.restype = _Mallinfo
    found = mallinfo2()
    return float(found.uordblks + found.hblkhd) / 1e6


@dataclass
class MemoryWatch:
    """Looks while a run goes on, and prints a line a minute. seconds: that the run takes."""

    seconds: float
    samples: list[Memory] = field(default_factory=list)

    def __enter__(self) -> MemoryWatch:
        self._end, self._begun = threading.Event(), time.monotonic()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        told = -60.0
        while not self._end.wait(self.seconds / SAMPLES):
            now = time.monotonic() - self._begun
            self.samples.append(Memory.now(now))
            if now - told >= 60:
                told = now
                print(f"  {now / 60:4.1f} min: {self.samples[-1]}", flush=True)

    def growth_mb(self) -> float:
        """What the second half added, by a line of least squares through what it had."""
        half = [each for each in self.samples if each.seconds >= self.seconds / 2]
        slope = float(np.polyfit([each.seconds for each in half], [each.anonymous_mb for each in half], 1)[0])
        return slope * self.seconds / 2

    @property
    def leaks(self) -> bool:
        return self.growth_mb() > MOST_MB
