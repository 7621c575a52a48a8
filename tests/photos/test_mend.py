"""Photos whose files are damaged where no pixel is are read; of others it is said how much is missing."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from devise.errors import PhotoError
from devise.photos import load
from devise.photos.mend import IncompleteError, mended


def noise(size: tuple[int, int] = (240, 160)) -> Image.Image:
    """Blurred, so that photographs' encoders have to work."""
    shades = np.random.default_rng(0).integers(0, 255, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    return Image.fromarray(shades).resize(size, Image.Resampling.BICUBIC)


def encoded(format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    noise().save(buffer, format, **options)
    return buffer.getvalue()


def pixels(data: bytes) -> NDArray[np.int16]:
    return load(data, size=32, resize="squash").astype(np.int16)


JPEGS = [{}, {"subsampling": 0}, {"subsampling": 2}, {"restart_marker_blocks": 4}, {"progressive": True}]


@pytest.mark.parametrize("options", JPEGS)
@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_without_its_end_is_whole(options: dict[str, object], missing: int, mode: str) -> None:
    buffer = io.BytesIO()
    noise().convert(mode).save(buffer, "JPEG", **({} if mode == "L" else options))
    data = buffer.getvalue()
    assert np.array_equal(pixels(data[:-missing]), pixels(data))


@pytest.mark.parametrize("options", JPEGS[:4])
def test_a_jpeg_without_pixels_is_refused_with_how_many(options: dict[str, object]) -> None:
    data = encoded("JPEG", quality=95, **options)
    for share in (0.5, 0.8):
        with pytest.raises(PhotoError, match=r"the lower [0-9]+ % are missing; copy it again") as caught:
            pixels(data[: int(share * len(data))])
        told = int(caught.value.reason.split("lower ")[1].split()[0])
        assert abs(told - 100 * (1 - share)) < 12


@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"restart_marker_blocks": 4}])
def test_a_jpeg_whose_end_was_never_written(options: dict[str, object]) -> None:
    """Its place was made and filled with zeros, which decode."""
    data = encoded("JPEG", quality=95, **options)
    with pytest.raises(PhotoError, match=r"the lower [0-9]+ % are missing"):
        pixels(data[: len(data) // 2] + bytes(len(data) // 2))
    assert np.array_equal(pixels(data + bytes(4096)), pixels(data))
    assert np.array_equal(pixels(data[:-2] + bytes(4096)), pixels(data))


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE", b"IDAT", b"IEND"])
def test_a_wrong_checksum_of_a_chunk_whose_data_are_right(kind: bytes) -> None:
    buffer = io.BytesIO()
    noise().quantize(64).save(buffer, "PNG")
    data = buffer.getvalue()
    place = data.index(kind) + 4
    end = place + int.from_bytes(data[place - 8 : place - 4])
    assert np.array_equal(pixels(data[:end] + b"\0\0\0\0" + data[end + 4 :]), pixels(data))


def test_a_progressive_jpeg_without_its_last_touch_is_whole() -> None:
    data = encoded("JPEG", progressive=True, quality=95)
    assert np.abs(pixels(data[: int(0.8 * len(data))]) - pixels(data)).mean() < 1
    with pytest.raises(PhotoError, match="finer passes are missing; copy it again"):
        pixels(data[: int(0.1 * len(data))])


def chunk(kind: bytes, data: bytes, is_right: bool) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) ^ (not is_right))


@pytest.mark.parametrize("kind", [b"tEXt", b"gAMA", b"iCCP", b"eXIf", b"zzZz", b"tIME", b"pHYs"])
@pytest.mark.parametrize("is_late", [False, True])
def test_a_wrong_checksum_of_a_chunk_without_pixels(kind: bytes, is_late: bool) -> None:
    data = encoded("PNG")
    place = data.index(b"IEND") - 4 if is_late else data.index(b"IDAT") - 4
    damaged = data[:place] + chunk(kind, b"Comment\0seen", is_right=False) + data[place:]
    assert np.array_equal(pixels(damaged), pixels(data))


def test_a_wrong_checksum_of_transparency_leaves_it() -> None:
    buffer = io.BytesIO()
    Image.new("L", (8, 8), 7).save(buffer, "PNG", transparency=7)
    data = bytearray(buffer.getvalue())
    place = data.index(b"tRNS") + 6
    data[place] ^= 1
    assert (pixels(bytes(data)) == 255).all()


@pytest.mark.parametrize("missing", [1, 4, 12, 14])
def test_a_png_without_its_end(missing: int) -> None:
    data = encoded("PNG")
    assert np.array_equal(pixels(data[:-missing]), pixels(data))


def test_a_png_without_pixels_is_refused_with_how_many() -> None:
    data = encoded("PNG")
    with pytest.raises(PhotoError, match=r"lower [45][0-9] % are missing; copy it again"):
        pixels(data[: len(data) // 2])


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_gif_without_its_end(missing: int) -> None:
    data = encoded("GIF")
    assert np.array_equal(pixels(data[:-missing]), pixels(data))


def test_what_no_remedy_helps() -> None:
    assert mended(b"BM" + bytes(100)) is None
    assert mended(b"\xff\xd8\xff") is None
    for data in (encoded("JPEG"), encoded("PNG"), encoded("GIF")):
        for cut in range(0, len(data), len(data) // 60):
            try:
                mended(data[:cut])
            except IncompleteError:
                continue
            except Exception:  # of decoders: `open` then says what they said
                continue


@pytest.mark.parametrize(("suffix", "format"), [(".tga", "TGA"), (".TGA", "TGA")])
def test_formats_that_only_names_tell(tmp_path: object, suffix: str, format: str) -> None:
    data = encoded(format)
    assert np.array_equal(load(data, size=32, resize="squash", path=f"a{suffix}"), pixels(encoded("PNG")))
    with pytest.raises(PhotoError):
        load(data, size=32, resize="squash", path="a.jpg")
