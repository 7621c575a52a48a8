"""What devise writes, deed by deed: on what ground, what must be true after it was cut off, and what in the end."""

from __future__ import annotations

import importlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from devise.config import IndexConfig, IngestConfig, SearchConfig, Settings
from devise.library import Library
from devise.library.upkeep import portable
from devise.library.upkeep.check import check
from devise.library.upkeep.compact import compact
from devise.progress import Progress
from devise.spaces import ModelInfo, Space
from devise.store.records import path_of
from devise.store.sqlite.store import Store
from devise.vectors import unit
from devise.words import WordVectors
from devise.words.format import write_vectors
from tests.endurance.writes import Say, ended, forked
from tests.fakes import FakeEncoder, brute_force

WORDS = ("red", "green", "blue", "sofa", "cat", "dog", "tree", "sea")
BATCH = 4  # photos a transaction: many of them, and each small
# Libraries of a few dozen photos do all that large ones do
SMALL = Settings(
    ingest=IngestConfig(batch=BATCH),
    index=IndexConfig(exact_below=20, min_behind=20),
    search=SearchConfig(min_candidates=8, candidates=2),
)
FIRST = 40  # photos of the first run
Problems = list[str]


class Quartered(FakeEncoder):
    """Looks at the four quarters of a photo beside the whole, so that parts are stored too."""

    def __init__(self) -> None:
        super().__init__()
        words = Space(name="words", dim=4, vectors="tiny", num_regions=4)
        self.info = ModelInfo(name="quartered", fingerprint="f" * 64, spaces=(words, self.info.spaces[1]))

    def encode(self, pixels: Any) -> dict[str, Any]:
        found = super().encode(pixels)
        quarters = pixels.reshape(len(pixels), 2, 16, 2, 16, 3).mean((2, 4)).reshape(len(pixels), 4, 3) / 255
        return found | {"parts": unit(np.concatenate([quarters, np.full((len(pixels), 4, 1), 0.1)], 2))}


class Heard(Progress):
    """Tells how many photos are stored."""

    def __init__(self, say: Say) -> None:
        self.say = say

    def worked(self, done: int, total: int) -> None:
        self.say(str(done))


def small() -> None:
    """One thread for products of small matrices: many programs run at once."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"


def imported(*names: str) -> None:
    """Once, in the parent: its children need not."""
    usual = ("encodings.utf_8_sig", "numpy.ma", "hnswlib", "PIL.PngImagePlugin")
    for name in (*usual, "devise.library.ingest.run", "devise.library.judgements", *names):
        importlib.import_module(name)


def at_home(folder: Path) -> None:
    """Nobody's own files are read or written."""
    for name in ("DATA", "CACHE", "CONFIG", "STATE"):
        os.environ[f"XDG_{name}_HOME"] = str(folder / "home" / name.lower())
    os.environ |= {"HOME": str(folder / "home"), "DEVISE_EMBEDDINGS": str(folder / "embeddings")}
    for name in ("LIBRARY", "MODEL", "CHECKPOINTS"):
        os.environ.pop(f"DEVISE_{name}", None)


def noise(path: Path, seed: int, size: int = 24) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 80, (size, size, 3)) + random.integers(0, 175, 3)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def draw(photos: Path) -> None:
    """Photos, a copy, one that is none and a caption."""
    for seed in range(FIRST):
        noise(photos / f"{'sea' if seed % 3 else 'town'}" / f"{seed:03}.png", seed)
    shutil.copy(photos / "town" / "000.png", photos / "sea" / "copy.png")
    (photos / "sea" / "broken.png").write_bytes(b"no picture")
    (photos / "sea" / "001.txt").write_text("waves at dusk")


def change(photos: Path) -> None:
    """Some go, some come, some change, some move; the broken one is mended."""
    for seed in range(2, 14):
        (photos / ("sea" if seed % 3 else "town") / f"{seed:03}.png").unlink()
    for seed in range(FIRST, FIRST + 26):
        noise(photos / "new" / f"{seed:03}.png", seed)
    for seed in (15, 18, 21):
        noise(photos / "town" / f"{seed:03}.png", 1000 + seed)
    (photos / "sea" / "016.png").rename(photos / "new" / "moved.png")
    noise(photos / "sea" / "broken.png", 2000)
    (photos / "sea" / "001.txt").write_text("waves at dawn")


