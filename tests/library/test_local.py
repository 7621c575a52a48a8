"""Local descriptors: the same thing turned, cut and smaller is found, and its corners are counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder
from PIL import Image, ImageDraw

from devise import Library
from devise.descriptors import local
from devise.descriptors.looks import Looks, is_look, space_of
from devise.errors import DeviseError, LibraryError

pytest.importorskip("cv2")


def photo(seed: int) -> Image.Image:
    """Full of corners, as buildings are."""
    random, made = np.random.default_rng(seed), Image.new("RGB", (320, 320), "grey")
    draw = ImageDraw.Draw(made)
    for _ in range(60):
        x, y, width, height = random.integers(0, 300, 2).tolist() + random.integers(8, 60, 2).tolist()
        draw.rectangle((x, y, x + width, y + height), fill=tuple(random.integers(0, 256, 3).tolist()))
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("local")
    (root / "photos").mkdir()
    for seed in range(12):
        photo(seed).save(root / "photos" / f"{seed}.png")
    Image.new("RGB", (64, 64), "white").save(root / "photos" / "plain.png")
    with Library(root / "library") as library:
        library.index([root / "photos"], model=FakeEncoder(), add=["local"])
    return root


@pytest.mark.parametrize("how", ["turned", "cut", "smaller"])
def test_the_same_thing_is_found(made: Path, tmp_path: Path, how: str) -> None:
    one = photo(5)
    changed = {"turned": one.rotate(25), "cut": one.crop((60, 40, 320, 300)), "smaller": one.resize((150, 150))}[how]
    changed.save(tmp_path / "asked.png")
    with Library(made / "library") as library:
        best, second = library.similar(tmp_path / "asked.png", k=2, space="local")
    assert Path(best.path).stem == "5"
    assert best.score >= local.MIN_POINTS
    assert second.score < best.score / 2


def test_a_photo_of_the_library_is_not_its_own_answer(made: Path) -> None:
    with Library(made / "library") as library:
        own = made / "photos" / "5.png"
        assert str(own) not in [match.path for match in library.similar(own, k=20, space="local")]
        plain = library.similar(made / "photos" / "plain.png", k=3, space="local")
        assert [match.score for match in plain] == [0, 0, 0]
        with pytest.raises(LibraryError, match="local descriptors stand alone"):
            library.similar(own, space="local,colour")


def test_without_opencv_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    photo(0).save(tmp_path / "photos" / "0.png")
    monkeypatch.setattr(local, "find_spec", lambda name: None)
    with Library(tmp_path / "library") as library:
        library.index([tmp_path / "photos"], model=FakeEncoder())
        with pytest.raises(DeviseError, match="pip install opencv-python-headless"):
            library.index(add=["local"])
        assert library.index().added == 0


def test_points_that_fit_are_few_in_other_photos() -> None:
    pixels = [np.asarray(photo(seed)) for seed in range(4)]
    each = [local.corners(one) for one in pixels]
    assert local.num_fitting(each[0], each[0]) > 30
    assert max(local.num_fitting(each[0], other) for other in each[1:]) < 12


def test_rows_are_counts_of_words() -> None:
    pixels = np.stack([np.asarray(photo(0)), np.zeros((320, 320, 3), np.uint8)])
    rows = Looks(["local"]).encode(pixels)["local"]
    assert rows.shape == (2, local.NUM_WORDS)
    assert rows[0].sum() == len(local.corners(pixels[0]).rows) > 50
    assert rows[1].sum() == 0
    assert is_look(space_of("local"))
