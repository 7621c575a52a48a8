"""Seconds of a whole `devise search "sofa cat"` process, from nothing to the printed result.

python -m benchmarks.cold_search --data DIR [--runs N]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import data
from devise import Library

DEVISE = str(Path(sys.executable).with_name("devise"))
COMMANDS = {
    'devise search "sofa cat"': [DEVISE, "search", "sofa cat", "--json"],
    "devise --help": [DEVISE, "--help"],
    'python -c "import numpy"': [sys.executable, "-c", "import numpy"],
    "python -c pass": [sys.executable, "-c", "pass"],
}


def main() -> None:
    parser = data.parser(__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    folder = data.unpacked(options.data, "voc") / "images"
    with tempfile.TemporaryDirectory() as place:
        library = Path(place) / "library"
        with Library(library) as opened:
            report = opened.index([folder])
        shown = Table(
            "command", "median s", "fastest s", "slowest s", title=f"{report.added} photos, {options.runs} runs"
        )
        for name, arguments in COMMANDS.items():
            extra = ["--library", str(library)] if "search" in name else []
            seconds = [timed([*arguments, *extra]) for _ in range(options.runs)]
            shown.add_row(name, f"{statistics.median(seconds):.2f}", f"{min(seconds):.2f}", f"{max(seconds):.2f}")
    Console(width=100).print(shown)


def timed(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
