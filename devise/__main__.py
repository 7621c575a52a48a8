"""The `devise` command as a program of its own, set to start fast."""

from __future__ import annotations

import gc
import os
import signal


def main() -> None:
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:  # Ctrl-C now: nothing is under way yet
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Hundreds of modules make objects that stay to the end: looking through them for garbage was a tenth of a start
    gc.set_threshold(100_000)
    # A search asks nothing of OpenBLAS that several threads do faster, and starting them takes 0.03 s
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from devise.cli.main import main

    main()


if __name__ == "__main__":
    main()
