"""Duplicates: the same picture apart from near ones apart from similar ones, in Python, as a command, on a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from typer.testing import CliRunner

from devise import Library
from devise.analysis.duplicates import Rows, near_cosines, stars
from devise.cli.main import app
from devise.errors import FolderError, LibraryError
from devise.vectors import unit
from devise.web import duplicates as page

LOOKS = ["phash", "grey", "colour"]


def photo(seed: int) -> Image.Image:
    """A smooth picture, as photos are."""
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), np.uint8)
    return Image.fromarray(coarse).resize((320, 240), Image.Resampling.BICUBIC)


def written(image: Image.Image) -> Image.Image:
    made = image.copy()
    ImageDraw.Draw(made).rectangle((100, 100, 150, 125), fill="white")
    return made


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "brighter or darker": lambda image: ImageEnhance.Brightness(image).enhance(0.8),
    "other colours": lambda image: ImageOps.grayscale(image).convert("RGB"),
    "something on it": written,
    "mirrored": ImageOps.mirror,
    "turned": lambda image: image.transpose(Image.Transpose.ROTATE_270),
    "upside down": lambda image: image.transpose(Image.Transpose.ROTATE_180),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library beside its photos: of one the same in four ways, of others one that is near each, and some alone."""
    root = tmp_path_factory.mktemp("duplicates")
    folder = root / "photos"
    (folder / "same").mkdir(parents=True)
    (folder / "near").mkdir()
    photo(0).save(folder / "same" / "best.png")
    (folder / "same" / "copy of best.png").write_bytes((folder / "same" / "best.png").read_bytes())
    photo(0).save(folder / "same" / "again.jpg", quality=40)
    photo(0).resize((160, 120)).save(folder / "same" / "small.webp")
    for number, (name, how) in enumerate(CHANGES.items(), 11):
        photo(number).save(folder / "near" / f"{name}.png")
        how(photo(number)).save(folder / "near" / f"{name} 2.jpg", quality=90)
    for number in range(50, 62):
        photo(number).save(folder / f"alone {number}.jpg", quality=90)
    with Library(root / "library", model=FakeEncoder()) as library:
        library.index([folder], add=LOOKS)
    return root


def test_the_same_and_the_near(made: Path) -> None:
    with Library(made / "library") as library:
        same, *near = library.duplicates()
        assert [library.duplicates(up_to="same")] == [[same]]
        assert len(library.duplicates(made / "photos" / "near")) == 6
    assert (same.kind, Path(same.keep.path).name, same.keep.how) == ("same", "best.png", "")
    assert same.why == "shortest path"
    assert {Path(other.path).name: other.how for other in same.others} == {
        "copy of best.png": "equal bytes", "again.jpg": "saved again", "small.webp": "saved again"}  # fmt: skip
    assert {group.kind for group in near} == {"near"}
    assert {Path(o.path).stem.removesuffix(" 2"): o.how for g in near for o in (*g.others, g.keep) if o.how} == {
        name: name for name in CHANGES
    }


def test_why_one_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    photo(1).save(folder / "a.jpg", quality=60)
    exif = Image.Exif()
    exif[0x0132] = "2019:05:04 03:02:01"
    photo(1).save(folder / "b.jpg", quality=50, exif=exif)
    photo(2).resize((80, 60)).save(folder / "c.png")
    photo(2).save(folder / "d.png")
    photo(3).save(folder / "e.jpg", quality=40)
    photo(3).save(folder / "f.jpg", quality=90)
    with Library(tmp_path / "library", model=FakeEncoder()) as library:
        library.index([folder], add=LOOKS)
        found = {Path(group.keep.path).name: group.why for group in library.duplicates(up_to="same")}
    assert found == {"b.jpg": "says when it was taken", "d.png": "most pixels", "f.jpg": "most bytes"}


