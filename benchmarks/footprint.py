"""Disk and memory: bytes a photo by table and file, and the peak memory of indexing, opening and searching.

    python -m benchmarks.footprint --data DIR [--full] [--photos N]

A library of 10,000 photos (benchmarks/grown.py), with --full of a million, for which 20 GB of disk are needed: runs of
`devise index` go into copies. Every figure of memory is the peak of a process of its own. rclip keeps 512 numbers a
photo in SQLite, 4,185 bytes, and no index. Exits with 1 where bytes, photos or answers are missing.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from benchmarks import child, grown, pictures, rclip, report
from benchmarks.report import Figure
from devise import config
from devise.store.sqlite.database import FILE

COUNTS = {False: 10_000, True: 1_000_000}
SMALL = 5_000  # photos of the library that memory is compared with: the rest is Python, numpy and what a search reads
RCLIP = 4_185  # bytes of rclip 3.3's database a photo
FOLDERS = {"ordinary JPEGs (500 pixels)": (pictures.ORDINARY, 200), "12-megapixel JPEGs": (pictures.PHONE, 40)}
TABLES = {
    "vectors": ("vectors",),
    "names, captions (FTS5)": ("texts",),
    "paths and facts": ("photos",),
    "hashes": ("contents",),
}
TEXTS = ("sofa cat", "dog", "river", "bridge", "horse", "bottle", "chair")  # all of them: graphs are loaded on the way
RCLIP_PHOTOS = 100_000  # of its database at most: it reads all vectors, 2 KB each, for a search
OPENED = """
import json, sys, time
from devise import Library
begun = time.perf_counter()
library = Library(sys.argv[1])
info = library.info()
opened = time.perf_counter()
texts = sys.argv[2:]
found = library.search(texts[0], k=10) if texts else []
searched = time.perf_counter()
for number, text in enumerate(texts[1:]):
    library.search(text, k=10)
    if len(texts) > 2:
        library.similar(found[number].path, k=10)
