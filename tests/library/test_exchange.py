"""Vectors for other tools: rows and names in one file, as `Library.vectors` has them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder

from devise import Library
from devise.errors import LibraryError, WriteError
from devise.library.exchange import export
from devise.store.digest import digest_of


@pytest.fixture
def library(album: Path, tmp_path: Path) -> Library:
    shutil.copy(album / "red.png", album / "copy.png")
    with Library(tmp_path / "library", model=FakeEncoder()) as made:
        made.index([album], add=["phash"])
    return made


@pytest.mark.parametrize("space", ["words", "phash"])
def test_rows_and_names_stand_in_one_file(library: Library, tmp_path: Path, space: str) -> None:
    paths, rows = library.vectors(space)
    file, lines = tmp_path / "out.npz", tmp_path / "out.jsonl"
    assert export.export(library.path, file, space, "npy") == len(paths) == 7  # a copy among them
    assert export.export(library.path, lines, space, "jsonl") == 7
    with np.load(file) as found:
        assert found["paths"].tolist() == paths
        assert found["vectors"].dtype == rows.dtype
        assert (found["vectors"] == rows).all()
        assert found["hashes"].tolist() == [digest_of(Path(path).read_bytes()).hex() for path in paths]
        assert found["bytes"].tolist() == [Path(path).stat().st_size for path in paths]
        about = json.loads(str(found["about"]))
    assert (about["space"], about["dim"]) == (space, {"words": 4, "phash": 64}[space])
    photos = [json.loads(line) for line in lines.read_text("utf-8").splitlines()]
    assert [photo["path"] for photo in photos] == paths
    assert (np.array([photo["vector"] for photo in photos], rows.dtype) == rows).all()  # to the last digit
    assert {photo["made_by"] for photo in photos} == {about["made_by"]}
    assert b"".join(export.lines(library.path, space)) == lines.read_bytes()


def test_what_cannot_be_exported_is_told(library: Library, album: Path, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"words\.npz"):
        export.export(library.path, tmp_path / "words.npy", "words", "npy")
    with pytest.raises(LibraryError, match='no space "clip"; it has: words, features'):
        export.export(library.path, tmp_path / "clip.npz", "clip", "npy")
    with pytest.raises(LibraryError, match="there is no library"):
        export.export(tmp_path / "none", tmp_path / "words.npz", "words", "npy")
    assert not [*tmp_path.glob("*.npz")]
