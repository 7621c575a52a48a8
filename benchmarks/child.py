"""Seconds and peak memory of a process of its own, measured by a small one that starts it.

A process begins with the peak memory of the one that started it (Linux keeps it through exec), so a benchmark that has
held a large table must not ask for its children's peaks itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

DEVISE = (sys.executable, "-m", "devise")
STARTER = """
import json, resource, subprocess, sys, time
begun = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True)
seconds = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e6 / 1024)
print(json.dumps([done.returncode, seconds, peak, done.stdout]))
"""


@dataclass(frozen=True)
class Ran:
    """megabytes: the most it held at once; said: what it wrote to stdout."""

    seconds: float
    megabytes: float
    said: str


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Ran:
    """Exits when the command fails, whose messages go to stderr."""
    started = [sys.executable, "-c", STARTER, *command]
    more = {**os.environ, **(environment or {})}
    text = subprocess.run(started, check=True, stdout=subprocess.PIPE, text=True, env=more).stdout
    status, seconds, megabytes, said = json.loads(text)
    if status:
        sys.exit(f"{' '.join(command)} failed with status {status}")
    return Ran(seconds, megabytes, said)
