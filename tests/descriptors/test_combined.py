"""Several descriptors as one: the spaces of all, one decoding of each photo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEncoder

from devise.descriptors.base import Descriptor
from devise.descriptors.combined import Combined
from devise.errors import DeviseError
from devise.library import Library
from devise.library.ingest import prefetch
from devise.photos.shrink import shrunk
from devise.spaces import Space
from devise.vectors import Vector, unit


@dataclass(frozen=True)
class Histogram:
    """How much of each colour a picture has, whatever where: four steps of red, green and blue, 64 numbers."""

    name: str = "histogram"
    fingerprint: str = "c" * 64
    size: int = 16
    resize: str = "squash"
    labels: tuple[str, ...] = ()
    path: Path | None = None
    spaces: tuple[Space, ...] = (Space(name="colour", dim=64),)

    def encode(self, pixels: np.ndarray) -> dict[str, Vector]:
        assert pixels.shape[1:] == (self.size, self.size, 3)
        steps = (pixels // 64).reshape(len(pixels), -1, 3) @ np.array([16, 4, 1])
        return {"colour": unit([np.bincount(row, minlength=64) for row in steps])}


def test_it_has_the_spaces_of_all() -> None:
    both: Descriptor = Combined([FakeEncoder(), Histogram()])
    assert [space.name for space in both.spaces] == ["words", "features", "colour"]
    assert (both.size, both.resize, both.labels) == (32, "squash", ("red", "green", "blue"))
    assert both.name == "fake+histogram"
    words, _, colour = both.spaces
    assert words.fingerprint == FakeEncoder().fingerprint  # as if it were alone
    assert colour.fingerprint not in (None, Histogram().fingerprint)  # from other pixels than those it takes alone
    assert Combined([FakeEncoder(), Histogram(size=32)]).spaces[2].fingerprint == Histogram().fingerprint


def test_its_rows_are_those_of_its_members() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (5, 32, 32, 3), np.uint8)
    found = Combined([Histogram(), FakeEncoder()]).encode(pixels)
    for name, rows in FakeEncoder().encode(pixels).items():
        np.testing.assert_array_equal(found[name], rows)
    by_area = pixels.reshape(5, 16, 2, 16, 2, 3).mean((2, 4))
    np.testing.assert_allclose(shrunk(pixels, 16), by_area, atol=1)  # rounded twice
    np.testing.assert_array_equal(found["colour"], Histogram().encode(shrunk(pixels, 16))["colour"])
    assert shrunk(pixels[:0], 16).shape == (0, 16, 16, 3)
    with pytest.raises(ValueError, match="cannot be reduced to 64"):
        shrunk(pixels, 64)


def test_other_members_are_another_model() -> None:
    fingerprints = {
        Combined(members).fingerprint
        for members in (
            [FakeEncoder()],
            [FakeEncoder(), Histogram()],
            [FakeEncoder(), Histogram(fingerprint="d" * 64)],
            [FakeEncoder(), Histogram(size=32)],
        )
    }
    assert len(fingerprints) == 4


def test_members_that_do_not_fit() -> None:
    with pytest.raises(DeviseError, match=r'"fake" squash, "histogram" crop.*share no pixels'):
        Combined([FakeEncoder(), Histogram(resize="crop")])
    twin = replace(Histogram(), spaces=(Space(name="words", dim=64),))
    with pytest.raises(DeviseError, match="have a space words"):
        Combined([FakeEncoder(), twin])
    with pytest.raises(DeviseError, match="no descriptors"):
        Combined([])


def test_a_library_decodes_once_and_finds_by_both(
    album: Path, draw: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, load = [], prefetch.load
    monkeypatch.setattr(prefetch, "load", lambda data, **how: decoded.append(how["path"]) or load(data, **how))
    members = FakeEncoder(), Histogram()
    with Library(tmp_path / "library", model=Combined(members)) as library:
        assert library.index([album]).added == 6
        assert sorted(decoded) == sorted(map(str, album.rglob("*.png")))  # each once
        asked = draw("elsewhere/asked.png", (222, 28, 33))
        for space in ("features", "colour"):
            assert Path(library.similar(asked, 1, space=space)[0].path).stem == "red"
        paths, rows = library.vectors("colour")
        pixels = np.stack(
            [prefetch.load(Path(path).read_bytes(), size=32, resize="squash", path=path) for path in paths]
        )
        wanted = Histogram().encode(shrunk(pixels, 16))["colour"]
        np.testing.assert_allclose(rows, wanted, atol=1e-3)  # stored as float16
