"""Every write of a process, one by one: it dies before or amid the n-th, or its disk fails from then on.

A small library in C stands between the process and the C library. Where it cannot be (no compiler, no Linux) the
programs here say so and are left with what random moments find.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from devise.errors import DeviseError

SOURCE = Path(__file__).with_name("writes.c")
HERE = "DEVISE_WRITES"  # names the compiled library in the process that was started with it
Say = Callable[[str], None]


class How(IntEnum):
    """What happens at the n-th write, as writes.c numbers it."""

    COUNT = 0
    DIE = 1  # before it
    TEAR = 2  # amid it
    FULL = 3  # nothing more is stored from then on
    READ_ONLY = 4  # nothing more is changed from then on


@dataclass(frozen=True)
class Ended:
    """How a child ended: 0 done, 1 with an error of devise, 2 with another one, -9 killed. heard: what it said."""

    status: int
    heard: tuple[str, ...]

    @property
    def number(self) -> int:
        """The last number that it said; 0: none."""
        return next((int(text) for text in reversed(self.heard) if text.isdecimal()), 0)

    @property
    def error(self) -> str:
        return "\n".join(text for text in self.heard if not text.isdecimal())


def with_writes() -> bool:
    """Start this program anew between whose lines and the disk writes.c stands. Whether it does."""
    if HERE in os.environ:
        os.environ.pop("LD_PRELOAD", None)  # children of children are left alone
        return True
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not sys.platform.startswith("linux") or compiler is None:
        print("no C compiler for Linux: only random moments are tried")
        return False
    made = Path(tempfile.mkdtemp(prefix="devise-writes-")) / "writes.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", made, SOURCE, "-ldl"], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(made), HERE: str(made)}
    code = subprocess.call([sys.executable, "-m", f"tests.endurance.{Path(sys.argv[0]).stem}", *sys.argv[1:]],
                           env=environment)  # fmt: skip
    shutil.rmtree(made.parent)
    sys.exit(code)


def forked(act: Callable[[Say], None], below: Path | None = None, how: How = How.COUNT, at: int = 0) -> int:
    """Start a child that acts. Its process; `ended` waits for it. below: the folder whose writes count."""
    hear, tell = os.pipe()
    child = os.fork()
    if child:
        os.close(tell)
        _ears[child] = hear
        return child
    os.close(hear)
    os._exit(_acted(act, lambda text: _tell(tell, text), below, how, at))


_ears: dict[int, int] = {}


def ended(child: int) -> Ended:
    with os.fdopen(_ears.pop(child), "rb") as ear:
        heard = ear.read().decode().split("\0")[:-1]
    return Ended(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), tuple(heard))


def _tell(pipe: int, text: str) -> None:
    with suppress(BrokenPipeError):
        os.write(pipe, text.encode() + b"\0")


def _acted(act: Callable[[Say], None], say: Say, below: Path | None, how: How, at: int) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    library = ctypes.CDLL(os.environ[HERE]) if below else None
    try:
        if library:
            library.arm(os.fsencode(below), ctypes.c_long(at), int(how))
        act(say)
        if library:
            library.disarm()
            say(str(library.counted()))
        return 0
    except DeviseError as error:
        say(str(error))
        return 1
    except BaseException:
        say(traceback.format_exc())
        return 2


def count(act: Callable[[Say], None], below: Path) -> int:
    """How many writes an undisturbed child makes."""
    end = ended(forked(act, below))
    if end.status:
        raise SystemExit(f"the undisturbed run fails: {end.error}")
    return end.number
