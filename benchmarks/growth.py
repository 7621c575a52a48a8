"""Does a new photo cost more in a large library? The same new photos indexed into a small one and into a large one.

    python -m benchmarks.growth --data DIR [--full] [--json FILE]

Whole `devise index FOLDER` processes over the same JPEGs of 500 pixels, into copies of grown libraries
(benchmarks.grown) of 1,000 and 20,000 photos; --full: 1,000 photos into 1,000 and into 1,000,000. Afterwards every
library is asked for its newest photo by that photo's own vector, and its photos are counted.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import grown, pictures, rclip, report
from devise import Library

DEVISE = str(Path(sys.executable).with_name("devise"))
QUICK = (200, (1_000, 20_000))
FULL = (1_000, (1_000, 1_000_000))
AIM = 1.5  # times the seconds into the small one


def main() -> None:
    options = report.parser(__doc__).parse_args()
    count, sizes = FULL if options.full else QUICK
    files = pictures.photos(options.data, pictures.ORDINARY, count)
    figures: list[report.Figure] = []
    first = 0.0
    with tempfile.TemporaryDirectory(dir=grown.config.user_cache()) as place:
        photos = pictures.linked(files, Path(place) / "photos")
        for size in sizes:
            library = Path(place) / f"library-{size}"
            shutil.copytree(grown.library(size, options.data, full_base=options.full), library)
            seconds, peak = timed(photos, library)
            check(library, photos, size + count)
            nothing, _ = timed(photos, library)
            first = first or seconds
            shutil.rmtree(library)
            figures += [
                report.Figure(f"{count:,} photos into {size:,}", seconds, "s", seconds / first),
                report.Figure(f"the same again, nothing new, {size:,}", nothing, "s"),
                report.Figure(f"peak memory, {size:,}", peak, "MB"),
            ]
    report.show(f"New photos into small and large libraries; aim: at most {AIM} times", figures, f"{sizes[0]:,} photos")
    report.save(figures, options.json)


def timed(photos: Path, library: Path) -> tuple[float, float]:
    """Seconds and MB of a whole run."""
    begun = time.perf_counter()
    command = [DEVISE, "index", str(photos), "--library", str(library)]
    with subprocess.Popen(command, env=rclip.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as run:
        _, status, used = _wait(run)
    if status:
        sys.exit(f"{' '.join(command)} failed")
    return time.perf_counter() - begun, used.ru_maxrss / 1024


def _wait(run: subprocess.Popen[bytes]) -> tuple[int, int, resource.struct_rusage]:
    pid, status, used = os.wait4(run.pid, 0)
    run.returncode = os.waitstatus_to_exitcode(status)
    return pid, run.returncode, used


def check(library: Path, photos: Path, count: int) -> None:
    with Library(library) as opened:
        newest = str(sorted(photos.iterdir())[-1])
        found = opened.nearest(opened._pictures.vector(newest, "words")[1], 1)
        if len(opened) != count or found[0].path != newest:
            sys.exit(f"{len(opened):,} photos of {count:,}, and {found[0].path} instead of {newest}")


if __name__ == "__main__":
    main()
