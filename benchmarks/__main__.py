"""All benchmarks of speed and of word vectors one after another: `make bench DATA=folder`."""

from __future__ import annotations

import subprocess
import sys

ALL = ("word_similarity", "indexing", "cold_search")


def main() -> None:
    """Each in a process of its own, so that none warms up another."""
    for name in ALL:
        print(f"\npython -m benchmarks.{name}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *sys.argv[1:]], check=True)


if __name__ == "__main__":
    main()
