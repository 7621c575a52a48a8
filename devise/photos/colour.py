"""Any of Pillow's picture modes as RGB: transparency on white, 16 bits scaled to 8, CMYK, Lab, palettes; profiles."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

STRIP = 2_000_000  # pixels converted at a time: 150 megapixels as floating point would take a gigabyte more
MAX_PROFILE = 4_000_000  # bytes: those of printing presses have up to three
SAME = 3  # of 255: a profile that moves no colour farther is sRGB by another name
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_SHADES = np.arange(0, 256, 51, dtype=np.uint8)
_CUBE = np.stack(np.meshgrid(_SHADES, _SHADES, _SHADES, indexing="ij"), axis=-1).reshape(36, 6, 3)
BITS_PER_SAMPLE = 258  # TIFF 6.0, section 8


def to_rgb(image: Image.Image, strip: int = STRIP) -> Image.Image:
    """The picture in RGB, or in CMYK with a profile that `to_srgb` needs; its profile stays in its `info`.

    strip: pixels that are converted at a time. Raises what Pillow raises for modes it cannot convert.
    """
    profile = image.info.get("icc_profile")
    if profile and image.mode == "CMYK" and _transform(profile, "CMYK"):
        return image
    made = _converted(image, strip)
    if profile and made is not image:
        made.info["icc_profile"] = profile
        made.info["was_grey"] = image.mode.startswith(("L", "I", "F", "1")) and image.mode != "LAB"
    return made


def to_srgb(image: Image.Image) -> Image.Image:
    """What `to_rgb` gave, mostly made smaller since, in the colours of sRGB, without a profile.

    Done when the picture is small: 4 ms of a 12-megapixel photo in Display P3 instead of 150.
    """
    profile = image.info.pop("icc_profile", None)
    if not profile:
        return image
    transform = _transform(profile, image.mode)
    if transform is None and image.info.get("was_grey"):
        image, transform = image.getchannel(0), _transform(profile, "L")
    if transform is None:
        return image.convert("RGB")
    made = ImageCms.applyTransform(image, transform)
    assert made is not None  # None only for inPlace=True
    made.info.clear()
    return made


@lru_cache(maxsize=64)  # an album has a handful of profiles
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a profile to sRGB; None: it changes nothing, is for pictures of another mode, or is damaged."""
    if len(profile) > MAX_PROFILE:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if _MODES.get(source.profile.xcolor_space.strip()) != mode:
            return None
        made = ImageCms.buildTransform(
            source, ImageCms.createProfile("sRGB"), mode, "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )  # fmt: skip
        if mode == "CMYK":
            return made
        colours = Image.fromarray(_CUBE if mode == "RGB" else _CUBE[..., 0].copy())
        changed = ImageCms.applyTransform(colours, made)
        differs = np.abs(np.asarray(changed, np.int16) - np.asarray(colours.convert("RGB"), np.int16)).max()
        return made if differs > SAME else None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _converted(image: Image.Image, strip: int) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith(("I", "F")):
        return _from_deep(image, strip)
    if image.mode == "LAB":
        return from_lab(image)
    if image.has_transparency_data:
        return _on_white(image, strip)
    return image.convert("RGB")


def _on_white(image: Image.Image, strip: int) -> Image.Image:
    white = Image.new("RGB", image.size, "white")
    for top, rows in _strips(image, strip):
        clear = rows.convert("RGBA")
        white.paste(clear.convert("RGB"), (0, top), mask=clear.getchannel("A"))
    return white


def _from_deep(image: Image.Image, strip: int) -> Image.Image:
    """Grey of 9 to 32 bits or floating point. A dark 16-bit picture stays dark."""
    scale = 255 / _white(image, max(float(_numbers(rows).max(initial=0.0)) for _, rows in _strips(image, strip)))
    rgb = Image.new("RGB", image.size)
    for top, rows in _strips(image, strip):
        grey = np.clip(_numbers(rows) * scale, 0, 255).round().astype(np.uint8)
        rgb.paste(Image.fromarray(grey).convert("RGB"), (0, top))
    return rgb


def _strips(image: Image.Image, strip: int) -> Iterator[tuple[int, Image.Image]]:
    """All rows, some at a time, each time with the number of the first."""
    rows = max(1, strip // image.width)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _numbers(image: Image.Image) -> NDArray[np.float32]:
    return np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0, neginf=0.0)


def _white(image: Image.Image, brightest: float) -> float:
    """The number that means white: told by the file, else the smallest usual one that none of the numbers exceeds."""
    if image.mode == "F":
        usual: tuple[float, ...] = (1.0, 255.0, 65535.0)
    else:
        bits = getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE, (16,))[0]
        usual = (float(2 ** min(int(bits), 16) - 1), 65535.0)
    return next((white for white in usual if brightest <= white), brightest)


def from_lab(image: Image.Image) -> Image.Image:
    """A picture of CIE L*a*b*, in RGB."""
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.applyTransform(image, ImageCms.buildTransform(lab, srgb, "LAB", "RGB"))
    assert converted is not None  # None only for inPlace=True
    return converted
