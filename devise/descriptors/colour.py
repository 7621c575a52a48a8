"""Which colours a photo has, wherever they are: 64 colours, and the share of the photo that looks like each."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

LEVELS = 16  # of red, green and blue, between which a pixel is not told apart
BLUR = 10.0  # of CIELAB: a pixel counts for all colours about as near as the nearest; 1 is what an eye can just tell

# Eight greys, and 56 means of colours of sRGB in CIELAB, more of them near grey, as the colours of photos are: 64
# means of all of sRGB find product photos of their colour less often (docs/looks.md)
PALETTE = (
    0x000000, 0x242424, 0x494949, 0x6d6d6d, 0x929292, 0xb6b6b6, 0xdbdbdb, 0xffffff,
    0x4cb4a4, 0x24545c, 0x448c94, 0x64c4dc, 0x54e4e4, 0x44a4d4, 0x343c64, 0x4464c4, 0x4c6c94, 0x545ce4, 0x5494e4,
    0xacb4dc, 0x3c1c3c, 0x3c2474, 0x4424a4, 0x4c24dc, 0x8c2c74, 0xa44cc4, 0xbc2ce4, 0xdc34bc, 0xa484d4, 0xd474cc,
    0xdca4cc, 0x945c7c, 0xcc3454, 0xdc3484, 0xdc7c84, 0x6c242c, 0x9c3424, 0xdc2c24, 0x9c7464, 0xe4742c, 0xe4b4ac,
    0x5c4424, 0x945c24, 0x8c7c2c, 0xd4a42c, 0xdca46c, 0x6c744c, 0x849c2c, 0x94ac84, 0xdcd42c, 0xa4e43c, 0xd4dc74,
    0xdcdcac, 0x244424, 0x3c742c, 0x347c64, 0x3ca464, 0x4cac34, 0x44e434, 0x54e474, 0x44e49c, 0x9cdc8c, 0x5ce4bc,
    0xace4d4,
)  # fmt: skip

_TO_XYZ = np.array(  # of linear sRGB, of white point D65 (IEC 61966-2-1)
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])


def shares(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, side, side, 3) RGB -> (n, 64), which add up to 1."""
    table, levels = _table(), (pixels // (256 // LEVELS)).astype(np.uint16)  # 0 to 15
    codes = (levels[..., 0] * LEVELS + levels[..., 1]) * LEVELS + levels[..., 2]
    codes = codes.reshape(len(pixels), pixels.shape[1] * pixels.shape[2])
    made = [np.bincount(photo, minlength=len(table)).astype(np.float32) @ table / photo.size for photo in codes]
    return np.stack(made) if made else np.empty((0, len(PALETTE)), np.float32)


def palette_shares(colours: NDArray[np.float64]) -> NDArray[np.float32]:
    """(n, 3) RGB of 0 to 255 -> (n, 64): for which colours of the palette each counts, and how much."""
    near = _squares(lab(colours), lab(palette()))
    weights = np.exp((near.min(1, keepdims=True) - near) / (2 * BLUR**2))
    made: NDArray[np.float32] = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
    return made


def palette() -> NDArray[np.float64]:
    """(64, 3) RGB of 0 to 255."""
    return np.array([tuple(colour.to_bytes(3)) for colour in PALETTE], np.float64)


def lab(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 3) sRGB of 0 to 255 -> CIELAB of 1976, where equal distances look about equal."""
    unit = colours / 255
    linear = np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = f[:, 0], f[:, 1], f[:, 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


@cache
def _table() -> NDArray[np.float32]:
    """(LEVELS ** 3, 64): what each colour that is told apart counts for."""
    steps = np.arange(LEVELS) * (255 / (LEVELS - 1))  # so that black and white are themselves
    return palette_shares(np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3))


def _squares(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances squared, (n, 3), (m, 3) -> (n, m)."""
    squares: NDArray[np.float64] = ((one[:, None] - other[None]) ** 2).sum(2)
    return squares
