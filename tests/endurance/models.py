"""Checkpoints and word vectors that somebody made to do harm: refused in one line, nothing run, nothing allocated.

    python -m tests.endurance.models [--rounds N | --full]

Their checksums are right, so only their content can tell. What is loaded in the end must give finite vectors.
--rounds: how many damaged word files are imported beside the made ones.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from devise import config
from devise.errors import DeviseError
from devise.words import WordVectors, import_vectors, neighbours
from devise.words.format import write_vectors
from tests.endurance.forged import CHECKPOINTS, HEADERS, TABLES, WORD_FILES, forged_checkpoint, forged_words, whole
from tests.endurance.watch import Outcome, is_told, report, watched, write

QUICK, FULL = 150, 3_000
MEGABYTES = 1_800  # torch and OpenVINO alone hold 600


def checkpoint(path: Path) -> str:
    """By all that reads checkpoints and weights."""
    from devise.descriptors.network.classes import read_classes
    from devise.descriptors.network.compiled import Compiled
    from devise.descriptors.network.encoder import Encoder
    from devise.descriptors.network.weights import load_backbone

    told = 0
    for read in (partial(_encodes, Compiled), partial(_encodes, Encoder), read_classes, _weights(load_backbone)):
        try:
            read(path)
        except DeviseError as error:
            is_told(error)
            told += 1
    return "refused" if told == 4 else "read as what it is" if told else "read"


def _weights(load_backbone: object) -> object:
    return lambda path: load_backbone("vgg11_bn", path)


def _encodes(kind: object, path: Path) -> None:
    encoder = kind.open(path)
    if encoder.size > 2_048:
        raise ValueError(f"photos of {encoder.size} pixels a side")
    try:
        found = encoder.encode(np.full((1, encoder.size, encoder.size, 3), 90, np.uint8))
    except ValueError:
        return  # a vector of zeros: indexing tells
    if not all(np.isfinite(rows).all() for rows in found.values()):
        raise ValueError("vectors that are not finite")


def vectors(path: Path) -> str:
    """A file of devise's own kind."""
    made = WordVectors(path)
    made.words(), made.hints("catt"), made.nearest("cat", 3), made.vector("dog"), neighbours.load(made)
    if not np.isfinite(made.rows(range(len(made)))).all():
        raise ValueError("rows that are not finite")
    return "read"


def imported(path: Path) -> str:
    """A file of others."""
    marker = Path(os.environ["DEVISE_MARKER"])
    try:
        made = import_vectors(path, f"in-{os.getpid()}")
        made.words(), made.nearest(made.word(0), 3)
        return "read"
    finally:
        if marker.exists():
            raise ValueError("code of a file was run")


def labels(base: Path) -> str:
    """Labels and paths that lead elsewhere are words and files, and nothing is written beside what was asked for."""
    from devise.training import TrainOptions, train
    from tests.endurance.odd import write_odd

    names = ["../../etc", "/etc/passwd", "..", "a\0b", "~", "$(touch x)"]
    place = base / "deep" / "er"
    place.mkdir(parents=True)
    write_vectors(config.own_folder("embeddings") / "odd.safetensors", names, np.eye(6), source="drawn")
    forged_checkpoint(place / "backbone.safetensors", *whole())
    write_odd(place / "rgb.png", "rgb.png")
    rows = [f"{place}/rgb.png,{name}" for name in names if "\0" not in name]
    (place / "labels.csv").write_text("path,labels\n" + "\n".join(rows * 4) + "\n../../../../etc/passwd,..\n")
    before = {path for path in base.rglob("*") if path != place}
    options = TrainOptions(data=place / "labels.csv", out=str(place / "out.safetensors"), vectors="odd", epochs=1,
                           batch=4, validation=0.2, backbone=str(place / "backbone.safetensors"))  # fmt: skip
    try:
        train(options)
        said = "trained"
    except DeviseError as error:
        said = is_told(error)
    cache = Path(os.environ["XDG_CACHE_HOME"])
    new = {path for path in base.rglob("*") if path not in before and not path.is_relative_to(cache)}
    if stray := [path for path in new if path.is_file() and path.parent != place]:
        raise ValueError(f"written elsewhere: {stray[0]}")
    if said == "trained" and not (place / "out.safetensors").is_file():
        raise ValueError("nothing was written")
    return said


def harmed(place: Path, number: int) -> str:
    """A word file with some bytes changed."""
    chance = random.Random(number)
    name = chance.choice(sorted(WORD_FILES))
    data = bytearray(WORD_FILES[name]()[:20_000] or b"cat 1")
    for _ in range(chance.choice((1, 2, 8))):
        at = chance.randrange(len(data) + 1)
        data[at : at + chance.choice((1, 3))] = chance.choice((b"", b" ", b"\n", b"\xff", b"9", b"\0", b"nan", b"e99"))
    path = place / f"{number}-{name}"
    path.write_bytes(bytes(data))
    try:
        return imported(path)
    finally:
        path.unlink()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=QUICK)
    parser.add_argument("--full", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="devise-models-") as name:
        base = Path(name)
        os.environ |= {"DEVISE_EMBEDDINGS": str(base / "embeddings"), "DEVISE_MARKER": str(base / "marker")}
        os.environ |= {f"XDG_{kind}_HOME": str(base / kind.lower()) for kind in ("DATA", "CACHE", "CONFIG")}
        return int(run(base, FULL if chosen.full else chosen.rounds) > 0)


def run(base: Path, rounds: int) -> int:
    write_vectors(base / "good.safetensors", ["cat", "dog", "sofa"], np.eye(3), source="drawn")

    def of_checkpoint(number: int) -> str:
        name = [*CHECKPOINTS, *HEADERS][number]
        path = base / f"c{number}.safetensors"
        if name in HEADERS:
            path.write_bytes(HEADERS[name]())
        else:
            about, arrays = whole()
            CHECKPOINTS[name](about, arrays)
            forged_checkpoint(path, about, arrays)
        return checkpoint(path)

    def of_vectors(number: int) -> str:
        name = [*TABLES, *HEADERS][number]
        path = base / f"v{number}.safetensors"
        if name in HEADERS:
            path.write_bytes(HEADERS[name]())
        else:
            forged_words(path, TABLES[name])
        return vectors(path)

    def of_import(number: int) -> str:
        name = list(WORD_FILES)[number]
        path = base / f"{number}-{name}"
        path.write_bytes(WORD_FILES[name]())
        return imported(path)

    faults = 0
    checkpoints, tables = [*CHECKPOINTS, *HEADERS], [*TABLES, *HEADERS]
    for what, work, names, batch in (
        ("forged checkpoints", of_checkpoint, checkpoints, 20),
        ("forged word vectors", of_vectors, tables, 20),
        ("word files of others", of_import, list(WORD_FILES), 10),
        ("labels that are paths", lambda number: labels(base), ["labels"], 1),
        ("damaged word files", partial(harmed, base), [str(number) for number in range(rounds)], 50),
    ):
        found: list[Outcome] = list(watched(work, len(names), batch=batch, seconds=20, megabytes=MEGABYTES))
        faults += report(what, found, lambda number, names=names: names[number])
    write(f"| models and vectors, all | crashed, hung, run or let in: {faults} |")
    return faults


if __name__ == "__main__":
    sys.exit(main())