STAMP = 8  # in what `state` tells of a photo: of the files beside it


ROW = "(SELECT data FROM spaces JOIN vectors ON key = number << 40 | content_id WHERE name = '{}')"


def state(folder: Path) -> dict[str, Any]:
    """All that a library knows, by path; ids and indices, which may differ, are left out."""
    if not Store.exists(folder):
        return {}
    with closing(sqlite3.connect(f"file:{folder / 'library.db'}?mode=ro", uri=True)) as db:
        try:
            if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return {}
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname == "SQLITE_READONLY_ROLLBACK":  # it was being made
                return {}
            raise
        photos = db.execute(
            f"SELECT p.path, c.hash, {ROW.format('words')}, {ROW.format('features')}, {ROW.format('parts')}, size, "
            "mtime_ns, pixels, kind, stamp, names, captions FROM photos p LEFT JOIN contents c ON c.id = content_id "
            "LEFT JOIN texts t ON t.rowid = text_id"
        ).fetchall()
        return {
            "photos": {path_of(path): tuple(rest) for path, *rest in photos},
            "skipped": sorted(db.execute("SELECT path, reason FROM skipped").fetchall()),
            "roots": sorted(db.execute("SELECT path FROM roots").fetchall()),
            "marks": db.execute("SELECT query, hash, path, is_good FROM marks ORDER BY id").fetchall(),
            "model": db.execute("SELECT value FROM meta WHERE key IN ('model', 'labels') ORDER BY key").fetchall(),
            "contents": db.execute("SELECT count(*) FROM contents").fetchone()[0],
        }


def damage(folder: Path) -> Problems:
    """What `devise check` finds; a library that was never begun has none."""
    return [finding.text for finding in check(folder) if finding.is_damage] if state(folder) else []


def wrong_answers(folder: Path) -> Problems:
    """Searches against numpy, over what is stored."""
    photos = state(folder).get("photos", {})
    if not photos:
        return []
    found: Problems = []
    with Library(folder, settings=SMALL) as library:
        for space, dim, at in (("words", 4, 1), ("features", 48, 2)):
            paths = list(photos)
            rows = np.stack([np.frombuffer(photos[path][at], "<f2").astype(np.float64) for path in paths])
            rows /= np.linalg.norm(rows, axis=1)[:, None]
            for seed in range(2):
                vector = unit(np.random.default_rng(seed).random(dim))
                best = [match.path for match in library.nearest(vector, 3, space=space)]
                if best != brute_force(rows, paths, vector, 3):
                    found.append(f"nearest of {space} gives {best}")
    return found


def litter(folder: Path, allowed: Callable[[str], bool]) -> Problems:
    """Files that nobody will ever use."""
    files = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [f"left lying: {name}" for name in files if not allowed(name)]


