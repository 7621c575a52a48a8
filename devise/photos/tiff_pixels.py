"""The pixels of TIFFs that Pillow refuses or reads wrongly.

libtiff unpacks, numpy understands: the strips or tiles are given to Pillow as those of a grey picture of 8 bits whose
rows are the bytes of ours, so that every lossless compression is read, and the bytes are then taken for what the tags
say.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from devise.photos.colour import from_lab
from devise.photos.tiff_layout import (
    BITS,
    COLOURS,
    COMPRESSION,
    FILL_ORDER,
    LAB,
    LENGTH,
    MAX_VALUE,
    PHOTOMETRIC_TAG,
    PREDICTOR,
    ROWS,
    SAMPLES,
    STRIP_BYTES,
    STRIPS,
    TILE_BYTES,
    TILE_LENGTH,
    TILE_WIDTH,
    TILES,
    WIDTH,
    Layout,
    numbers_of,
)  # fmt: skip

MAX_BYTES = 2_000_000_000  # unpacked: 150 megapixels of three times 32 bits
STRIP = 2_000_000  # samples that are understood at a time
Rows = NDArray[np.float64]


def picture(data: bytes, about: Layout) -> Image.Image:
    """In RGB, not turned. Raises OSError or ValueError for what is damaged."""
    if about.width * about.height * about.samples * max(about.bits) // 8 > MAX_BYTES:
        raise MemoryError("it unpacks to more than two gigabytes")
    shown = COLOURS[about.photometric] + (0 if about.alpha is None else about.alpha + 1)  # bands behind may be empty
    packed = [_Plane(data, about, number) for number in range(min(about.planes, shown))]
    unpacked = [plane.unpacked() for plane in packed]
    rows = max(1, STRIP // (about.width * about.samples))
    tops = range(0, about.height, rows)

    def strips() -> Iterator[tuple[int, Rows]]:
        for top in tops:
            with np.errstate(invalid="ignore", over="ignore"):  # holes and infinities of floating point
                parts = [plane.numbers(raw[top : top + rows]) for plane, raw in zip(packed, unpacked, strict=True)]
            yield top, np.nan_to_num(np.concatenate(parts, axis=2), posinf=0.0, neginf=0.0)

    colours = COLOURS[about.photometric]
    white = _white(about, max(float(part[..., :colours].max(initial=0.0)) for _, part in strips()))
    made = Image.new("RGB", (about.width, about.height))
    for top, part in strips():
        made.paste(
            _lab(part, about) if about.photometric in LAB else Image.fromarray(_rgb(part, about, white)), (0, top)
        )
    return made


class _Plane:
    """One of the planes, or all samples together where they are not apart."""

    def __init__(self, data: bytes, about: Layout, number: int) -> None:
        tags, is_tiled = about.tags, TILES in about.tags
        self.about, self.samples = about, about.samples // about.planes
        self.box, self.rows = about.box
        self.across, self.down = about.grid
        count = self.across * self.down
        part = slice(number * count, (number + 1) * count)
        places, sizes = about.places
        self.offsets = numbers_of(tags[places])[part]
        self.sizes = numbers_of(tags.get(sizes) or len(data))[part]
        if len(self.offsets) != count or len(self.sizes) != count:
            raise ValueError("truncated: strips are missing")
        self.row_bytes = -(-self.box * self.samples * about.bits[0] // 8)
        self.is_tiled, self.data = is_tiled, data

    def unpacked(self) -> NDArray[np.uint8]:
        """(height, bytes of a row of all tiles)."""
        about = self.about
        chunks = [self.data[start : start + size] for start, size in zip(self.offsets, self.sizes, strict=True)]
        with Image.open(io.BytesIO(self._as_grey(chunks)), formats=("TIFF",)) as grey:
            grey.load()
            return np.asarray(grey)[: about.height]

    def _as_grey(self, chunks: list[bytes]) -> bytes:
        """A TIFF of 8 bits, little-endian, with these strips or tiles."""
        about = self.about
        base = 8
        offsets = _starts(base, chunks)
        sizes = [len(chunk) for chunk in chunks]
        height = self.down * self.rows if self.is_tiled else about.height
        entries = {
            WIDTH: [self.row_bytes * self.across], LENGTH: [height], BITS: [8], COMPRESSION: [about.compression],
            PHOTOMETRIC_TAG: [1], FILL_ORDER: [about.tags.get(FILL_ORDER, 1)], SAMPLES: [1],
            **({TILE_WIDTH: [self.row_bytes], TILE_LENGTH: [self.rows], TILES: offsets, TILE_BYTES: sizes}
               if self.is_tiled else {STRIPS: offsets, ROWS: [self.rows], STRIP_BYTES: sizes}),
        }  # fmt: skip
        body = b"".join(chunks)
        place = base + len(body)
        beyond = place + 2 + 12 * len(entries) + 4
        directory, lists = struct.pack("<H", len(entries)), b""
        for tag, values in sorted(entries.items()):
            packed = struct.pack(f"<{len(values)}I", *values)
            where = packed if len(values) == 1 else struct.pack("<I", beyond + len(lists))
            lists += packed if len(values) > 1 else b""
            directory += struct.pack("<HHI", tag, 4, len(values)) + where
        return b"II*\0" + struct.pack("<I", place) + body + directory + b"\0\0\0\0" + lists

    def numbers(self, raw: NDArray[np.uint8]) -> Rows:
        """(rows, bytes) -> (rows, width, samples)."""
        about, bits = self.about, self.about.bits[0]
        tiles = raw.reshape(len(raw), self.across, self.row_bytes)
        predictor = about.tags.get(PREDICTOR, 1)
        if predictor == 3:
            values = _from_float_planes(tiles, bits // 8, self.samples)
        elif bits in (8, 16, 32, 64):
            kind = {1: "u", 2: "i", 3: "f"}[about.format]
            values = np.ascontiguousarray(tiles).view(f"{about.order}{kind}{bits // 8}")
        else:
            values = _from_bits(tiles, bits, self.box * self.samples)
        values = values.reshape(len(raw), self.across, self.box, self.samples)
        if predictor == 2:
            native = values.dtype.newbyteorder("=")
            values = np.cumsum(values.astype(native), axis=2, dtype=native)  # wraps around, as it is meant to
        return values.reshape(len(raw), -1, self.samples)[:, : about.width].astype(np.float64)


def _starts(base: int, chunks: list[bytes]) -> list[int]:
    sizes = np.cumsum([base, *(len(chunk) for chunk in chunks)])
    return [int(size) for size in sizes[:-1]]


def _from_float_planes(tiles: NDArray[np.uint8], size: int, samples: int) -> NDArray[Any]:
    """All first bytes of a row, then all second ones, each less the one before of the same sample."""
    rows, across, length = tiles.shape
    count = length // size
    summed = np.cumsum(tiles.reshape(rows, across, length // samples, samples), axis=2, dtype=np.uint8)
    planes = summed.reshape(rows, across, size, count)
    return np.ascontiguousarray(planes.swapaxes(2, 3)).view(f">f{size}")


def _from_bits(tiles: NDArray[np.uint8], bits: int, count: int) -> NDArray[Any]:
    """Numbers of 2 to 63 bits without gaps, the highest bit first; rows begin with a byte."""
    ones = np.unpackbits(tiles, axis=2)[:, :, : count * bits].reshape(*tiles.shape[:2], count, bits)
    return ones @ (2.0 ** np.arange(bits - 1, -1, -1))


def _white(about: Layout, brightest: float) -> float:
    """The number that means white (black, where white is zero): what the tags say, else the smallest usual one."""
    bits, said = about.bits[0], about.tags.get(MAX_VALUE)
    if about.format == 3:
        usual: tuple[float, ...] = (1.0, 255.0, 65535.0)
    elif about.format == 1:
        # 12 and 14 bits are mostly kept in 16: where white is zero such a picture would else be white all over
        usual = (4095.0, 16383.0) if about.photometric == 0 and bits == 16 else ()
        usual += (2.0**bits - 1,) if bits <= 16 else (65535.0, 2.0**bits - 1)
    else:
        most = 2.0 ** (bits - 1) - 1
        # Of wide ones nobody knows what is white, so that the brightest is, unless they are to be inverted
        usual = (most,) if bits <= 16 else (65535.0, *((most,) if about.photometric in (0, 5) else ()))
    if said is not None and 1 < max(numbers_of(said)) >= brightest:
        return float(max(numbers_of(said)))
    return next((white for white in usual if brightest <= white), brightest) or 1.0


def _rgb(part: Rows, about: Layout, white: float) -> NDArray[np.uint8]:
    """(rows, width, samples) -> (rows, width, 3)."""
    colours = COLOURS[about.photometric]
    shades = np.clip(part[..., :colours] / white, 0, 1)
    if about.photometric == 0:
        shades = 1 - shades
    elif about.photometric == 5:
        shades = (1 - shades[..., :3]) * (1 - shades[..., 3:4])
    alpha = about.alpha
    if alpha is not None:
        cover = np.clip(part[..., colours + alpha, None] / white, 0, 1)
        shades = (shades if about.extras[alpha] == 1 else shades * cover) + 1 - cover
    rgb: NDArray[np.uint8] = np.clip(shades * 255, 0, 255).round().astype(np.uint8)
    return np.repeat(rgb, 3, axis=2) if rgb.shape[2] == 1 else rgb


def _lab(part: Rows, about: Layout) -> Image.Image:
    """(rows, width, samples) of 8 or 16 bits; alpha is left out."""
    step = 2.0 ** (about.bits[0] - 8)
    light, *colours = (part[..., band] / step for band in range(3))
    if about.photometric == 8:  # a and b are signed, and white is the largest number
        light, colours = light * step * 255 / (256 * step - 1), [(band + 128) % 256 for band in colours]
    bands = (np.clip(band.round(), 0, 255).astype(np.uint8) for band in (light, *colours))
    return from_lab(Image.merge("LAB", [Image.fromarray(band) for band in bands]))
