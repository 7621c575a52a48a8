"""Files that earlier versions wrote open for ever: one of each format is kept under tests/kept, made by its version.

A new format gets a new file, made by hand (`Library.index` over six small pictures in /album with tests/fakes.py's
encoder); none is ever changed.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder

from devise import Library
from devise.descriptors.network.engine import open_encoder
from devise.errors import LibraryError
from devise.library.upkeep import portable
from devise.library.upkeep.check import check
from devise.store.sqlite.schema import FORMAT
from devise.store.sqlite.store import Store
from devise.vectors import unit
from devise.words import WordVectors

KEPT = Path(__file__).parents[1] / "kept"
RED, BLUE = unit([200 / 255, 30 / 255, 30 / 255, 0.1]), unit([30 / 255, 50 / 255, 210 / 255, 0.1])


def unpacked(number: int, place: Path) -> Path:
    with zipfile.ZipFile(KEPT / f"library-format-{number}.zip") as kept:
        kept.extractall(place)
    return place


def finds(folder: Path) -> None:
    with Library(folder) as library:
        assert [Path(match.path).stem for match in library.nearest(RED, 1)] == ["red"]
        assert Path(library.nearest(BLUE, 2)[0].path).stem == "blue"
        assert len(library) == 6
    assert [finding.text for finding in check(folder) if finding.is_damage] == []


def test_there_is_one_of_each_format() -> None:
    names = sorted(path.name for path in KEPT.glob("library-*.zip"))
    assert names == [f"library-format-{number}.zip" for number in range(1, FORMAT + 1)]


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_a_library_of_each_format_opens(tmp_path: Path, number: int) -> None:
    folder = unpacked(number, tmp_path / "library")
    if number < FORMAT:
        with pytest.raises(LibraryError, match="older devise; run: devise index"):
            Store(folder)
        Store(folder, write=True).close()
    finds(folder)


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_a_library_of_each_format_is_imported_and_merged(tmp_path: Path, number: int) -> None:
    file = unpacked(number, tmp_path / "old") / "library.db"
    assert portable.import_(file, tmp_path / "new") == 6
    finds(tmp_path / "new")
    assert portable.merge(tmp_path / "new", tmp_path / "old") == 0


def test_a_kept_library_takes_new_photos(tmp_path: Path, album: Path) -> None:
    folder = unpacked(1, tmp_path / "library")
    with Library(folder, model=FakeEncoder()) as library:
        assert library.index([album]).added == 6
        assert len(library) == 12


@pytest.mark.parametrize("kind", ["floats", "bytes"])
def test_a_checkpoint_opens(kind: str, tmp_path: Path) -> None:
    shutil.copy(KEPT / f"checkpoint-{kind}.safetensors", tmp_path / "tiny.safetensors")
    encoder = open_encoder(tmp_path / "tiny.safetensors")
    assert encoder.labels == ("cat", "dog")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    spaces = encoder.encode(pixels)
    assert {space: rows.shape for space, rows in spaces.items() if space != "parts"} == {
        "words": (2, 5),
        "features": (2, 16),
    }


@pytest.mark.parametrize("kind", ["float32", "float16", "int8"])
def test_word_vectors_open(kind: str) -> None:
    vectors = WordVectors.open(str(KEPT / f"words-{kind}.safetensors"))
    assert vectors.words() == ["cat", "dog", "hot dog", "straße"]
    np.testing.assert_allclose(vectors.vector("dog"), unit([6.0, 7, 8, 9, 10]), atol=3e-3 if kind == "int8" else 1e-3)
