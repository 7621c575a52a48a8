"""All benchmarks of speed one after another: `make bench DATA=folder`; --write puts what they print into the docs.

python -m benchmarks --data DIR [--full] [--write] [--only NAME,NAME [options of theirs]]
"""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks import pages, report

# Each table by its name in docs/benchmarks and what measures it
ALL = {
    name: name
    for name in (
        *("indexing", "inference", "growth", "cold_search", "warm_search", "part_search", "precision"),
        *("footprint", "head_training", "words_index"),
    )
}
# A day of its own, or computed: where --only names it
MORE = {
    "warm_search_million": "warm_search --sizes 1000000 --peers hnswlib faiss-flat",
    "scale_simulation": "scale_simulation",
    "scale_measured": "scale_simulation --measure",
}
VERSIONS = ("openvino", "hnswlib", "numpy", "torch", "pillow", "typer")


def main() -> None:
    """Each in a process of its own, so that none warms up another."""
    parser = report.parser(__doc__)
    parser.add_argument("--write", action="store_true", help="put what is printed into docs/benchmarks")
    parser.add_argument("--only", default=",".join(ALL), metavar="NAMES", help="some of them, with commas")
    options, more = parser.parse_known_args()
    more += ["--full"] if options.full else []
    for name in options.only.split(","):
        module, *own = (ALL | MORE).get(name, name).split()
        command = f"python -m benchmarks.{' '.join([module, '--data D', *own, *more])}"
        print(f"\n{command}", flush=True)
        text = ran([f"benchmarks.{module}", "--data", str(options.data), *own, *more])
        if options.write:
            heading = f"`{command}`, {datetime.date.today():%Y-%m-%d},\n{machine()}:"
            pages.write(name, f"{heading}\n\n```text\n{text.strip()}\n```")


def ran(arguments: list[str]) -> str:
    """What it printed, shown as it came."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command, lines = [sys.executable, "-m", *arguments], []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as run:
        for line in run.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    if run.returncode:
        sys.exit(f"{' '.join(arguments)} failed with status {run.returncode}")
    return "".join(lines)


def machine() -> str:
    """What the figures depend on."""
    names = re.findall(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text()) if sys.platform == "linux" else []
    versions = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    return f"{os.cpu_count()} cores of {names[0] if names else platform.machine()}, {versions}"


if __name__ == "__main__":
    main()
