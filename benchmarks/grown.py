"""Libraries of any size with vectors as real photos have them: real ones first, then others made between neighbours.

    python -m benchmarks.grown --data DIR --photos 100000 [--full]

How new vectors are made, and how like real ones they are, benchmarks/synthetic.py says. Packed parts, and what its file
said, a new photo has from the real one that it stands near. --photos below the number of real ones draws from those.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from rich.console import Console

from benchmarks import data, real
from benchmarks.synthetic import HELD_OUT, SEED, Base, Growth, Ints, Rows, spectrum, statistics
from devise import config
from devise.progress import Progress
from devise.search import maintain
from devise.store.base import together
from devise.store.digest import digest_of
from devise.store.sqlite.store import Store

CHUNK = 10_000  # rows made and written at once: 51 MB of features
ROOT = "/home/me/photos"
PARTS_NUMBER = 3  # of the space of regions
BYTES = {"words": 1_500, "features": 3_400, "parts": 3_300}  # a photo on the disk, with graphs and all else


def read_base(folder: Path | None, *, full: bool = False) -> Base:
    """What real.library holds; one that an older devise made is brought up to date."""
    kept = config.user_cache() / "benchmarks" / f"library-{'full' if full else 'small'}"
    if Store.exists(kept):
        try:
            with FileLock(kept / "lock", timeout=0):
                Store(kept, write=True).close()
        except Timeout:
            sys.exit(f"{kept} is being filled by another program; wait until it has finished")
    return base_of(real.library(folder, full=full))


def base_of(folder: Path) -> Base:
    store = Store(folder)
    try:
        with store.snapshot():
            model = store.model()
            if model is None:
                sys.exit(f"the library {folder} is empty; delete it and run again")
            ids = store.ids()
            sql = "SELECT content_id, size, mtime_ns, taken, pixels, kind, stamp FROM photos GROUP BY content_id"
            said = {content_id: tuple(rest) for content_id, *rest in store.db.rows(sql)}
            sql = "SELECT key & 0xffffffffff, data FROM spaces JOIN vectors ON key >> 40 = number WHERE name = 'parts'"
            packed = dict(store.db.rows(sql))
            grown = [space for space in model.spaces if space.metric == "cosine"]  # not the looks of small pictures
            rows = {space.name: together(store.vectors.rows(space))[1] for space in grown}
            have = np.array([content_id in said for content_id in ids.tolist()])
            rows = {space: vectors[have] for space, vectors in rows.items()}
            live = ids[have].tolist()
            return Base(folder, model, store.labels(), rows, [packed.get(i) for i in live], [said[i] for i in live])
    finally:
        store.close()


def held_out(count: int, folder: Path | None, *, full_base: bool = False) -> Rows:
    """New vectors that are in no library: photos to ask with."""
    return Growth(read_base(folder, full=full_base)).more(HELD_OUT, count)[1]


def library(
    num: int, folder: Path | None, *, full_base: bool = False, features: bool = True, parts: bool = True
) -> Path:
    """The folder of a library of `num` photos with its graphs; made at the first call, then found in the cache.

    features, parts: leave these out where a disk is small.
    """
    base = read_base(folder, full=full_base)
    less = "".join(f"-no-{what}" for what, wanted in (("features", features), ("parts", parts)) if not wanted)
    place = config.user_cache() / "benchmarks" / f"grown-{num}-of-{base.name}{less}"
    with FileLock(place.with_suffix(".lock")):
        if not place.exists():
            kept = [*(["words", "features"] if features else ["words"]), *(["parts"] if parts else [])]
            _check_room(place, num * sum(BYTES[what] for what in kept))
            temporary = place.with_suffix(".part")
            shutil.rmtree(temporary, ignore_errors=True)
            _write(temporary, num, base, kept)
            temporary.rename(place)
        _with_graphs(place)
    return place


def _check_room(place: Path, need: int) -> None:
    free = shutil.disk_usage(place.parent).free
    if free < need:
        sys.exit(f"{place.name} takes {need / 1e9:.0f} GB and {free / 1e9:.0f} are free; leave out features or parts")


def _with_graphs(place: Path) -> None:
    """Graphs as today's devise builds them; quick where they are."""
    store = Store(place, write=True)
    try:
        maintain.update(store, Progress())
    finally:
        store.close()


