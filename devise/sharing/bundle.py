"""A model as one file for others: the checkpoint, the word vectors that it speaks in, its card and curves.

A zip without compression (weights do not shrink) that any program opens; `bundle.json` says what is in it.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from types import UnionType
from typing import Any

from devise import config
from devise.descriptors.network.format import SUFFIX, read
from devise.errors import CheckpointError, VectorsError, writing
from devise.files import replacing
from devise.sharing.card import CARD, facts_of, write_card
from devise.training.log import CURVES, EPOCHS, LABELS, run_folder
from devise.words import WordVectors
from devise.words.catalog import NAME, SHIPPED, path_for

FORMAT = 1
ABOUT, MODEL, VECTORS = "bundle.json", "model.safetensors", "vectors.safetensors"
RUN = (CARD, CURVES, EPOCHS, LABELS)
LARGEST = 8 << 30  # bytes of a file in it: a checkpoint with all weights of VGG16 has 0.3 GB, GloVe's largest table 2.6


@dataclass(frozen=True)
class Bundle:
    """What was written or read. vectors: the name of the word vectors; has_vectors: whether they are in the file."""

    name: str
    path: Path
    vectors: str | None
    has_vectors: bool


def export(name: str | Path, file: Path, *, licence: str = "") -> Bundle:
    """Write a model with all that it needs. Word vectors are in it unless they are those that ship with devise.

    Raises CheckpointError, VectorsError, WriteError.
    """
    facts = facts_of(name)
    speaks = facts.about["heads"].get("words", {}).get("vectors")
    vectors = WordVectors.open(speaks) if speaks and speaks not in SHIPPED else None
    about = {"format": FORMAT, "kind": "devise model", "name": facts.path.stem, "vectors": speaks,
             "fingerprint": facts.about["fingerprint"], "licence": licence}  # fmt: skip
    with replacing(file) as temporary, zipfile.ZipFile(temporary, "w") as made:
        made.writestr(ABOUT, json.dumps(about, indent=2))
        made.write(facts.path, MODEL)
        if vectors is not None:
            made.write(vectors.path, VECTORS)
        folder = run_folder(facts.path)
        with TemporaryDirectory() as place:
            if not (folder / CARD).is_file() or licence:
                made.write(write_card(facts.path, Path(place) / CARD, licence=licence), CARD)
            for inner in RUN:
                if inner not in made.namelist() and (folder / inner).is_file():
                    made.write(folder / inner, inner)
    return Bundle(facts.path.stem, file, speaks, vectors is not None)


def bring(file: Path, *, name: str | None = None, force: bool = False) -> Bundle:
    """Bring a model that others exported among one's own; its path is that of the checkpoint.

    name: what it is to be called here. force: in place of another of that name. Nothing is written where the file is
    damaged, foreign, or from a newer devise. Raises CheckpointError, VectorsError, WriteError.
    """
    with _opened(file) as (packed, about), TemporaryDirectory() as place:
        called = name or str(about["name"])
        if not NAME.fullmatch(called) or called == config.SHIPPED_MODEL:
            raise CheckpointError(f'"{called}" cannot be the name of a model of yours; choose another with --name')
        checkpoint = config.own_folder("checkpoints") / f"{called}{SUFFIX}"
        unpacked = {inner: _unpacked(packed, inner, Path(place), file) for inner in packed.namelist()}
        told, _ = read(unpacked[MODEL])
        if told["fingerprint"] != about["fingerprint"]:
            raise CheckpointError(f"{file} is damaged: it names another model than it holds; ask for it again")
        if checkpoint.exists() and not force and read(checkpoint)[0]["fingerprint"] != told["fingerprint"]:
            raise CheckpointError(f"there is another model {called} ({checkpoint}); choose --name, or --force")
        speaks = _bring_vectors(about["vectors"], unpacked.get(VECTORS))
        for inner in RUN:
            if inner in unpacked:
                _copy(unpacked[inner], run_folder(checkpoint) / inner)
        _copy(unpacked[MODEL], checkpoint)
    return Bundle(called, checkpoint, about["vectors"], speaks)


def _bring_vectors(name: str | None, file: Path | None) -> bool:
    """Keep the word vectors that came along, where none of that name are here or ship; whether they were."""
    if name is None or file is None or name in SHIPPED:
        return False
    theirs = WordVectors.open(file).fingerprint
    target = path_for(name)
    if target.exists():
        if WordVectors.open(target).fingerprint != theirs:
            raise VectorsError(f"{target} are other word vectors of the name {name} than this model learnt; move them "
                               "away, then import again")  # fmt: skip
        return False
    _copy(file, target)
    return True


@contextmanager
def _opened(file: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, Any]]]:
    """The zip and what it says of itself. Raises CheckpointError for what is no bundle of ours."""
    if not file.is_file():
        raise CheckpointError(f"no file {file}; check the path")
    try:
        with zipfile.ZipFile(file) as packed:
            about = json.loads(packed.read(ABOUT)) if ABOUT in packed.namelist() else None
            if not isinstance(about, dict) or MODEL not in packed.namelist():
                raise CheckpointError(f"{file} is no exported model; give a file of devise model export")
            made = about.get("format")
            if not isinstance(made, int) or made > FORMAT:
                raise CheckpointError(
                    f"{file} has bundle format {made}, this devise reads up to {FORMAT}; update devise"
                )
            wanted: dict[str, type | UnionType] = {"name": str, "fingerprint": str, "vectors": str | None}
            if bad := [key for key, kind in wanted.items() if not isinstance(about.get(key), kind)]:
                raise CheckpointError(f"{file} is damaged: it lacks {', '.join(bad)}; ask for it again")
            yield packed, about
    except (zipfile.BadZipFile, ValueError, RecursionError, NotImplementedError, EOFError) as error:
        raise CheckpointError(f"{file} is no exported model, or is damaged ({error}); ask for it again") from error


def _unpacked(packed: zipfile.ZipFile, inner: str, place: Path, file: Path) -> Path:
    """One of its files, under a name of ours: names inside are never taken as paths."""
    entry = packed.getinfo(inner)
    if inner not in (ABOUT, MODEL, VECTORS, *RUN):
        raise CheckpointError(f"{file} holds {inner!r}, which no exported model has; it is not opened")
    if entry.file_size > LARGEST or entry.compress_type != zipfile.ZIP_STORED:
        raise CheckpointError(f"{file}: {inner} is packed as devise packs none; it is not opened")
    target = place / inner
    with writing(target), packed.open(entry) as read_from, target.open("wb") as write_to:
        copyfileobj(read_from, write_to)
    return target


def _copy(source: Path, target: Path) -> None:
    with replacing(target) as temporary, source.open("rb") as read_from, temporary.open("wb") as write_to:
        copyfileobj(read_from, write_to)
