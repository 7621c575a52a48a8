"""Camera raw files: their preview, or what the sensor saw, upright; where rawpy is missing, what to do."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from raws import dng

from devise.errors import PhotoError
from devise.photos import details, find, load, picture
from devise.photos.find import Trouble

SIZE = (400, 300)


def corners() -> NDArray[np.uint8]:
    """Red, green, blue and white: which way is up can be seen."""
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    pixels[:150, :200], pixels[:150, 200:] = (220, 30, 30), (30, 200, 30)
    pixels[150:, :200], pixels[150:, 200:] = (30, 30, 220), (230, 230, 230)
    return pixels


def written(place: Path, data: bytes, name: str = "a.dng") -> Path:
    path = place / name
    path.write_bytes(data)
    return path


pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow, about damaged tags


@pytest.fixture(autouse=True)
def rawpy() -> None:
    pytest.importorskip("rawpy")


def brightest(image: Image.Image) -> list[str]:
    """Of the four corners, from the left above, the colours that they have most of."""
    width, height = image.size
    spots = [(width // 8, height // 8), (width * 7 // 8, height // 8), (width // 8, height * 7 // 8)]
    return ["rgb"[int(np.argmax(image.getpixel(spot)))] for spot in spots]


@pytest.mark.parametrize("has_preview", [False, True])
@pytest.mark.parametrize(("orientation", "colours"), [(1, "rgb"), (3, "?bg"), (6, "br?"), (8, "g?r")])
def test_a_raw_file_is_upright(tmp_path: Path, has_preview: bool, orientation: int, colours: str) -> None:
    preview = Image.fromarray(corners()).resize((200, 150)) if has_preview else None
    path = written(tmp_path, dng(corners(), preview=preview, orientation=orientation))
    for size in (100, 400):  # the preview is enough for the first
        seen = picture(path, size)
        assert max(seen.size) == size
        assert (seen.width < seen.height) == (orientation > 4)
        for found, wanted in zip(brightest(seen), colours, strict=True):
            assert wanted in ("?", found)


def test_the_preview_and_the_sensor_show_the_same(tmp_path: Path) -> None:
    small = Image.fromarray(corners()).resize((200, 150))
    shown, developed = (
        load(written(tmp_path, dng(corners(), preview=preview)), size=64, resize="squash").astype(int)
        for preview in (small, None)
    )
    assert np.abs(shown - developed).mean() < 40  # LibRaw brightens


def test_what_a_raw_file_says_of_itself(tmp_path: Path) -> None:
    about = details(str(written(tmp_path, dng(corners(), date="2024:05:06 07:08:09"))))
    assert (about.kind, about.pixels, about.taken) == ("raw", 120_000, "2024-05-06T07:08:09")


def test_damaged_raw_files_are_refused(tmp_path: Path) -> None:
    data = dng(corners(), preview=Image.fromarray(corners()))
    chance = np.random.default_rng(0)
    for number in range(60):
        broken = bytearray(data[: None if number % 2 else chance.integers(len(data))])
        for at in chance.integers(0, len(broken) or 1, 20):
            if broken:
                broken[-1 - int(at) % min(len(broken), 1_000)] ^= 255  # where the tags stand
        with suppress(PhotoError):
            assert load(written(tmp_path, bytes(broken)), size=64, resize="squash").shape == (64, 64, 3)


def test_a_jpeg_of_a_raw_name_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.nef"
    Image.fromarray(corners()).save(path, "JPEG")
    assert load(path, size=64, resize="squash").shape == (64, 64, 3)


def test_without_rawpy_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, dng(corners()))
    assert not any(isinstance(found, Trouble) for found in find([tmp_path]))
    monkeypatch.setattr("devise.photos.formats.raw", lambda: False)
    (trouble,) = find([tmp_path])
    assert isinstance(trouble, Trouble)
    assert "run: pip install rawpy, or" in trouble.reason