def _write(place: Path, num: int, base: Base, kept: list[str]) -> None:
    place.mkdir(parents=True)
    store = Store(place, write=True)
    try:
        with store.transaction():
            spaces = tuple(space for space in base.model.spaces if space.name in kept)
            store.set_model(replace(base.model, spaces=spaces), base.labels)
            store.add_roots([ROOT])
        first = 1
        for a, rows in _chunks(num, base):
            with store.transaction():
                _put(store, first, a, rows, base, kept)
            first += len(a)
    finally:
        store.close()


def _chunks(num: int, base: Base) -> Iterator[tuple[Ints, Rows]]:
    """The real photos (some of them, where fewer are wanted), then new ones."""
    real_ones = np.sort(np.random.default_rng(SEED).permutation(len(base))[:num])
    for at in range(0, len(real_ones), CHUNK):
        a = real_ones[at : at + CHUNK]
        yield a, {space: rows[a] for space, rows in base.rows.items()}
    growth = Growth(base) if num > len(base) else None
    for number, at in enumerate(range(len(base), num, CHUNK)):
        assert growth is not None
        yield growth.more(number, min(CHUNK, num - at))


def _put(store: Store, first: int, a: Ints, rows: Rows, base: Base, kept: list[str]) -> None:
    ids = range(first, first + len(a))
    paths = [f"{ROOT}/{i // 1000:04}/IMG_{i:07}.jpg" for i in ids]
    store.db.execute_many("INSERT INTO contents (id, hash) VALUES (?, ?)", ((i, digest_of(b"%d" % i)) for i in ids))
    for space in base.model.spaces:
        if space.name in kept:
            store.vectors.put(space, np.array(ids), rows[space.name])
    if "parts" in kept:
        store.set_space_numbers({"parts": PARTS_NUMBER})
        pairs = zip(ids, a.tolist(), strict=True)
        packed = ((PARTS_NUMBER << 40 | i, base.parts[j]) for i, j in pairs if base.parts[j])
        store.db.execute_many("INSERT INTO vectors VALUES (?, ?)", packed)
    said = ((path, i, *base.said[j], i) for i, j, path in zip(ids, a.tolist(), paths, strict=True))
    columns = "path, content_id, size, mtime_ns, taken, pixels, kind, stamp, text_id"
    store.db.execute_many(f"INSERT INTO photos ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", said)
    names = ((i, f"photos {i // 1000:04} IMG_{i:07} IMG {i:07}", "", path) for i, path in zip(ids, paths, strict=True))
    store.db.execute_many("INSERT INTO texts (rowid, names, captions, path) VALUES (?, ?, ?, ?)", names)


def content_of(path: str) -> int:
    """The content of a photo of a grown library, from 1 on."""
    return int(Path(path).stem.removeprefix("IMG_"))


def main() -> None:
    parser = data.parser((__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--full", action="store_true", help="from all real photos, not VOC's alone")
    parser.add_argument("--no-features", action="store_true")
    parser.add_argument("--no-parts", action="store_true")
    options = parser.parse_args()
    growth = Growth(read_base(options.data, full=options.full))
    Console(width=110).print(statistics(growth), spectrum(growth))
    begun = time.perf_counter()
    features, parts = not options.no_features, not options.no_parts
    place = library(options.photos, options.data, full_base=options.full, features=features, parts=parts)
    seconds, size = time.perf_counter() - begun, sum(file.stat().st_size for file in place.iterdir())
    print(f"{options.photos:,} photos in {place}: {size / 1e6:,.0f} MB, {seconds:.0f} s")


if __name__ == "__main__":
    main()
