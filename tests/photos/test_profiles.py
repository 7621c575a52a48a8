"""Colours of other colour spaces look as they were meant to: ICC profiles (ICC.1:2022), drawn here by hand."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from devise.photos import colour, load, picture, thumbnail_jpeg

# Colorants adapted to D50, and gamma
SPACES = {
    "Adobe RGB": ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457), 2.19921875),
    "Display P3": ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407), 2.2),
    "ProPhoto": ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491), 1.8),
}


def tag(kind: bytes, body: bytes) -> bytes:
    return (kind + b"\0\0\0\0" + body).ljust(-(-(8 + len(body)) // 4) * 4, b"\0")


def xyz(*values: float) -> bytes:
    return tag(b"XYZ ", struct.pack(">3i", *(round(value * 65536) for value in values)))


def profile(name: str) -> bytes:
    """A display profile of version 2 of three colorants and a gamma, or of grey."""
    gamma = SPACES[name][3] if name in SPACES else 1.8
    curve = tag(b"curv", struct.pack(">IH", 1, round(gamma * 256)))
    text = name.encode() + b"\0"
    parts = {
        b"desc": tag(b"desc", struct.pack(">I", len(text)) + text + b"\0" * 78),
        b"cprt": tag(b"text", b"nobody's\0"),
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
    }
    if name in SPACES:
        for letter, colorant in zip(b"rgb", SPACES[name][:3], strict=True):
            parts[bytes([letter]) + b"XYZ"], parts[bytes([letter]) + b"TRC"] = xyz(*colorant), curve
    else:
        parts[b"kTRC"] = curve
    start, table, body = 128 + 4 + 12 * len(parts), struct.pack(">I", len(parts)), b""
    for signature, data in parts.items():
        table += signature + struct.pack(">II", start + len(body), len(data))
        body += data
    space = b"RGB " if name in SPACES else b"GRAY"
    head = struct.pack(">I4sI4s4s4s12s4s", start + len(body), b"lcms", 0x02100000, b"mntr", space, b"XYZ ",
                       b"\x07\xe0\0\1\0\1\0\0\0\0\0\0", b"acsp")  # fmt: skip
    return head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061) + b"\0" * 48 + table + body


def photo() -> Image.Image:
    """Muted colours that all spaces hold."""
    shades = np.random.default_rng(0).integers(40, 200, (6, 9, 3), dtype=np.uint8)
    return Image.fromarray(shades).resize((90, 60), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def written_in(name: str, format: str = "PNG") -> bytes:
    """The photo, its numbers those of that space."""
    icc = profile(name)
    space = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    converted = ImageCms.profileToProfile(photo(), ImageCms.createProfile("sRGB"), space, outputMode="RGB")
    assert converted is not None
    options = {"quality": 98, "subsampling": 0} if format == "JPEG" else {}
    return encoded(converted, format, icc_profile=icc, **options)


def seen(data: bytes) -> NDArray[np.int16]:
    return load(data, size=48, resize="squash").astype(np.int16)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("name", SPACES)
def test_the_same_colours_as_in_srgb(name: str, format: str) -> None:
    if format == "WEBP":
        plain = written_in(name)
        data = encoded(Image.open(io.BytesIO(plain)), "WEBP", lossless=True, icc_profile=profile(name))
    else:
        data = written_in(name, format)
    right = seen(encoded(photo(), "PNG"))
    untreated = encoded(Image.open(io.BytesIO(data)).convert("RGB"), "PNG", icc_profile=None)
    assert np.abs(seen(data) - right).mean() < 1.5
    assert np.abs(seen(untreated) - right).mean() > 4


@pytest.mark.parametrize("name", SPACES)
def test_thumbnails_too(name: str) -> None:
    right = np.asarray(picture(encoded(photo(), "PNG"), 45), np.int16)
    small = Image.open(io.BytesIO(thumbnail_jpeg(written_in(name), 45)))
    assert "icc_profile" not in small.info
    assert np.abs(np.asarray(small, np.int16) - right).mean() < 6
    assert "icc_profile" not in picture(written_in(name), 45).info


def test_grey_has_profiles_as_well() -> None:
    grey = Image.new("L", (40, 40), 100)
    right = round(255 * (1.055 * ((100 / 255) ** 1.8) ** (1 / 2.4) - 0.055))
    assert abs(int(seen(encoded(grey, "PNG", icc_profile=profile("grey")))[5, 5, 0]) - right) <= 2


def test_srgb_by_any_name_changes_nothing() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(seen(encoded(photo(), "PNG", icc_profile=srgb)), seen(encoded(photo(), "PNG")))
    assert colour._transform(srgb, "RGB") is None


@pytest.mark.parametrize("damage", [b"", b"no profile", profile("ProPhoto")[:200], profile("grey"), b"\0" * 5_000_000])
def test_a_profile_that_is_none_is_left_out(damage: bytes) -> None:
    data = encoded(photo(), "TIFF", icc_profile=damage)
    assert np.array_equal(seen(data), seen(encoded(photo(), "PNG")))


def test_transparent_pixels_stay_white() -> None:
    clear = photo().convert("RGBA")
    clear.putalpha(0)
    assert (seen(encoded(clear, "PNG", icc_profile=profile("Display P3"))) >= 254).all()
