"""Why a photo was found: the warm part is the one that shows it, for models with parts and without."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder
from PIL import Image
from test_cli import devise, encoder, fails, tiny  # noqa: F401 (fixtures)
from test_regions import Quartered
from typer.testing import Result

from devise.errors import PhotoError
from devise.library import Library
from devise.photos import overlay

Run = Callable[..., Result]
CORNERS = {"top left": (0, 0), "top right": (16, 0), "bottom left": (0, 16), "bottom right": (16, 16)}


@pytest.fixture(params=[False, True], ids=["occlusion", "parts"])
def model(request, tiny: str, monkeypatch: pytest.MonkeyPatch) -> FakeEncoder:  # noqa: F811

    fake = Quartered() if request.param else FakeEncoder(vectors_fingerprint=tiny)
    if request.param:
        words = replace(fake.info.space("words"), fingerprint=tiny)
        fake.info = replace(fake.info, spaces=(words, fake.info.spaces[1]))
    monkeypatch.setattr("devise.descriptors.network.engine.open_encoder", lambda name=None, vectors=None: fake)
    return fake


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, corner in CORNERS.items():
        image = Image.new("RGB", (32, 32), (20, 40, 200))
        image.paste((230, 20, 20), (*corner, corner[0] + 16, corner[1] + 16))
        image.save(folder / f"{name}.png")
    return folder


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("is_indexed", [True, False])
def test_the_warm_part_is_where_it_is(model, photos: Path, tmp_path: Path, corner: str, is_indexed: bool) -> None:
    with Library(tmp_path / "library") as library:
        library.index([photos if is_indexed else photos / "top left.png"])
        red, blue = library.explain(photos / f"{corner}.png", "red blue")
    side = len(red.heat)
    x, y = (at * side // 32 for at in CORNERS[corner])
    inside = np.zeros((side, side), bool)
    inside[y : y + side // 2, x : x + side // 2] = True
    assert red.heat[inside].mean() > red.heat[~inside].mean() + 0.3
    assert blue.heat[inside].mean() < blue.heat[~inside].mean()
    assert 0 <= red.heat.min() <= red.heat.max() <= 1
    assert [shown.term.text for shown in (red, blue)] == ["red", "blue"]


def test_what_is_printed(model, devise: Run, photos: Path, tmp_path: Path) -> None:  # noqa: F811
    assert devise("index", photos).exit_code == 0
    photo, png = photos / "bottom right.png", tmp_path / "why.png"
    found = json.loads(devise("explain", photo, "red", "--json", "--png", png).stdout)
    assert [set(term) for term in found] == [{"term", "weight", "score", "probability", "heat"}]
    assert devise("explain", photo, "red").stdout.rstrip().endswith("bottom right")
    lit = np.asarray(Image.open(png), int)
    assert lit.shape == (32, 32, 3)
    assert lit[24, 24].sum() > 1.5 * lit[4, 4].sum()


def test_why_adds_terms_to_a_search(model, devise: Run, photos: Path, tmp_path: Path) -> None:  # noqa: F811
    assert devise("index", photos).exit_code == 0
    (first, *_) = json.loads(devise("search", "--json", "--why", "--html", tmp_path / "a.html", "red", "blue").stdout)
    assert [term["term"] for term in first["terms"]] == ["red", "blue"]
    plain = json.loads(devise("search", "--json", "red", "blue", "--html", tmp_path / "b.html").stdout)[0]
    assert "terms" not in plain
    assert (tmp_path / "a.html").read_text() != (tmp_path / "b.html").read_text()


def test_what_cannot_be_explained(model, devise: Run, photos: Path, tmp_path: Path) -> None:  # noqa: F811
    assert devise("index", photos).exit_code == 0
    fails(devise("explain", tmp_path / "gone.png", "red"), "gone.png")
    fails(devise("explain", photos / "top left.png", "qqqq"), "no word vector")
    fails(devise("explain", photos / "top left.png", "red", "--png", photos), "photos")


def test_heat_lies_upright_over_a_photo(tmp_path: Path) -> None:
    """A photo that EXIF turns by a quarter: heat is for what people see."""
    image = Image.new("RGB", (60, 40), "white")
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.jpg", exif=exif)
    heat = np.zeros((4, 4), np.float32)
    heat[0, 3] = 1
    lit = np.asarray(overlay(tmp_path / "turned.jpg", heat, 1024), int)
    assert lit.shape == (60, 40, 3)
    assert lit[2, -3].sum() > lit[2, 2].sum() + 200
    with pytest.raises(PhotoError):
        overlay(tmp_path / "gone.jpg", heat, 64)
