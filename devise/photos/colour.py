"""Any of Pillow's picture modes as RGB: transparency on white, 16 bits scaled to 8, CMYK, Lab and palettes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

STRIP = 2_000_000  # pixels converted at a time: 150 megapixels as floating point would take a gigabyte more
BITS_PER_SAMPLE = 258  # TIFF 6.0, section 8


def to_rgb(image: Image.Image) -> Image.Image:
    """The picture in RGB. Raises what Pillow raises for modes it cannot convert."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith(("I", "F")):
        return _from_deep(image)
    if image.mode == "LAB":
        return _from_lab(image)
    if image.has_transparency_data:
        return _on_white(image)
    return image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    white = Image.new("RGB", image.size, "white")
    for top, strip in _strips(image):
        strip = strip.convert("RGBA")
        white.paste(strip.convert("RGB"), (0, top), mask=strip.getchannel("A"))
    return white


def _from_deep(image: Image.Image) -> Image.Image:
    """Grey of 9 to 32 bits or floating point. A dark 16-bit picture stays dark."""
    scale = 255 / _white(image, max(float(_numbers(strip).max(initial=0.0)) for _, strip in _strips(image)))
    rgb = Image.new("RGB", image.size)
    for top, strip in _strips(image):
        grey = np.clip(_numbers(strip) * scale, 0, 255).round().astype(np.uint8)
        rgb.paste(Image.fromarray(grey).convert("RGB"), (0, top))
    return rgb


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """All rows, some at a time, each time with the number of the first."""
    rows = max(1, STRIP // image.width)
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


def _from_lab(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.applyTransform(image, ImageCms.buildTransform(lab, srgb, "LAB", "RGB"))
    assert converted is not None  # None only for inPlace=True
    return converted
