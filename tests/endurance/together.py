"""Many programs on one library: two that index, searches, judgements, exports and training while another indexes.

python -m tests.endurance.together [--rounds N | --full]
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from devise.errors import LibraryError
from devise.library import Library, Where
from devise.library.upkeep import portable
from devise.library.upkeep.check import check
from devise.store.records import path_of
from devise.store.sqlite.store import Store
from devise.vectors import unit
from devise.words.format import write_vectors
from tests.endurance.deeds import (
    SMALL,
    WORDS,
    Problems,
    Quartered,
    at_home,
    damage,
    imported,
    noise,
    small,
    wrong_answers,
)
from tests.endurance.deeds import state as known_of
from tests.endurance.rounds import Tally, asked
from tests.endurance.writes import Ended, Say, ended, forked

PHOTOS = 80  # half of them are in the library from the start
SEARCHES = 100
READERS = 3  # processes that share the searches
TURNS = 6  # runs of the one that indexes, each with other photos


class Slow(Quartered):
    """Takes as long as a real model, so that others find it at work."""

    def encode(self, pixels: Any) -> dict[str, Any]:
        time.sleep(0.02)
        return super().encode(pixels)


def main() -> None:
    rounds = asked(__doc__, few=1)
    small()
    imported()
    chance, tally = random.Random(rounds.seed), Tally()
    beside: dict[str, list[Callable[[Path, Say], None]]] = {
        "a second index": [_told_who] * 2,
        f"{SEARCHES} searches from {READERS} processes": [_searching] * READERS,
        "100 judgements": [_marking, _marking],
        "10 exports": [_exporting],
        "checks and statistics": [_checking],
        "all of these": [_told_who, _searching, _marking, _exporting, _checking],
        "train": [_training],
    }
    with tempfile.TemporaryDirectory(prefix="devise-endurance-") as base:
        for what, others in beside.items():
            if what == "train":
                imported("torch", "openvino", "devise.training.loop")
            for number in rounds.number(full=15):
                tally.add("index", f"beside {what}", f"round {number}", _together(Path(base) / "try", others, chance))
    sys.exit(tally.told())


def _together(folder: Path, others: list[Callable[[Path, Say], None]], chance: random.Random) -> Problems:
    shutil.rmtree(folder, ignore_errors=True)
    at_home(folder)
    write_vectors(folder / "embeddings" / "tiny.safetensors", WORDS, np.eye(8, 4) + 0.1, source="drawn")
    for seed in range(PHOTOS):
        noise(folder / "all" / f"{seed:03}.png", seed)
    _swap(folder, range(PHOTOS // 2))
    first = ended(forked(lambda say: _index(folder)))
    writer = forked(lambda say: _indexing(folder, chance.random()))
    readers = [forked(lambda say, act=act: act(folder, say)) for act in others]
    ends = [first, ended(writer), *map(ended, readers)]
    found = [_said(end) for end in ends if end.status or end.error]
    return found + damage(folder / "library") + wrong_answers(folder / "library") + _complete(folder)


def _said(end: Ended) -> str:
    return f"status {end.status}: {end.error}"


def _swap(folder: Path, seeds: range) -> None:
    """The photos are those of `seeds`."""
    photos = folder / "photos"
    photos.mkdir(exist_ok=True)
    wanted = {f"{seed:03}.png" for seed in seeds}
    for name in wanted - {path.name for path in photos.iterdir()}:
        shutil.copy(folder / "all" / name, photos / name)
    for path in photos.iterdir():
        if path.name not in wanted:
            path.unlink()


def _index(folder: Path) -> None:
    with Library(folder / "library", settings=SMALL) as library:
        library.index([folder / "photos"], model=Slow())


def _indexing(folder: Path, seed: float) -> None:
    chance = random.Random(seed)
    for _ in range(TURNS):
        start = chance.randrange(PHOTOS // 2)
        _swap(folder, range(start, start + PHOTOS // 2))
        for patience in range(200):
            try:
                _index(folder)
                break
            except LibraryError as error:
                if "is writing to" not in str(error) or patience == 199:
                    raise
                time.sleep(0.05)  # the second one was quicker


def _complete(folder: Path) -> Problems:
    stored = {Path(path).name for path in known_of(folder / "library")["photos"]}
    there = {path.name for path in (folder / "photos").iterdir()}
    return [f"{len(there - stored)} photos are missing, {len(stored - there)} too many"] if stored != there else []


def _told_who(folder: Path, say: Say) -> None:
    """Another run: it is told who has the library, or has it for itself."""
    for _ in range(20):
        try:
            with Library(folder / "library", settings=SMALL) as library:
                library.index([folder / "photos"], model=Quartered(), allow_empty=True)
        except LibraryError as error:
            if "another devise" not in str(error) or "wait until it has finished" not in str(error):
                raise
        time.sleep(0.05)


def _searching(folder: Path, say: Say) -> None:
    """Each answer is of one moment of the library."""
    library = Library(folder / "library", settings=SMALL)
    for number in range(SEARCHES // READERS + 1):
        vector = unit(np.random.default_rng(number).random(4))
        found = library.nearest(vector, 5)
        assert len(found) == 5, f"{len(found)} found"
        assert [match.score for match in found] == sorted((match.score for match in found), reverse=True)
        library.search(WORDS[number % 3], 5, min_probability=0)
        library.search(where=Where(text=f"{number:03}"))
        _snapshot(library)
        if number % 5 == 0:
            library.close()
        time.sleep(0.01)
    library.close()


def _snapshot(library: Library) -> None:
    """All in one transaction: a whole state, in which a search finds just what numpy finds."""
    store = library._reader()
    searcher = library._search()
    with store.snapshot():
        paths = [path_of(path) for (path,) in store.db.rows("SELECT path FROM photos ORDER BY path")]
        rows = store.db.rows("SELECT path, data FROM photos JOIN vectors ON key = 1 << 40 | content_id")
        assert len(rows) == len(paths), "photos without vectors"
        num_features = store.db.value("SELECT count(*) FROM vectors WHERE key >> 40 = 2")
        assert num_features == store.num_contents(), "contents without features"
    vector = unit(np.ones(4))
    with searcher._snapshot():
        held = {path_of(path) for (path,) in store.db.rows("SELECT path FROM photos")}
        found = searcher._known[1].near("words", vector[None], 8)  # also where a run has just replaced its file
        ids = found[0].ids if found else store.ids()
        stored = set(store.ids().tolist())
        assert set(ids.tolist()) <= stored, "the index names contents that the snapshot has not"
        matches = searcher._matches(ids, np.zeros(len(ids)), len(ids), None)
        assert {match.path for match in matches} <= held, "matches of another moment"


def _marking(folder: Path, say: Say) -> None:
    with Library(folder / "library", settings=SMALL) as library:
        for number in range(50):
            path = library.paths()[number % 20]
            before = _count(library.path)
            try:
                library.marks.add(WORDS[number % 3], [folder / "all" / Path(path).name], is_good=bool(number % 2))
                assert _count(library.path) > before, "a judgement is missing"
            except LibraryError as error:
                if "is not in the library" not in str(error):  # the run has just taken it out
                    raise
            if number % 7 == 6:
                library.marks.undo()


def _count(folder: Path) -> int:
    """The number of the last judgement ever made."""
    with closing(Store(folder)) as store:
        return int(store.db.value("SELECT ifnull(max(seq), 0) FROM sqlite_sequence WHERE name = 'marks'"))


def _exporting(folder: Path, say: Say) -> None:
    for number in range(10):
        file = folder / f"out{os.getpid()}-{number}.devise"
        told = portable.export(folder / "library", file)
        place = folder / f"in{os.getpid()}-{number}"
        assert portable.import_(file, place) == told, "another number of photos than was said"
        assert not [finding.text for finding in check(place) if finding.is_damage]
        time.sleep(0.02)


def _checking(folder: Path, say: Say) -> None:
    for _ in range(15):
        found = [finding.text for finding in check(folder / "library") if finding.is_damage]
        assert not found, found
        with Library(folder / "library", settings=SMALL) as library:
            info = library.info()
            assert info.num_contents <= info.num_photos or info.num_photos == 0
        time.sleep(0.02)


def _training(folder: Path, say: Say) -> None:
    """On the photos of the library and what was said of them, while it changes."""
    import torch

    from devise.training import TrainOptions, train
    from tests.endurance.deeds import _classes

    torch.set_num_threads(1)
    place = folder / "training"
    (place / "ground").mkdir(parents=True)
    _classes(place / "ground")
    _marking(folder, say)
    shutil.copytree(place / "ground" / "embeddings", folder / "embeddings", dirs_exist_ok=True)
    train(TrainOptions(data=place / "ground" / "classes", out=str(place / "colours"), vectors="tiny",
                       backbone=str(place / "ground" / "backbone.safetensors"), epochs=3, batch=8, validation=0.25,
                       feedback=folder / "library", threads=1))  # fmt: skip
    assert Store.exists(folder / "library")


if __name__ == "__main__":
    main()