def _of_library(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    if folder in ("library", "other"):
        return file.startswith(("library.db", "library.json", "lock")) or (
            file.endswith((".graph", ".flat")) and file[0] != "."
        )
    return folder != "" or name == "out.devise"


@dataclass
class Deed:
    """One thing that devise does, tried on copies of one ground. A folder is that of one try.

    make: lays the ground; act: the deed; goes_on: how it is taken up again; half: whether a part of it may be done.
    """

    name: str
    make: Callable[[Path], None]
    act: Callable[[Path, Say], None]
    goes_on: Callable[[Path, Say], None] | None = None
    half: bool = False
    base: Path = field(default=Path(), init=False)
    before: dict[str, Any] = field(default_factory=dict, init=False)
    after: dict[str, Any] = field(default_factory=dict, init=False)

    def begin(self, base: Path) -> None:
        """Lay the ground and do the deed once undisturbed."""
        self.base = base / self.name.replace(" ", "-")
        (self.base / "ground").mkdir(parents=True)
        made = ended(forked(lambda say: self.make(self.base / "ground")))
        if made.status:
            raise SystemExit(f"{self.name}: {made.error}")
        self.before = self.look(self.ground())
        end = ended(forked(lambda say: self.act(self.folder, say)))
        if end.status:
            raise SystemExit(f"{self.name}: {end.error}")
        self.after = self.look(self.folder)

    @property
    def folder(self) -> Path:
        """Of a try; always the same, as paths are stored."""
        return self.base / "try"

    def ground(self) -> Path:
        """A new try."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.base / "ground", self.folder)
        return self.folder

    def seconds(self) -> float:
        """How long it takes undisturbed."""
        self.ground()
        begun = time.monotonic()
        ended(forked(lambda say: self.act(self.folder, say)))
        return time.monotonic() - begun

    def look(self, folder: Path) -> dict[str, Any]:
        at_home(folder)
        return {name: state(folder / name) for name in ("library", "other")} | {
            "exported": state_of_file(folder / "out.devise")
        }

    def problems(self, done: int | None) -> Problems:
        """After a try was cut off. done: how many photos it had said were stored; None: it was not asked."""
        try:
            found = damage(self.folder / "library") + wrong_answers(self.folder / "library")
            now = self.look(self.folder)
        except Exception as error:
            return [f"cannot be opened: {type(error).__name__}: {error}"]
        if now in (self.before, self.after):
            return found
        if not self.half:
            return [*found, "half of it is done"]
        return found + self._lost(now["library"], done)

    def _lost(self, now: dict[str, Any], done: int | None) -> Problems:
        if not now:
            return [f"{done} photos were stored, and there is no library"] if done else []
        before, after = (each["library"].get("photos", {}) for each in (self.before, self.after))
        wanted, found = {path for path in after if after[path] != before.get(path)}, Problems()
        for path, row in now["photos"].items():
            is_told = row[STAMP] != "unread"  # else a file beside it could not be read: the next run tries again
            ends = (before.get(path), after.get(path))
            if (
                row not in ends
                and row[1:] != after.get(path, [None])[1:]
                and (is_told or row[:STAMP] != ends[1][:STAMP])
            ):
                found.append(f"{path} is neither as before nor as after")
        stored = sum(now["photos"].get(path) == after[path] for path in wanted)
        slack = len(now["skipped"]) + 1  # what is no photo counts as done
        if done is not None and not done - slack <= stored <= done + BATCH + slack:
            found.append(f"{done} photos were said to be stored, {stored} are")
        if lost := [path for path in before if path in after and path not in now["photos"]]:
            found.append(f"lost: {lost}")
        return found

    def finish(self) -> Problems:
        """Take it up again, to the end."""
        is_done = self.goes_on is None and self.look(self.folder) == self.after
        end = ended(forked(lambda say: (_repair if is_done else self.goes_on or self.act)(self.folder, say)))
        return [f"the next run fails: {end.error}"] if end.status else self._in_the_end()

    def _in_the_end(self) -> Problems:
        now = self.look(self.folder)
        found = [
            f"{name}: {key} differs from an undisturbed run's"
            for name in self.after
            for key in self.after[name]
            if now[name].get(key) != self.after[name][key]
        ]
        found += damage(self.folder / "library") + wrong_answers(self.folder / "library")
        return found + self.left_lying()

    def left_lying(self) -> Problems:
        return litter(self.folder, _of_library)


def state_of_file(file: Path) -> dict[str, Any]:
    """What an exported library knows."""
    if not file.exists():
        return {}
    folder = file.parent / ".looked-at"
    folder.mkdir()
    try:
        shutil.copy(file, folder / "library.db")
        return state(folder)
    finally:
        shutil.rmtree(folder)


def _index(folder: Path, say: Say) -> None:
    small()
    at_home(folder)
    with Library(folder / "library", settings=SMALL) as library:
        library.index([folder / "photos"], model=Quartered(), progress=Heard(say))


def _photos(folder: Path) -> None:
    draw(folder / "photos")


def _first(folder: Path) -> None:
    """A library of the first run, marks in it, and photos that have changed since.

    Photos and library are built where the tries will be, and moved: their paths are stored.
    """
    small()
    place = folder.parent / "try"
    at_home(place)
    draw(place / "photos")
    write_vectors(place / "embeddings" / "tiny.safetensors", WORDS, np.eye(8, 4) + 0.1, source="drawn")
    with Library(place / "library", settings=SMALL) as library:
        library.index([place / "photos"], model=Quartered())
        library.marks.add("red", [place / "photos" / "town" / "015.png"], is_good=True)
    shutil.rmtree(folder)
    place.rename(folder)


def _changed(folder: Path) -> None:
    _first(folder)
    change(folder / "photos")


def _mark(folder: Path, say: Say) -> None:
    small()
    at_home(folder)
    with Library(folder / "library", settings=SMALL) as library:
        library.marks.add("green", [folder / "photos" / "sea" / f"{seed:03}.png" for seed in (1, 4, 5)], is_good=False)


def _undo(folder: Path, say: Say) -> None:
    at_home(folder)
    with Library(folder / "library", settings=SMALL) as library:
        library.marks.undo()


def _export(folder: Path, say: Say) -> None:
    small()
    portable.export(folder / "library", folder / "out.devise")


def _exported(folder: Path) -> None:
    _first(folder)
    small()
    portable.export(folder / "library", folder / "out.devise")
    shutil.rmtree(folder / "library")


def _import(folder: Path, say: Say) -> None:
    small()
    portable.import_(folder / "out.devise", folder / "library", settings=SMALL)


def _two(folder: Path) -> None:
    _first(folder)
    small()
    for seed in range(300, 330):
        noise(folder / "others" / f"{seed}.png", seed)
    with Library(folder / "other", settings=SMALL) as library:
        library.index([folder / "others"], model=Quartered())


def _merge(folder: Path, say: Say) -> None:
    small()
    portable.merge(folder / "library", folder / "other", settings=SMALL)


def _compact(folder: Path, say: Say) -> None:
    small()
    compact(folder / "library", settings=SMALL)


def _elsewhere(folder: Path) -> None:
    _first(folder)
    (folder / "photos").rename(folder / "photos-of-old")


def _move(folder: Path, say: Say) -> None:
    small()
    portable.move(folder / "library", str(folder / "photos"), str(folder / "photos-of-old"))


def _damaged(folder: Path) -> None:
    """A vector that is none, no index, and a page of the file overwritten."""
    _first(folder)
    file = folder / "library" / "library.db"
    with closing(Store(file.parent, write=True)) as store:
        store.db.execute("PRAGMA foreign_keys = OFF")
        page = store.db.value("SELECT rootpage FROM sqlite_master WHERE name = 'photos_content'")
    next(file.parent.glob("words-*.flat")).unlink()
    data = bytearray(file.read_bytes())
    data[16_384 * (page - 1) : 16_384 * (page - 1) + 600] = b"\xff" * 600
    file.write_bytes(data)


class Repair(Deed):
    """A damaged library cannot be looked at before it is mended."""

    def look(self, folder: Path) -> dict[str, Any]:
        try:
            return super().look(folder)
        except sqlite3.DatabaseError:
            return {"library": {}, "damaged": {}}

    def problems(self, done: int | None) -> Problems:
        return []


def _repair(folder: Path, say: Say) -> None:
    small()
    at_home(folder)
    check(folder / "library", repair=True, settings=SMALL)


def of_libraries() -> list[Deed]:
    return [
        Deed("index for the first time", _photos, _index, goes_on=_index, half=True),
        Deed("index again", _changed, _index, goes_on=_index, half=True),
        Deed("mark", _first, _mark),
        Deed("mark --undo", _first, _undo),
        Deed("library export", _first, _export, goes_on=_export),
        Deed("library import", _exported, _import),
        Deed("library merge", _two, _merge),
        Deed("library move", _elsewhere, _move),
        Deed("library compact", _changed, _compact, goes_on=_compact),
        Repair("check --repair", _damaged, _repair, goes_on=_repair),
    ]


class Files(Deed):
    """Deeds that write files beside any library."""

    opens: Callable[[Path], dict[str, Any]]

    def look(self, folder: Path) -> dict[str, Any]:
        at_home(folder)
        return {"files": type(self).opens(folder)}

    def problems(self, done: int | None) -> Problems:
        end = ended(forked(lambda say: say(str(self.look(self.folder)))))
        return [f"a file is not whole: {end.error}"] if end.status else []

    def finish(self) -> Problems:
        end = ended(forked(lambda say: (self.goes_on or self.act)(self.folder, say)))
        if end.status:
            return [f"the next run fails: {end.error}"]
        same = ended(forked(self._compare))
        return [same.error] if same.status else self.left_lying()

    def _compare(self, say: Say) -> None:
        now = self.look(self.folder)
        assert now == self.after, f"differs from an undisturbed run: {now} instead of {self.after}"

    def left_lying(self) -> Problems:
        return litter(self.folder, lambda name: not name.endswith(("tmp", ".training", "-journal")))


class Vectors(Files):
    @staticmethod
    def opens(folder: Path) -> dict[str, Any]:
        path = folder / "embeddings" / "glove.safetensors"
        if not path.exists():
            return {}
        vectors = WordVectors.open("glove")
        rows = vectors.rows(np.arange(len(vectors)))
        near = [match.word for match in vectors.nearest(vectors.word(3), 5)]
        return {"fingerprint": vectors.fingerprint, "sum": float(rows.sum()), "near": near}


def _glove(folder: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(600, 20))
    lines = (f"word{i} {' '.join(f'{number:.4f}' for number in row)}\n" for i, row in enumerate(rows))
    (folder / "glove.txt").write_text("".join(lines))


def _import_vectors(folder: Path, say: Say) -> None:
    from devise.words import import_vectors

    at_home(folder)
    import_vectors(folder / "glove.txt", "glove")


class Training(Files):
    @staticmethod
    def opens(folder: Path) -> dict[str, Any]:
        import torch

        from devise.descriptors.network.format import read

        torch.set_num_threads(1)
        state = folder / "out" / "colours.training"
        if state.exists():
            torch.load(state, weights_only=True)
        path = folder / "out" / "colours.safetensors"
        return {"fingerprint": read(path)[0]["fingerprint"]} if path.exists() else {}


def _classes(folder: Path) -> None:
    import torch

    from devise.descriptors.network import checkpoint as checkpoints
    from devise.descriptors.network.backbones import Backbone
    from devise.descriptors.network.checkpoint import Checkpoint
    from devise.descriptors.network.config import BackboneConfig
    from devise.descriptors.network.preprocess import Preprocessing

    place = folder.parent / "try"
    torch.set_num_threads(1)
    torch.manual_seed(0)
    tiny = BackboneConfig(name="tiny", layers=(4, "M", 8, "M"), batch_norm=True, first_stride=2, top="conv",
                          num_features=16, preprocessing=Preprocessing(size=32, resize="squash"))  # fmt: skip
    for at, name in enumerate(("red", "green", "sofa cat")):
        for seed in range(6):
            noise(place / "classes" / name / f"{seed}.png", 100 * at + seed, 32)
    checkpoints.save(Checkpoint(name="tiny", backbone=Backbone(tiny)), place / "backbone.safetensors")
    rows = np.random.default_rng(7).normal(size=(len(WORDS), 6))
    write_vectors(place / "embeddings" / "tiny.safetensors", WORDS, rows, source="drawn")
    folder.rmdir()
    place.rename(folder)


def _train(folder: Path, say: Say, resume: bool = False) -> None:
    import torch

    from devise.training import TrainOptions, train

    at_home(folder)
    torch.set_num_threads(1)
    train(TrainOptions(data=folder / "classes", out=str(folder / "out" / "colours"), vectors="tiny",
                       backbone=str(folder / "backbone.safetensors"), epochs=3, batch=8, validation=0.25,
                       learning_rate=0.01, threads=1, resume=resume))  # fmt: skip


def of_files() -> list[Deed]:
    return [
        Vectors("vectors import", _glove, _import_vectors, goes_on=_import_vectors),
        Training("train", _classes, _train, goes_on=lambda folder, say: _train(folder, say, resume=True)),
    ]