again = time.perf_counter()
print(json.dumps([info.num_photos, len(found), opened - begun, searched - opened, again - searched]))
"""


def on_disk(place: Path, count: int) -> list[Figure]:
    """Bytes a photo by what they are for."""
    with closing(sqlite3.connect(f"file:{place / FILE}?mode=ro", uri=True)) as connection:
        try:
            rows = connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name").fetchall()
        except sqlite3.OperationalError:
            print("this Python's SQLite has no dbstat: the database is told as a whole")
            rows = [("all", (place / FILE).stat().st_size)]
        owner = dict(connection.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'index'").fetchall())
    sizes: dict[str, int] = {}
    for name, size in rows:
        table = owner.get(name, name)
        what = next((what for what, tables in TABLES.items() if table.split("_")[0] in tables), "all else")
        sizes[what] = sizes.get(what, 0) + size
    sizes |= {f"graph of {file.name.split('-')[0]}": file.stat().st_size for file in sorted(place.glob("*.graph"))}
    whole = sum(file.stat().st_size for file in place.iterdir())
    if abs(sum(sizes.values()) - whole) > 0.02 * whole:
        sys.exit(f"{sum(sizes.values()):,} bytes found of {whole:,}")
    sizes["all of it"] = whole
    return [Figure(f"on the disk: {what}", size / count, "bytes/photo", size / count / RCLIP) for what, size in
            sizes.items()]  # fmt: skip


def opening(place: Path, small: Path, count: int) -> list[Figure]:
    """A fresh process: opened and told about, then a first search, then another; twice, so that files are in memory."""
    command = [sys.executable, "-c", OPENED]
    told = child.run([*command, str(place)])
    before = json.loads(child.run([*command, str(place), *TEXTS[:2]]).said)[3]
    ran, ran_small = child.run([*command, str(place), *TEXTS[:2]]), child.run([*command, str(small), *TEXTS[:2]])
    often = child.run([*command, str(place), *TEXTS])
    num_photos, found, opened, first, again = json.loads(ran.said)
    if num_photos != count or found != 10:
        sys.exit(f"{num_photos:,} photos of {count:,}, and {found} answers of 10")
    return [
        Figure("Library(path).info(), first in a process", opened, "s"),
        Figure('first search("sofa cat"), files partly on the disk', before, "s"),
        Figure("the same, files in memory", first, "s"),
        Figure("another search in that process", again, "s"),
        Figure("peak memory of info()", told.megabytes, "MB"),
        Figure("peak memory of searching", ran.megabytes, "MB", ran.megabytes / ran_small.megabytes),
        Figure(f"peak memory of searching {SMALL:,} photos", ran_small.megabytes, "MB", 1.0),
        Figure(f"peak memory of {len(TEXTS)} searches and as many for similar photos", often.megabytes, "MB"),
        Figure("memory a photo", max(0.0, (ran.megabytes - ran_small.megabytes) * 1e6 / (count - SMALL)), "bytes"),
    ]


def indexing(place: Path, count: int, data: Path | None) -> list[Figure]:
    """`devise index` of both kinds of photos, into an empty library and into a copy of the large one."""
    figures = []
    with tempfile.TemporaryDirectory(dir=config.user_cache() / "benchmarks") as temporary:
        for what, (pixels, number) in FOLDERS.items():
            files = pictures.photos(data, pixels, number)
            photos, new = pictures.linked(files, Path(temporary) / f"photos-{pixels}"), None
            for before in (0, count):
                library = Path(temporary) / "library"
                if before:
                    shutil.copytree(place, library)
                ran = child.run([*child.DEVISE, "index", str(photos), "--library", str(library)])
                told = json.loads(child.run([sys.executable, "-c", OPENED, str(library)]).said)
                if told[0] != before + len(files):
                    sys.exit(f"{told[0]:,} photos after {len(files)} were added to {before:,}")
                shutil.rmtree(library)
                name = f"{len(files)} {what} into {before:,}" if before else f"{len(files)} {what}, a new library"
                new = new or ran
                figures += [
                    Figure(f"peak memory of devise index: {name}", ran.megabytes, "MB", ran.megabytes / new.megabytes),
                    Figure(f"the whole run: {name}", ran.seconds, "s", ran.seconds / new.seconds),
                ]
    return figures


def of_rclip(count: int, data: Path | None) -> list[Figure]:
    """Its peaks: a search, for which it reads all vectors, and indexing, beside which devise's stand above."""
    peer, count = rclip.prepared(), min(count, RCLIP_PHOTOS)
    with tempfile.TemporaryDirectory(dir=config.user_cache() / "benchmarks") as temporary:
        place, folder = Path(temporary) / "data", Path(temporary) / "empty"
        folder.mkdir()
        peer.fill(place, ((str(folder / f"{number:07}.jpg"), 1.6e9, 100_000) for number in range(count)))
        search = f"cd {folder} && exec {peer.program} 'sofa cat' --no-indexing"
        searched = child.run(["sh", "-c", search], peer.environment(place))
        what, (pixels, number) = next(iter(FOLDERS.items()))
        photos = pictures.linked(pictures.photos(data, pixels, number), Path(temporary) / "photos")
        index = f"cd {photos} && exec {peer.program} 'sofa cat'"
        indexed = child.run(["sh", "-c", index], peer.environment(Path(temporary) / "new"))
    return [
        Figure(f"peak memory of rclip {peer.version}, searching {count:,} photos", searched.megabytes, "MB"),
        Figure(f"peak memory of rclip {peer.version}, indexing {number} {what}", indexed.megabytes, "MB"),
    ]


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--photos", type=int, help="photos of the library instead")
    options = parser.parse_args()
    count = options.photos or COUNTS[options.full]
    place, small = (grown.library(num, options.data, full_base=options.full) for num in (count, SMALL))
    disk = on_disk(place, count)
    report.show(f"{count:,} photos on the disk", disk, f"rclip's {RCLIP:,} bytes")
    memory = opening(place, small, count) + indexing(place, count, options.data) + of_rclip(count, options.data)
    report.show(f"{count:,} photos in memory", memory, "a small library")
    report.save(disk + memory, options.json)


if __name__ == "__main__":
    main()
