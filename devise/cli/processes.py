"""`devise train --processes N`: the same command in several processes of this machine, as torchrun would start it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

POLL_SECONDS = 0.2
GRACE_SECONDS = 20.0  # for the others, once one has ended: they notice it themselves, and the first says what to do


def run(count: int) -> int:
    """Run this very command, told by the environment which process each is: the first one talks. Its exit status.

    Where one was killed and the first one with it, a line on stderr says so.
    """
    command = [sys.executable, "-m", "devise", *sys.argv[1:]]
    around = {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1"}
    around["MASTER_PORT"] = str(_free_port())
    started = list[subprocess.Popen[bytes]]()
    try:
        for rank in range(count):
            own = {**os.environ, **around, "RANK": str(rank), "LOCAL_RANK": str(rank)}
            quiet = None if rank == 0 else subprocess.DEVNULL
            started.append(subprocess.Popen(command, env=own, stdout=quiet, stderr=quiet))
        return _watched(started)
    finally:  # also of a signal, which they got as well
        _ended(started)


def _watched(started: Sequence[subprocess.Popen[bytes]]) -> int:
    while True:
        codes = [process.poll() for process in started]
        if all(code == 0 for code in codes):
            return 0
        if any(code not in (None, 0) for code in codes):
            _ended(started)
            first = started[0].returncode
            if first < 0:  # it cannot have said so itself
                from devise.cli.output import show

                name = signal.Signals(-first).name
                show.note(f"error: the first of {len(started)} processes was killed ({name}); go on with --resume")
            return 1 if first in (None, 0) or first < 0 else first
        time.sleep(POLL_SECONDS)


def _ended(started: Sequence[subprocess.Popen[bytes]]) -> None:
    """All of them, in order where they can."""
    until = time.monotonic() + GRACE_SECONDS
    for process in started:
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.terminate()
    for process in started:
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
