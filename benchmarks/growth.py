"""Does a new photo cost more in a large library? The same new photos indexed into a small one and into a large one.

    python -m benchmarks.growth --data DIR [--full] [--json FILE]

Whole `devise index FOLDER` processes over the same JPEGs of 500 pixels, into copies of grown libraries
(benchmarks.grown) of 1,000 and 20,000 photos; --full: 1,000 photos into 1,000 and into 1,000,000. Afterwards every
library is asked for its newest photo by that photo's own vector, and its photos are counted. Graphs are brought up to
date only once they lack a share of the photos: that run is measured, too, after as many have been deleted.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from itertools import islice
from pathlib import Path

from benchmarks import child, grown, pictures, rclip, report
from devise import Library
from devise.config import IndexConfig
from devise.store.lock import writer

QUICK = (200, (1_000, 20_000))
FULL = (1_000, (1_000, 1_000_000))
AIM = 1.5  # times the seconds into the small one
FEW = 40  # new photos of a run that brings graphs up to date


def main() -> None:
    options = report.parser(__doc__).parse_args()
    count, sizes = FULL if options.full else QUICK
    files = pictures.photos(options.data, pictures.ORDINARY, count + FEW)
    figures: list[report.Figure] = []
    first = 0.0
    with tempfile.TemporaryDirectory(dir=grown.config.user_cache()) as place:
        photos = pictures.linked(files[:count], Path(place) / "photos")
        few = pictures.linked(files[count:], Path(place) / "few")
        for size in sizes:
            library = Path(place) / f"library-{size}"
            shutil.copytree(grown.library(size, options.data, full_base=options.full), library)
            command = [*child.DEVISE, "index", str(photos), "--library", str(library)]
            ran = child.run(command, rclip.environment())
            check(library, photos, size + count)
            again = child.run(command, rclip.environment())
            first = first or ran.seconds
            forget(library, size)
            due = child.run([*child.DEVISE, "index", str(few), "--library", str(library)], rclip.environment())
            shutil.rmtree(library)
            figures += [
                report.Figure(f"{count:,} photos into {size:,}", ran.seconds, "s", ran.seconds / first),
                report.Figure(f"the same again, nothing new, {size:,}", again.seconds, "s"),
                report.Figure(f"peak memory, {size:,}", ran.megabytes, "MB"),
                report.Figure(f"{FEW} photos, and graphs that are due, {size:,}", due.seconds, "s"),
                report.Figure(f"peak memory of that, {size:,}", due.megabytes, "MB"),
            ]
    report.show(f"New photos into small and large libraries; aim: at most {AIM} times", figures, f"{sizes[0]:,} photos")
    report.save(figures, options.json)


def forget(library: Path, size: int) -> None:
    """Deletes as many photos as graphs may lack. Exits where the next run has nothing to do for its graphs."""
    with writer(library, create=False) as store:
        old = [photo.path for photo in islice(store.photos(), IndexConfig().may_lack(size))]
        with store.transaction():
            store.remove_photos(old)
            store.remove_orphans()
        if len(store.gone()) + FEW <= IndexConfig().may_lack(store.num_contents()):
            sys.exit(f"{len(old):,} photos deleted of {size:,}, and no graph is due")


def check(library: Path, photos: Path, count: int) -> None:
    with Library(library) as opened:
        newest = str(sorted(photos.iterdir())[-1])
        found = opened.nearest(opened._photos.vector(newest, "words")[1], 1)
        if len(opened) != count or found[0].path != newest:
            sys.exit(f"{len(opened):,} photos of {count:,}, and {found[0].path} instead of {newest}")


if __name__ == "__main__":
    main()
