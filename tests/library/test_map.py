"""The map of a library: groups with names, equal seeds, new photos that find their place without moving others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder
from PIL import Image
from test_library import write_words

from devise.analysis.clusters import groups, nearest, num_groups
from devise.analysis.map2d import fitted, placed
from devise.errors import LibraryError
from devise.library import Library
from devise.vectors import unit

METHODS = ("pca", "tsne")


def three(count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Rows around three directions, and which: (3 count, 12), (3 count,)."""
    random = np.random.default_rng(5)
    which = np.repeat(np.arange(3), count)
    return unit(np.eye(12)[which * 4] + 0.12 * random.standard_normal((3 * count, 12))), which


def test_groups_are_those_that_are_there() -> None:
    rows, which = three()
    found, centres = groups(rows, 3, seed=1)
    assert len({(a, b) for a, b in zip(which, found, strict=True)}) == 3
    assert centres.shape == (3, 12)
    assert np.array_equal(found, groups(rows, 3, seed=1)[0])
    random = np.random.default_rng(6)
    strewn = unit(random.standard_normal((500, 12)) * random.random((500, 1)) + np.eye(12)[random.integers(0, 4, 500)])
    of_strewn, middles = groups(strewn, 9, seed=1)
    assert np.array_equal(nearest(strewn, middles), of_strewn), "a map that was kept has the groups that it had"
    assert len(groups(np.repeat(rows[:1], 5, 0), 3, seed=1)[1]) == 1, "no group is empty"
    assert [num_groups(n) for n in (1, 2, 6, 1_000_000)] == [1, 2, 2, 60]


@pytest.mark.parametrize("method", METHODS)
def test_near_rows_stand_near(method: str) -> None:
    rows, which = three()
    places = fitted(rows, method, seed=3)
    assert places.shape == (120, 2)
    assert places.min() >= 0
    assert places.max() <= 1
    assert np.array_equal(places, fitted(rows, method, seed=3))
    away = np.linalg.norm(places[:, None] - places[None], axis=2) + 9 * np.eye(len(rows))
    assert (which[away.argmin(1)] == which).mean() > 0.95
    new = placed(rows[:5] * 0.99, rows, places)
    assert np.linalg.norm(new - places[:5], axis=1).max() < 0.2


def test_of_many_rows_a_sample_is_fitted() -> None:
    rows, which = three()
    places = fitted(rows, "tsne", seed=3, most=60)
    away = np.linalg.norm(places[:, None] - places[None], axis=2) + 9 * np.eye(len(rows))
    assert (which[away.argmin(1)] == which).mean() > 0.95


@pytest.mark.parametrize("method", METHODS)
def test_few_rows_have_a_map(method: str) -> None:
    for count in (1, 2, 3, 9, 10):
        assert np.isfinite(fitted(three()[0][:count], method, 0)).all()


def test_a_library_has_a_map_that_new_photos_join(tmp_path: Path, album: Path) -> None:
    with Library(tmp_path / "library") as library:
        library.index([album], model=FakeEncoder(vectors_fingerprint=write_words()))
        before = library.map(method="pca", groups=3)
        assert len(before) == 6
        assert len(set(before.names)) == 3
        assert sum(before.counts()) == 6
        Image.new("RGB", (20, 20), (200, 40, 40)).save(album / "rose.png")
        library.index()
        after = library.map(method="pca", groups=3)
        assert np.array_equal(after.places[:6], before.places)
        assert after.names == before.names
        red = int(
            np.flatnonzero(after.ids == library.listing.ids_of([str(album / "red.png")])[str(album / "red.png")])[0]
        )
        assert after.groups[6] == after.groups[red]
        assert len(library.map(space="features", method="pca")) == 7
        document = after.to_json()
        assert len(document["id"]) == len(document["x"]) == len(document["group"]) == 7
        (album / "more").mkdir()
        Image.new("RGB", (20, 20), (40, 200, 40)).save(album / "more" / "leaf.png")
        library.index()
        folders = library.listing.grouped(library.map(method="pca", groups=3), "folder")
        assert (folders.names, folders.counts()) == (("album", "below", "more"), [6, 1, 1])
        assert np.allclose(folders.places[:7], after.places, atol=1e-5)
        colours = {"colour": {str(album / "red.png"): "red", str(album / "rose.png"): "red", "/gone.png": "blue"}}
        labelled = library.listing.grouped(after, "colour", colours)
        assert (labelled.names, labelled.counts()) == (("no label", "red"), [5, 2])
        assert np.array_equal(labelled.places, after.places)
        with pytest.raises(LibraryError, match="choose from: likeness, folder, colour"):
            library.listing.grouped(folders, "year", colours)
        with pytest.raises(LibraryError, match="no photo of the table is in the library"):
            library.listing.grouped(after, "colour", {"colour": {"/gone.png": "blue"}})
        with pytest.raises(LibraryError, match="choose from: likeness, folder"):
            library.listing.grouped(folders, "year")
        with pytest.raises(LibraryError, match="choose from: tsne, pca"):
            library.map(method="umap")


@pytest.mark.parametrize("space", ["words", "features"])
def test_a_group_that_lost_its_photos_is_gone(tmp_path: Path, space: str) -> None:
    album = tmp_path / "album"
    album.mkdir()
    for number in range(12):
        colour = [10, 10, 10]
        colour[number % 3] = 220 + number
        Image.new("RGB", (20, 20), tuple(colour)).save(album / f"{number}.png")
    with Library(tmp_path / "library") as library:
        library.index([album], model=FakeEncoder(vectors_fingerprint=write_words()))
        before = library.map(space=space, method="pca", groups=3)
        for number in (2, 5, 8, 11):
            (album / f"{number}.png").unlink()
        library.index()
        after = library.map(space=space, method="pca", groups=3)
    assert len(before.names) == 3
    assert (len(after.names), sorted(after.counts())) == (2, [4, 4])
