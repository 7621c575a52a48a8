"""A new space is a descriptor and nothing else: two toys, alone and beside a model's, in all that a library does."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder

from devise import Library
from devise.descriptors.combined import Combined
from devise.errors import LibraryError
from devise.library.upkeep import portable
from devise.library.upkeep.check import check
from devise.library.upkeep.compact import compact
from devise.spaces import Space
from devise.store.sqlite.store import Store


# begin of the colour histogram
class Colour:
    """How much of a photo has which brightness, four steps a channel."""

    name, fingerprint, size, resize, labels, path = "colour", "c" * 64, 32, "squash", (), None
    spaces = (Space(name="colour", dim=12, metric="l1", fingerprint="c" * 64),)

    def encode(self, pixels):
        steps = (pixels // 64).reshape(len(pixels), -1, 3)
        counts = [[(photo[:, c] == step).mean() for c in range(3) for step in range(4)] for photo in steps]
        return {"colour": np.array(counts, np.float32)}


# end
# begin of the average hash
class Hash:
    """64 bits: which pixels of 8 x 8 are brighter than their mean."""

    name, fingerprint, size, resize, labels, path = "hash", "a" * 64, 32, "squash", (), None
    spaces = (Space(name="hash", dim=64, metric="hamming", dtype="bits", fingerprint="a" * 64),)

    def encode(self, pixels):
        small = pixels.mean(3).reshape(len(pixels), 8, 4, 8, 4).mean((2, 4)).reshape(len(pixels), 64)
        return {"hash": np.packbits(small > small.mean(1, keepdims=True), axis=1)}


# end


MODELS = {
    "colour": Colour,
    "hash": Hash,
    "beside": lambda: Combined([FakeEncoder(), Colour(), Hash()]),
}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest):
    return MODELS[request.param]()


@pytest.fixture
def folder(draw, tmp_path: Path) -> Path:
    """Thirty photos, of five groups of like ones."""
    for i in range(30):
        draw(f"photos/{i:02}.png", (40 * (i % 5) + 20, 90, 200 - 30 * (i % 5)), seed=1 + i)
    return tmp_path / "photos"


def scores(space: Space, rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    if space.metric == "hamming":
        return -np.unpackbits(rows ^ query, axis=1).sum(1).astype(float)
    return -np.abs(rows.astype(np.float64) - query).sum(1)


def finds(library: Library, space: Space) -> None:
    """What brute force finds, asked with a row and with a photo."""
    paths, rows = library.vectors(space.name)
    assert rows.shape == (len(paths), space.width)
    for at in (0, 7, len(paths) - 1):
        expected = scores(space, rows, rows[at])
        order = sorted(range(len(paths)), key=lambda i: (-round(expected[i], 5), paths[i]))
        found = library.nearest(rows[at], 9, space=space.name)
        np.testing.assert_allclose([match.score for match in found], expected[order[:9]], atol=1e-5)
        assert found[0].score == 0
        (again,) = library.nearest_to_each(rows[at : at + 1], 9, space=space.name)
        assert again == found
        others = library.similar(paths[at], len(paths), space=space.name)
        assert paths[at] not in {match.path for match in others}
        assert {match.path for match in others} == {*paths} - {paths[at]}
        assert others[0].score == max(expected[[i for i in range(len(paths)) if i != at]])


def toys(model) -> list[Space]:
    return [space for space in model.spaces if space.metric != "cosine"]


def test_a_new_space_is_found_and_survives(model, folder: Path, tmp_path: Path) -> None:
    with Library(tmp_path / "one", model=model) as library:
        assert library.index([folder]).added == 30
        for space in toys(model):
            finds(library, space)
    assert check(tmp_path / "one") == []
    compact(tmp_path / "one")
    assert portable.export(tmp_path / "one", tmp_path / "file.devise") == 30
    assert portable.import_(tmp_path / "file.devise", tmp_path / "two") == 30
    with Library(tmp_path / "two", model=model) as library:
        for space in toys(model):
            finds(library, space)
        assert library.info().model.fingerprints() == {s.name: s.fingerprint or model.fingerprint for s in model.spaces}


def test_photos_of_another_library_join(model, folder: Path, draw, tmp_path: Path) -> None:
    draw("more/new.png", (9, 99, 9), seed=99)
    for place, photos in (("one", folder), ("two", tmp_path / "more")):
        with Library(tmp_path / place, model=model) as library:
            library.index([photos])
    assert portable.merge(tmp_path / "one", tmp_path / "two") == 1
    with Library(tmp_path / "one", model=model) as library:
        assert len(library) == 31
        for space in toys(model):
            finds(library, space)
    assert check(tmp_path / "one") == []


def test_a_photo_that_is_in_no_library_is_asked_with(model, folder: Path, draw, tmp_path: Path) -> None:
    photo = draw("elsewhere/new.png", (60, 90, 170), seed=55)
    with Library(tmp_path / "one", model=model) as library:
        library.index([folder])
        for space in toys(model):
            assert len(library.similar(photo, 5, space=space.name)) == 5


@pytest.mark.parametrize("harm", ["x'00'", "17", "zeroblob(400)"])
def test_damaged_rows_are_told_and_mended(model, folder: Path, tmp_path: Path, harm: str) -> None:
    with Library(tmp_path / "one", model=model) as library:
        library.index([folder])
    with closing(Store(tmp_path / "one", write=True)) as store:
        (space, *_) = toys(model)
        number = store.space_numbers()[space.name]
        store.db.execute(f"UPDATE vectors SET data = {harm} WHERE key = {number} << 40 | 3")
    with Library(tmp_path / "one") as library, pytest.raises(LibraryError, match=f"damaged .a vector of {space.name}"):
        library.vectors(space.name)
    assert any("vectors of 1 photo" in finding.text for finding in check(tmp_path / "one", repair=True))
    with Library(tmp_path / "one", model=model) as library:
        assert library.index().added == 1
        finds(library, space)


def test_only_the_space_that_is_asked_has_to_fit(folder: Path, draw, tmp_path: Path) -> None:
    with Library(tmp_path / "one", model=Combined([FakeEncoder(), Hash()])) as library:
        library.index([folder])
    photo = draw("elsewhere/new.png", (60, 90, 170), seed=55)
    with Library(tmp_path / "one", model=Combined([FakeEncoder(fingerprint="e" * 64), Hash()])) as library:
        assert len(library.similar(photo, 5, space="hash")) == 5
        with pytest.raises(LibraryError, match="was built with the model"):
            library.similar(photo, 5)
        draw("photos/new.png", (1, 2, 3), seed=77)
        with pytest.raises(LibraryError, match="was built with the model"):
            library.index()


@pytest.mark.parametrize("toy", ["colour histogram", "average hash"])
def test_how_many_lines_a_space_needs(toy: str) -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    code = text[text.index(f"# begin of the {toy}") :].split("# end")[0]
    assert len([line for line in code.splitlines()[1:] if line.strip()]) <= 10
