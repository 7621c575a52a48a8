"""Files that end too early: what lacks no pixel is read, of others it is said how much is missing."""

from __future__ import annotations

import io
import struct
import time

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from devise.errors import PhotoError
from devise.photos import load
from devise.photos.plugins import heif

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

ONE_AFTER_ANOTHER = ("BMP", "DIB", "PPM", "TGA", "SGI", "TIFF")
BY_BYTES = ("WEBP", "AVIF", "HEIF", "JPEG2000")


def encoded(format: str, **options: object) -> bytes:
    if format == "HEIF" and not heif():
        pytest.skip("needs pillow-heif")
    shades = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(shades).resize((240, 160), Image.Resampling.BICUBIC).save(buffer, format, **options)
    return buffer.getvalue()


def pixels(data: bytes, format: str = "TIFF") -> NDArray[np.int16]:
    return load(data, size=32, resize="squash", path=f"a.{format.lower()}").astype(np.int16)


def refused(data: bytes, format: str) -> str:
    with pytest.raises(PhotoError) as caught:
        pixels(data, format)
    return caught.value.reason


@pytest.mark.parametrize("format", ONE_AFTER_ANOTHER)
def test_pixels_that_stand_one_after_another(format: str) -> None:
    data = encoded(format)
    assert np.abs(pixels(data[:-2], format) - pixels(data, format)).mean() < 1
    said = refused(data[: len(data) // 2], format)
    assert "% of its pixels are missing; copy it again" in said
    if format in ("BMP", "PPM", "TIFF"):
        assert 48 <= int(said.split(": ")[1].split()[0]) <= 52


@pytest.mark.parametrize("format", ["PCX", "QOI", "GIF"])
def test_packed_pixels_whose_share_nobody_knows(format: str) -> None:
    data = encoded(format)
    assert refused(data[: len(data) // 2], format) == "it is cut short; copy it again from its source"


def test_a_cut_file_that_claims_to_be_large_takes_no_time() -> None:
    start = time.process_time()
    for head in (b"P6 12000 12000 255\n", b"qoif" + struct.pack(">II", 12_000, 12_000) + b"\3\0"):
        assert refused(head + bytes(50), "PPM").startswith("it is cut short")
    assert time.process_time() - start < 1


@pytest.mark.parametrize("format", BY_BYTES)
def test_what_the_head_promises_is_missing(format: str) -> None:
    data = encoded(format)
    for share in (50, 10):
        said = refused(data[: len(data) - len(data) * share // 100], format)
        assert said == f"it is cut short: the last {share} % of its bytes are missing; copy it again from its source"


@pytest.mark.parametrize("format", ["WEBP", "JPEG2000"])
def test_the_last_two_bytes_are_missing(format: str) -> None:
    data = encoded(format)
    assert np.abs(pixels(data[:-2]) - pixels(data)).max() < 40
    assert np.abs(pixels(data[:-2]) - pixels(data)).mean() < 0.5


def test_metadata_behind_the_pixels_of_a_webp_are_cut() -> None:
    data = encoded("WEBP", xmp=b"<x>" + bytes(200), exif=b"Exif\0\0" + b"II*\0\x08\0\0\0" + bytes(100))
    for missing in (1, 150, 300):
        assert np.array_equal(pixels(data[:-missing]), pixels(data))
    for size in (0, len(data) - 40, len(data) + 400):  # a wrong length of the whole
        assert np.array_equal(pixels(data[:4] + struct.pack("<I", size) + data[8:]), pixels(data))


def test_padding_of_a_webp_is_missing() -> None:
    data = encoded("WEBP")
    data = data[:16] + struct.pack("<I", len(data) - 21) + data[20:]  # the last byte is now said to be padding
    assert np.array_equal(pixels(data[:-1]), pixels(data))


@pytest.mark.parametrize("format", ["AVIF", "HEIF"])
def test_a_box_behind_the_picture_is_cut(format: str) -> None:
    data = encoded(format)
    assert np.array_equal(pixels(data + struct.pack(">I", 900) + b"mpvd" + bytes(50)), pixels(data))


def test_a_png_lacks_its_last_pixels() -> None:
    data = encoded("PNG")
    assert np.abs(pixels(data[:-40]) - pixels(data)).mean() < 1  # within its only chunk of pixels


def test_the_directory_of_a_tiff_is_missing() -> None:
    data = encoded("TIFF", compression="tiff_lzw")
    for size in (len(data) - 3, len(data) * 99 // 100, len(data) // 2):
        place = struct.unpack("<I", data[4:8])[0]
        assert size > place or "its directory, which stands at its end, is missing" in refused(data[:size], "TIFF")
        refused(data[:size], "TIFF")


def test_strips_of_a_tiff_are_missing() -> None:
    """Pillow would show the rest black, and says nothing."""
    data = tiff(rows=40)
    assert "the last 75 % of its bytes are missing" in refused(tiff(rows=40, strips=1), "TIFF")
    # With the bytes of all rows it is the number of rows that is wrong
    assert np.array_equal(pixels(tiff(rows=40, strips=1, size=240 * 160)), pixels(data))
    for compression in ("tiff_lzw", "tiff_deflate"):  # of libtiff, which tells
        assert refused(encoded("TIFF", compression=compression)[:-5], "TIFF")


def test_a_tiff_without_height() -> None:
    data = tiff(rows=40)
    for size in (0, 2**32 - 1):
        refused(data.replace(struct.pack("<HHII", 257, 4, 1, 160), struct.pack("<HHII", 257, 4, 1, size)), "TIFF")


def tiff(rows: int, strips: int = 4, size: int = 0) -> bytes:
    """Grey, 240 x 160, of strips that stand one after another."""
    starts = [1000 + 240 * rows * number for number in range(strips)]
    lists = struct.pack(f"<{strips}I", *starts), struct.pack(f"<{strips}I", *[size or 240 * rows] * strips)
    places = [struct.unpack("<I", packed)[0] if strips == 1 else 800 + 80 * i for i, packed in enumerate(lists)]
    tags = {256: 240, 257: 160, 258: 8, 259: 1, 262: 1, 273: places[0], 277: 1, 278: rows, 279: places[1]}
    entries = [struct.pack("<HHII", tag, 4, strips if tag in (273, 279) else 1, value) for tag, value in tags.items()]
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + b"".join(entries) + bytes(4)
    shades = np.add.outer(np.arange(160), np.arange(240)).astype(np.uint8)
    return (head.ljust(800, b"\0") + lists[0].ljust(80, b"\0") + lists[1]).ljust(1000, b"\0") + shades.tobytes()
