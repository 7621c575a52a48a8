"""What the tags of a TIFF say of its first picture: how its samples are stored, and whether all of them are there.

TIFF 6.0; Adobe's TIFF technical note 3 for floating point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, Any

from PIL import TiffImagePlugin

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC_TAG, FILL_ORDER = 256, 257, 258, 259, 262, 266
STRIPS, SAMPLES, ROWS, STRIP_BYTES, MAX_VALUE, PLANAR = 273, 277, 278, 279, 281, 284
ICC, XMP = 34675, 700
PREDICTOR, TILE_WIDTH, TILE_LENGTH, TILES, TILE_BYTES, EXTRA, SAMPLE_FORMAT = 317, 322, 323, 324, 325, 338, 339
_KNOWN = frozenset((
    WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC_TAG, FILL_ORDER, STRIPS, SAMPLES, ROWS, STRIP_BYTES, MAX_VALUE,
    PLANAR, PREDICTOR, TILE_WIDTH, TILE_LENGTH, TILES, TILE_BYTES, EXTRA, SAMPLE_FORMAT,
))  # fmt: skip
LOSSLESS = {1: "none", 5: "LZW", 8: "deflate", 32946: "deflate", 32773: "PackBits", 34925: "LZMA", 50000: "zstd"}
KNOWN_COMPRESSIONS = frozenset((*LOSSLESS, 2, 3, 4, 6, 7))  # and fax and JPEG: Pillow's
_UNKNOWN = {
    34676: "SGI LogLuv", 34677: "SGI LogLuv", 34712: "JPEG 2000", 34887: "LERC", 34892: "lossy JPEG", 34933: "PNG",
    34934: "JPEG XR", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL",
}  # fmt: skip
COLOURS = {0: 1, 1: 1, 2: 3, 5: 4, 8: 3, 9: 3}  # photometric -> samples that are colours
LAB = (8, 9)  # photometric: CIE L*a*b* with signed a and b, and as ICC profiles store it
PHOTOMETRIC = {
    0: "white is zero", 1: "black is zero", 2: "RGB", 3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "Lab",
    9: "Lab", 10: "Lab", 32803: "a sensor's mosaic", 32844: "LogL", 32845: "LogLuv", 34892: "linear raw",
}  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """What the tags say of the first picture."""

    tags: dict[int, Any]
    order: str  # of bytes, "<" or ">"
    width: int
    height: int
    bits: tuple[int, ...]
    format: int  # 1 unsigned, 2 signed, 3 floating point
    photometric: int
    compression: int
    samples: int
    is_planar: bool

    @property
    def extras(self) -> tuple[int, ...]:
        """Of each sample beyond the colours: 1 associated alpha, 2 alpha, 0 unknown."""
        count = self.samples - COLOURS.get(self.photometric, self.samples)
        given = self.tags.get(EXTRA) or ()
        return (*(given if isinstance(given, tuple) else (given,)), *(0 for _ in range(count)))[: max(count, 0)]

    @property
    def alpha(self) -> int | None:
        """Which of the extras is alpha."""
        return next((place for place, kind in enumerate(self.extras) if kind in (1, 2)), None)

    @property
    def is_odd(self) -> bool:
        """Whether Pillow does not read it right, and this reader does."""
        is_plain = set(self.bits) <= {1, 2, 4, 8} and self.format in (1, 4) and len(self.extras) < 2
        # Of 8 bits Pillow lacks alpha of CMYK, of WhiteIsZero and, associated, of grey; and Lab of ICC
        is_plain = is_plain and self.photometric != 9 and not (self.extras and self.photometric in (0, 5, 8))
        is_plain = is_plain and not (self.photometric == 1 and self.extras == (1,))
        lacks = self.lacking() > 0 or self.has_wrong_rows  # which Pillow leaves black in silence
        return self.is_readable and (lacks or not (is_plain and (not self.is_planar or self.bits[0] < 8)))

    @property
    def is_readable(self) -> bool:
        sizes = {1: range(1, 65), 2: (8, 16, 32, 64), 3: (16, 32, 64)}.get(self.format, ())
        sizes = (8, 16) if self.photometric in LAB and sizes else sizes
        has_all = self.samples >= COLOURS.get(self.photometric, 99)
        return self.compression in LOSSLESS and has_all and len(set(self.bits)) == 1 and self.bits[0] in sizes

    @property
    def planes(self) -> int:
        return self.samples if self.is_planar else 1

    @property
    def box(self) -> tuple[int, int]:
        """Pixels of a tile or strip, across and down."""
        if TILES in self.tags:
            return max(1, int(self.tags[TILE_WIDTH])), max(1, int(self.tags[TILE_LENGTH]))
        return self.width, self.height if self.has_wrong_rows else self._rows

    @property
    def _rows(self) -> int:
        return min(max(1, int(self.tags.get(ROWS) or self.height)), self.height)

    @property
    def has_wrong_rows(self) -> bool:
        """Whether one strip holds more rows, namely all, than it is said to (as libtiff takes it)."""
        if TILES in self.tags or self.compression != 1 or self.is_planar or self._rows == self.height:
            return False
        sizes = numbers_of(self.tags.get(STRIP_BYTES) or 0)
        return len(sizes) == 1 and sizes[0] >= self.height * -(-self.width * self.samples * self.bits[0] // 8)

    @property
    def grid(self) -> tuple[int, int]:
        """How many tiles or strips stand side by side, and how many below each other."""
        across, down = self.box
        return -(-self.width // across), -(-self.height // down)

    def lacking(self, size: int | None = None) -> float:
        """Which share of the tiles or strips is not there; size: that of the file, to count those that it cuts."""
        places, sizes = (numbers_of(self.tags.get(tag) or 0) for tag in self.places)
        expected = max(1, self.planes * self.grid[0] * self.grid[1])
        there = min(len(places), expected) / expected
        if size is None or len(sizes) != len(places) or not sum(sizes):
            return 1 - there
        cut = sum(min(length, max(0, start + length - size)) for start, length in zip(places, sizes, strict=True))
        return 1 - there * (1 - cut / sum(sizes))

    @property
    def places(self) -> tuple[int, int]:
        """The tags with where strips or tiles stand, and with their sizes."""
        return (TILES, TILE_BYTES) if TILES in self.tags else (STRIPS, STRIP_BYTES)

    def __str__(self) -> str:
        number = {1: "", 2: "signed ", 3: "floating point "}.get(self.format, "unknown ")
        bits = "/".join(map(str, dict.fromkeys(self.bits)))
        packed = (LOSSLESS | _UNKNOWN).get(self.compression, f"number {self.compression}")
        colour = PHOTOMETRIC.get(self.photometric, f"number {self.photometric}")
        bands = "one band" if self.samples == 1 else f"{self.samples} bands"
        return f"{bands} of {bits} bits {number}(colours: {colour}, compression: {packed})"


def header(file: IO[bytes]) -> bytes:
    """Up to where the directory stands."""
    head = file.read(8)
    if head[:4] not in MAGIC:
        raise SyntaxError("no TIFF")
    return head + file.read(8) if b"+" in head[2:4] else head


def directory(file: IO[bytes]) -> TiffImagePlugin.ImageFileDirectory_v2:
    """Of the first picture. Raises SyntaxError for what is no TIFF."""
    head = header(file)
    # Pillow looks for a BigTIFF's version in the byte where little-endian has it
    known = b"II+\0" + head[4:] if head.startswith(b"MM\0+") else head
    ifd = TiffImagePlugin.ImageFileDirectory_v2(known, prefix=head[:2])
    file.seek(ifd.next)
    ifd.load(file)
    return ifd


def layout(ifd: TiffImagePlugin.ImageFileDirectory_v2, order: str) -> Layout:
    try:
        tags = {tag: ifd[tag] for tag in set(ifd) if tag in _KNOWN}
        samples = int(tags.get(SAMPLES, 1))
        bits = numbers_of(tags.get(BITS, 1))
        bits = bits if len(bits) >= samples else bits[:1] * samples
        formats = set(numbers_of(tags.get(SAMPLE_FORMAT, 1)))
        if min(int(tags[WIDTH]), int(tags[LENGTH]), samples, *bits) < 1:
            raise ValueError("no pixels")
        return Layout(
            tags, order, int(tags[WIDTH]), int(tags[LENGTH]), bits, formats.pop() if len(formats) == 1 else 0,
            int(tags.get(PHOTOMETRIC_TAG, 1)), int(tags.get(COMPRESSION, 1)), samples, tags.get(PLANAR) == 2,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise SyntaxError("a TIFF without its tags") from error


def numbers_of(value: Any) -> tuple[int, ...]:
    return tuple(map(int, value)) if isinstance(value, tuple) else (int(value),)
