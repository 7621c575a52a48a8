"""Every file that devise writes, damaged in every way: flipped, cut, swapped, of the future, or nothing of the kind.

    python -m tests.endurance.damage [--rounds N | --full] [--only TARGET] [--seed N]

Each mutation is read by all that reads such a file, in a child that is watched. What it comes to: a good answer, one
line that says what is wrong ("told"), or what was mended by `devise check --repair` and `devise index`.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from devise.errors import DeviseError
from devise.library import Library
from devise.library.upkeep import portable
from devise.library.upkeep.check import check
from devise.vectors import unit
from devise.words import WordVectors
from devise.words.catalog import in_use, list_vectors
from tests.endurance.harm import damage
from tests.endurance.samples import PHOTOS, SETTINGS, Encoder, make, photos_of, train_on
from tests.endurance.watch import Outcome, is_told, report, watched, write

FULL, QUICK = 10_400, 260

# What reads them


def search_all(folder: Path, base: Path) -> None:
    """Everything that a reader of a library does. Each answers or says what is wrong."""
    photo = photos_of(base)[3]
    asked: list[Callable[[Library], object]] = [
        len,
        lambda library: library.paths(),
        lambda library: library.info(),
        lambda library: library.search("red -blue", 5),
        lambda library: library.search("paris", 5),
        lambda library: library.nearest(unit([1.0, 0.2, 0.1, 0.1]), 5),
        lambda library: library.similar(photo, 3),
        lambda library: library.tag(photo, sure=0.0),
        lambda library: list(library.marks),
        lambda library: library.marks.present(),
    ]
    told = 0
    for ask in asked:
        with Library(folder, model=Encoder(), settings=SETTINGS) as library:
            told += _tells(lambda ask=ask, library=library: _is_good(ask(library)))
    if told == len(asked):
        _tells(lambda: check(folder))


def _is_good(answer: object) -> None:
    for match in answer if isinstance(answer, list) else []:
        score = getattr(match, "score", 0.0)
        if not np.isfinite(score):
            raise ValueError(f"an answer that is none: {match}")


def _tells(work: Callable[[], object]) -> int:
    try:
        work()
        return 0
    except DeviseError as error:
        is_told(error)
        return 1


def mend(folder: Path, base: Path) -> str:
    """Check, repair, index: after that a library is whole and knows all its photos, or says that it cannot be."""
    damaged = 0
    try:
        damaged = sum(finding.is_damage for finding in check(folder))
        check(folder, repair=True, settings=SETTINGS)
    except DeviseError as error:
        is_told(error)
        damaged = -1
    try:
        with Library(folder, settings=SETTINGS) as library:
            library.index([base / "photos-one"], model=Encoder())
            if len(library.paths()) < PHOTOS:
                raise ValueError(f"{len(library.paths())} photos are left of {PHOTOS} after a repair")
            library.search("red", 5)
    except DeviseError as error:
        is_told(error)
        if damaged >= 0:
            raise ValueError(f"checked and repaired, but: {error}") from error
        return "told that it is beyond repair"
    if damaged < 0:
        return "told that it is beyond repair"
    if left := [finding.text for finding in check(folder) if finding.is_damage]:
        raise ValueError(f"still damaged after a repair: {left[0]}")
    return "mended" if damaged else "good"


def library(place: Path, base: Path) -> str:
    search_all(place / "library", base)
    return mend(place / "library", base)


def wal(place: Path, base: Path) -> str:
    search_all(place / "wal", base)
    return mend(place / "wal", base)


def index(place: Path, base: Path) -> str:
    """Whatever the file of an index holds, answers stay what they were."""
    query = unit([1.0, 0.2, 0.1, 0.1])
    opened = partial(Library, settings=SETTINGS)
    with opened(base / "one" / "library") as whole, opened(place / "library") as damaged:
        for space, vector in (("words", query), ("features", unit(np.arange(48.0) + 1))):
            wanted, found = (each.nearest(vector, 5, space=space) for each in (whole, damaged))
            if [match.path for match in wanted] != [match.path for match in found]:
                raise ValueError(f"other answers: {[os.path.basename(match.path) for match in found]}")
    return mend(place / "library", base)


def words(place: Path, base: Path) -> str:
    """Word vectors and their graph, by all that reads them."""
    os.environ["DEVISE_EMBEDDINGS"] = str(place / "embeddings")
    path = place / "embeddings" / "tiny.safetensors"
    list_vectors()
    vectors = WordVectors(path)
    whole = WordVectors(base / "one" / "embeddings" / "tiny.safetensors")
    if (vectors.fingerprint, len(vectors)) != (whole.fingerprint, len(whole)):
        vectors.nearest("cat", 5), vectors.hints("catt"), vectors.words()
        return "good"
    for ask in (lambda v: [m.word for m in v.nearest("cat", 5)], lambda v: v.hints("catt"), lambda v: v.words()):
        if ask(vectors) != ask(whole):
            raise ValueError("other words")
    return "good"


def settings(place: Path, base: Path) -> str:
    """What a broken settings file says is not heeded."""
    os.environ["XDG_DATA_HOME"] = str(place / "data")
    (place / "data").mkdir()
    shutil.copytree(place / "settings", place / "data" / "devise")
    in_use(), list_vectors()
    _tells(lambda: WordVectors.open())
    return "good"


def exported(place: Path, base: Path) -> str:
    """Imported as a new library, and merged into another."""
    told = _tells(lambda: portable.import_(place / "exported.db", place / "new", settings=SETTINGS))
    if not told:
        search_all(place / "new", base)
        if any(finding.is_damage for finding in check(place / "new")):
            raise ValueError("a damaged library was imported")
    elif (place / "new" / "library.db").exists():
        raise ValueError("an import that failed left a library")
    told += _tells(lambda: portable.merge(place / "library", place / "exported.db", settings=SETTINGS))
    if damaged := [finding.text for finding in check(place / "library") if finding.is_damage]:
        raise ValueError(f"a merge damaged the library: {damaged[0]}")
    return "told" if told else "good"


def models(place: Path, base: Path) -> str:
    """A checkpoint, by both engines and by who reads its classes."""
    from devise.descriptors.network.classes import read_classes
    from devise.descriptors.network.compiled import Compiled
    from devise.descriptors.network.encoder import Encoder as Torch

    path, told = place / "models" / "own.safetensors", 0
    for opened in (Compiled.open, Torch.open):
        told += _tells(lambda opened=opened: _looks(opened(path)))
    told += _tells(lambda: read_classes(path))
    return "told" if told else "good"


def _looks(encoder: Any) -> None:
    if encoder.size > 4_096:
        raise ValueError(f"photos of {encoder.size} pixels a side")
    found = encoder.encode(np.full((1, encoder.size, encoder.size, 3), 90, np.uint8))
    if not all(np.isfinite(rows).all() for rows in found.values()):
        raise ValueError("vectors that are not finite")


def cached(place: Path, base: Path) -> str:
    """Features that were kept on the disk are what they were, or are computed anew."""
    from devise.descriptors.network.checkpoint import load
    from devise.training.features import features_of

    checkpoint = load(base / "one" / "models" / "own.safetensors")
    wanted = features_of(photos_of(base)[:6], checkpoint, cache=base / "one" / "models")[0]
    found = features_of(photos_of(base)[:6], checkpoint, cache=place / "models")[0]
    if found.shape != wanted.shape or not np.allclose(found, wanted, atol=1e-3):
        raise ValueError("other features than before")
    return "good"


def training(place: Path, base: Path) -> str:
    train_on(base, place / "models", stop=False)
    return "good"


@dataclass(frozen=True)
class Target:
    """files: which may be damaged, as patterns in the folder; share: of all mutations."""

    files: str
    read: Callable[[Path, Path], str]
    share: float
    copied: tuple[str, ...] = ("library",)


TARGETS = {
    "library.db": Target("library/library.db", library, 0.27),
    "library.db, cells": Target("library/library.db", library, 0.1),
    "library.db with -wal": Target("wal/library.db*", wal, 0.1, ("wal",)),
    "indices": Target("library/*-*", index, 0.12),
    "library.json": Target("library/library.json", library, 0.01),
    "lock and holder": Target("library/[hl]o*", library, 0.01),
    "word vectors": Target("embeddings/tiny.safetensors", words, 0.15, ("embeddings",)),
    "graph of words": Target("embeddings/tiny.graph*", words, 0.07, ("embeddings",)),
    "settings": Target("settings/settings.json", settings, 0.03, ("settings",)),
    "exported library": Target("exported.db", exported, 0.05, ("exported.db", "library")),
    "checkpoint": Target("models/own.safetensors", models, 0.06, ("models",)),
    "cached features": Target("models/*/*.features", cached, 0.025, ("models",)),
    "training state": Target("models/*.training", training, 0.005, ("models",)),
}


def planned(count: int, only: str | None) -> list[str]:
    """The target of each mutation."""
    shares = {name: target.share for name, target in TARGETS.items() if only in (None, name)}
    total = sum(shares.values())
    targets = [name for name, share in shares.items() for _ in range(max(3, round(count * share / total)))]
    random.Random(0).shuffle(targets)
    return targets


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=QUICK)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", choices=list(TARGETS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end after so many, however few were done")
    parser.add_argument("--one", type=int, help="the number of one mutation, to see its traceback")
    chosen = parser.parse_args()
    fast = "/dev/shm" if os.path.isdir("/dev/shm") else None  # thousands of small writes
    with tempfile.TemporaryDirectory(prefix="devise-damage-", dir=fast) as name:
        base = Path(name)
        for kind in ("DATA", "CACHE", "CONFIG", "STATE"):
            os.environ[f"XDG_{kind}_HOME"] = str(base / kind.lower())
        os.environ["DEVISE_EMBEDDINGS"] = str(base / "embeddings")
        for variable in ("DEVISE_MODEL", "DEVISE_LIBRARY"):
            os.environ.pop(variable, None)
        make(base)
        targets = planned(FULL if chosen.full else chosen.rounds, chosen.only)
        work = partial(mutation, base, targets, chosen.seed)
        if chosen.one is not None:
            write(work(chosen.one))
            return 0
        return run(work, targets, chosen.seed, chosen.workers, chosen.seconds)


def mutation(base: Path, targets: list[str], seed: int, number: int) -> str:
    """Damage a copy of one file and read it."""
    place = Path(tempfile.mkdtemp(prefix=f"place-{number}-", dir=base))
    target = TARGETS[targets[number]]
    os.environ |= {"DEVISE_EMBEDDINGS": str(base / "embeddings"), "XDG_DATA_HOME": str(base / "data")}
    try:
        for name in target.copied:
            source = base / "one" / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, place / name)
        how = damage(
            target.files,
            place,
            base / "two",
            random.Random(f"{seed} {number}"),
            by_cells=targets[number].endswith("cells"),
        )
        if os.environ.get("SHOW"):
            write(how)
        return target.read(place, base)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def run(work: Callable[[int], str], targets: list[str], seed: int, workers: int, seconds: float) -> int:
    def told(number: int) -> str:
        return f"{targets[number]}, --seed {seed}"

    outcomes: list[Outcome] = []
    for outcome in watched(work, len(targets), batch=60, workers=workers, until=time.monotonic() + seconds):
        outcomes.append(outcome)
        if outcome.fault:
            write(f"  {outcome.number} ({told(outcome.number)}): {outcome.fault}")
        if len(outcomes) % 1_000 == 0:
            write(f"  {len(outcomes):,} of {len(targets):,}, {sum(bool(each.fault) for each in outcomes)} faults")
    faults = 0
    for target in dict.fromkeys(targets):
        faults += report(target, [each for each in outcomes if targets[each.number] == target], told)
    mended = sum(outcome.said == "mended" for outcome in outcomes)
    write(f"| damage, all files | {len(outcomes):,} mutations, {mended:,} mended | lost, crashed or hung: {faults} |")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
