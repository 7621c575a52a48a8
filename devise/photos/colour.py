"""Any of Pillow's picture modes as RGB: transparency on white, 16 bits scaled to 8, CMYK, Lab and palettes."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageCms

BITS_PER_SAMPLE = 258  # TIFF 6.0, section 8


def to_rgb(image: Image.Image) -> Image.Image:
    """The picture in RGB. Raises what Pillow raises for modes it cannot convert."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith(("I", "F")):
        return _from_deep(image).convert("RGB")
    if image.mode == "LAB":
        return _from_lab(image)
    if image.has_transparency_data:
        return _on_white(image)
    return image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def _from_deep(image: Image.Image) -> Image.Image:
    """Grey of 9 to 32 bits or floating point -> 8 bits. A dark 16-bit picture stays dark."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0, neginf=0.0)
    return Image.fromarray(np.clip(values * (255 / _white(image, values)), 0, 255).round().astype(np.uint8))


def _white(image: Image.Image, values: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
    """The number that means white: told by the file, else the smallest usual one that none of the numbers exceeds."""
    brightest = float(values.max(initial=0.0))
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