def test_a_burst_is_no_chain() -> None:
    """Each is near to the next, the first and the last are not: no group holds what is not near to its best."""
    turns = np.linspace(0, 1.5, 40)  # cosine of neighbours 0.999
    rows = unit(np.stack([np.cos(turns), np.sin(turns)], 1))
    random = np.random.default_rng(0)
    apart = Rows(random.integers(0, 256, (40, 8), np.uint8), random.integers(0, 256, (40, 256)).astype(np.float32),
                 random.random((40, 64)).astype(np.float32), rows)  # fmt: skip
    groups = stars(apart)["similar"]
    assert len(groups) >= 3
    for keep, others in groups.items():
        assert all(rows[keep] @ rows[other.place] >= 0.95 for other in others)
        assert all(other.distance == pytest.approx(1 - rows[keep] @ rows[other.place], abs=1e-6) for other in others)
    members = [place for keep, others in groups.items() for place in (keep, *(o.place for o in others))]
    assert len(members) == len({*members})


@pytest.mark.parametrize("dim", [8, 64])
def test_near_cosines_misses_none(dim: int) -> None:
    random = np.random.default_rng(3)
    rows = unit(random.normal(size=(300, 64)) * np.geomspace(1, 0.05, 64) + 1.0)
    places = np.flatnonzero(random.random(300) < 0.8)
    found = {
        (a, b) for x, y, _ in near_cosines(rows, places, 0.9, dim) for a, b in zip(x.tolist(), y.tolist(), strict=True)
    }
    cosines = rows @ rows.T
    assert found == {(a, b) for a in places for b in places if a < b and cosines[a, b] >= 0.9}
    assert 0 < len(found) < 0.9 * len(places) ** 2 / 2


def test_many_equal_hashes_take_no_time() -> None:
    black = Rows(
        np.zeros((20_000, 8), np.uint8), np.zeros((20_000, 256), np.float32), np.zeros((20_000, 64), np.float32)
    )
    (group,) = stars(black)["same"].values()
    assert len(group) == 19_999


def test_what_is_needed_is_said(tmp_path: Path, album: Path, made: Path) -> None:
    with Library(tmp_path / "none", model=FakeEncoder()) as library:
        library.index([album])
        with pytest.raises(LibraryError, match="add them with: devise index --add phash --add grey --add colour"):
            library.duplicates()
        library.index(add=["phash", "colour"])
        with pytest.raises(LibraryError, match=r'no space "grey".*devise index --add grey'):
            library.duplicates()
    with Library(made / "library") as library:
        with pytest.raises(FolderError, match="no photos in /nowhere; run: devise index /nowhere"):
            library.duplicates(["/nowhere"])
        with pytest.raises(LibraryError, match="it is one of same, near, similar"):
            library.duplicates(up_to="much")


def run(made: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["duplicates", "--library", str(made / "library"), *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_command(made: Path, tmp_path: Path) -> None:
    groups = json.loads(run(made, "--json"))
    assert [group["kind"] for group in groups] == ["same", *["near"] * 6]
    assert {*groups[0]["keep"]} == {"path", "bytes", "pixels", "taken", "how", "distance"}
    spare = run(made, "-0").split("\0")[:-1]  # those of the same picture alone
    assert {Path(path).name for path in spare} == {"copy of best.png", "again.jpg", "small.webp"}
    assert len(run(made, "--paths", "--up-to", "near").splitlines()) == 9
    header, *lines = run(made, "--csv").splitlines()
    assert (header, len(lines)) == ("group,kind,path,role,bytes,pixels,distance", 16)
    assert len(run(made).splitlines()) == 16
    one = CliRunner().invoke(
        app, ["duplicates", "--library", str(made / "library"), str(made / "photos" / "alone 50.jpg")]
    )
    assert (one.exit_code, one.stdout, one.stderr) == (0, "", "no duplicates or near ones among 1 photo\n")


def test_the_page(made: Path, tmp_path: Path) -> None:
    run(made, "--html", str(tmp_path / "page.html"))
    text = (tmp_path / "page.html").read_text("utf-8")
    assert text.count("<figure") == text.count("<img") == text.count('type="checkbox"') == 16
    assert text.count(" checked>") == 3  # of near ones a person decides
    assert f'value="{made}/photos/same/again.jpg"' in text
    with Library(made / "library") as library:
        same, *_ = library.duplicates()
    odd = replace(same, others=(replace(same.keep, path="/a\nb.jpg"),))
    page.write(tmp_path / "odd.html", [odd])
    assert "its name fits in no list" in (tmp_path / "odd.html").read_text("utf-8")
