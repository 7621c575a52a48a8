"""TIFFs that Pillow refuses or reads wrongly: more than 8 bits, floating point, planes, many bands, WhiteIsZero.

libtiff unpacks, numpy understands: the strips or tiles are given to Pillow as those of a grey picture of 8 bits whose
rows are the bytes of ours, so that every lossless compression is read, and the bytes are then taken for what the tags
say (TIFF 6.0; Adobe's TIFF technical note 3 for floating point).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, TiffImagePlugin

FORMAT = "ODDTIFF"  # as Pillow is to call it
_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIPS, _SAMPLES, _ROWS, _STRIP_BYTES, _MAX_VALUE, _PLANAR = 273, 277, 278, 279, 281, 284
_ICC, _XMP = 34675, 700
_PREDICTOR, _TILE_WIDTH, _TILE_LENGTH, _TILES, _TILE_BYTES, _EXTRA, _FORMAT = 317, 322, 323, 324, 325, 338, 339
_KNOWN = frozenset((
    _WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _STRIPS, _SAMPLES, _ROWS, _STRIP_BYTES, _MAX_VALUE,
    _PLANAR, _PREDICTOR, _TILE_WIDTH, _TILE_LENGTH, _TILES, _TILE_BYTES, _EXTRA, _FORMAT,
))  # fmt: skip
LOSSLESS = {1: "none", 5: "LZW", 8: "deflate", 32946: "deflate", 32773: "PackBits", 34925: "LZMA", 50000: "zstd"}
KNOWN_COMPRESSIONS = frozenset((*LOSSLESS, 2, 3, 4, 6, 7, 50001))  # and fax, JPEG, WebP: Pillow's
_COLOURS = {0: 1, 1: 1, 2: 3, 5: 4}  # photometric -> samples that are colours
PHOTOMETRIC = {
    0: "white is zero", 1: "black is zero", 2: "RGB", 3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "Lab",
    9: "Lab", 10: "Lab", 32803: "a sensor's mosaic", 32844: "LogL", 32845: "LogLuv", 34892: "linear raw",
}  # fmt: skip
MAX_BYTES = 2_000_000_000  # unpacked: 150 megapixels of three times 32 bits
STRIP = 2_000_000  # samples that are understood at a time
Rows = NDArray[np.float64]


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
        count = self.samples - _COLOURS.get(self.photometric, self.samples)
        given = self.tags.get(_EXTRA) or ()
        return (*(given if isinstance(given, tuple) else (given,)), *(0 for _ in range(count)))[: max(count, 0)]

    @property
    def alpha(self) -> int | None:
        """Which of the extras is alpha."""
        return next((place for place, kind in enumerate(self.extras) if kind in (1, 2)), None)

    @property
    def is_odd(self) -> bool:
        """Whether Pillow does not read it right, and this reader does."""
        is_plain = set(self.bits) <= {1, 2, 4, 8} and self.format in (1, 4) and len(self.extras) < 2
        return self.is_readable and not (is_plain and (not self.is_planar or self.bits[0] < 8))

    @property
    def is_readable(self) -> bool:
        sizes = {1: range(1, 65), 2: (8, 16, 32, 64), 3: (16, 32, 64)}.get(self.format, ())
        has_all = self.samples >= _COLOURS.get(self.photometric, 99)
        return self.compression in LOSSLESS and has_all and len(set(self.bits)) == 1 and self.bits[0] in sizes

    @property
    def places(self) -> tuple[int, int]:
        """The tags with where strips or tiles stand, and with their sizes."""
        return (_TILES, _TILE_BYTES) if _TILES in self.tags else (_STRIPS, _STRIP_BYTES)

    def __str__(self) -> str:
        number = {1: "", 2: "signed ", 3: "floating point "}.get(self.format, "unknown ")
        bits = "/".join(map(str, dict.fromkeys(self.bits)))
        packed = LOSSLESS.get(self.compression, f"number {self.compression}")
        colour = PHOTOMETRIC.get(self.photometric, f"number {self.photometric}")
        bands = "one band" if self.samples == 1 else f"{self.samples} bands"
        return f"{bands} of {bits} bits {number}(colours: {colour}, compression: {packed})"


class OddTiff(ImageFile.ImageFile):
    """A format of Pillow, asked before its own TIFF."""

    format = FORMAT
    format_description = "TIFF that Pillow does not read"
    _is_read = False

    def _open(self) -> None:
        assert self.fp is not None
        self.tag_v2 = _directory(self.fp)
        about = _layout(self.tag_v2, self.tag_v2._endian)
        if not about.is_odd:
            raise SyntaxError("Pillow reads it")
        self._about = about
        self._size, self._mode, self.tile = (about.width, about.height), "RGB", []
        for tag, name in ((_ICC, "icc_profile"), (_XMP, "xmp")):
            if isinstance(self.tag_v2.get(tag), bytes):
                self.info[name] = self.tag_v2[tag]

    def load(self) -> Any:
        if not self._is_read:
            assert self.fp is not None
            self.fp.seek(0)
            self.im, self._is_read = picture(self.fp.read(), self._about).im, True
        return super().load()

    def getexif(self) -> Image.Exif:
        assert self.fp is not None
        exif = Image.Exif()
        self.fp.seek(0)
        exif.load_from_fp(self.fp)
        return exif


Image.register_open(FORMAT, OddTiff, lambda prefix: prefix[:4] in _MAGIC)


def described(data: bytes, packed_by: Container[int] | None = None) -> str | None:
    """What kind of TIFF it is; None: it is none, too damaged to tell, or its compression is one of those given."""
    try:
        ifd = _directory(io.BytesIO(data))
        about = _layout(ifd, ifd._endian)
        ends = map(sum, zip(*(_tuple(about.tags[tag]) for tag in about.places), strict=True))
        is_whole = about.tags.get(_PHOTOMETRIC) is not None and max(ends) <= len(data)
        return str(about) if is_whole and about.compression not in (packed_by or ()) else None
    except Exception:  # Pillow's readers raise all kinds on damaged files
        return None


def _directory(file: IO[bytes]) -> TiffImagePlugin.ImageFileDirectory_v2:
    """Of the first picture. Raises SyntaxError for what is no TIFF."""
    head = file.read(8)
    if head[:4] not in _MAGIC:
        raise SyntaxError("no TIFF")
    is_big = b"+" in head[2:4]
    ifd = TiffImagePlugin.ImageFileDirectory_v2(head + file.read(8) if is_big else head)
    file.seek(ifd.next)
    ifd.load(file)
    return ifd


def _layout(ifd: TiffImagePlugin.ImageFileDirectory_v2, order: str) -> Layout:
    try:
        tags = {tag: ifd[tag] for tag in set(ifd) if tag in _KNOWN}
        samples = int(tags.get(_SAMPLES, 1))
        bits = _tuple(tags.get(_BITS, 1))
        bits = bits if len(bits) >= samples else bits[:1] * samples
        formats = set(_tuple(tags.get(_FORMAT, 1)))
        return Layout(
            tags, order, int(tags[_WIDTH]), int(tags[_LENGTH]), bits, formats.pop() if len(formats) == 1 else 0,
            int(tags.get(_PHOTOMETRIC, 1)), int(tags.get(_COMPRESSION, 1)), samples, tags.get(_PLANAR) == 2,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise SyntaxError("a TIFF without its tags") from error


def picture(data: bytes, about: Layout) -> Image.Image:
    """In RGB, not turned. Raises OSError or ValueError for what is damaged."""
    planes = about.samples if about.is_planar else 1
    if about.width * about.height * about.samples * max(about.bits) // 8 > MAX_BYTES:
        raise MemoryError("it unpacks to more than two gigabytes")
    shown = _COLOURS[about.photometric] + (0 if about.alpha is None else about.alpha + 1)  # bands behind may be empty
    packed = [_Plane(data, about, number, planes) for number in range(min(planes, shown))]
    unpacked = [plane.unpacked() for plane in packed]
    rows = max(1, STRIP // (about.width * about.samples))
    tops = range(0, about.height, rows)

    def strips() -> Iterator[tuple[int, Rows]]:
        for top in tops:
            with np.errstate(invalid="ignore", over="ignore"):  # holes and infinities of floating point
                parts = [plane.numbers(raw[top : top + rows]) for plane, raw in zip(packed, unpacked, strict=True)]
            yield top, np.nan_to_num(np.concatenate(parts, axis=2), posinf=0.0, neginf=0.0)

    colours = _COLOURS[about.photometric]
    white = _white(about, max(float(part[..., :colours].max(initial=0.0)) for _, part in strips()))
    made = Image.new("RGB", (about.width, about.height))
    for top, part in strips():
        made.paste(Image.fromarray(_rgb(part, about, white)), (0, top))
    return made


def _tuple(value: Any) -> tuple[int, ...]:
    return tuple(map(int, value)) if isinstance(value, tuple) else (int(value),)


class _Plane:
    """One of the planes, or all samples together where they are not apart."""

    def __init__(self, data: bytes, about: Layout, number: int, planes: int) -> None:
        tags, is_tiled = about.tags, _TILES in about.tags
        self.about, self.samples = about, about.samples // planes
        self.box = tags[_TILE_WIDTH] if is_tiled else about.width  # pixels of a row of a tile
        self.across = -(-about.width // self.box)
        self.rows = tags[_TILE_LENGTH] if is_tiled else min(tags.get(_ROWS, about.height), about.height)
        self.down = -(-about.height // self.rows)
        count = self.across * self.down
        part = slice(number * count, (number + 1) * count)
        places, sizes = about.places
        self.offsets = _tuple(tags[places])[part]
        self.sizes = _tuple(tags.get(sizes) or len(data))[part]
        if len(self.offsets) != count or len(self.sizes) != count:
            raise ValueError("strips are missing")
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
            _WIDTH: [self.row_bytes * self.across], _LENGTH: [height], _BITS: [8], _COMPRESSION: [about.compression],
            _PHOTOMETRIC: [1], _FILL_ORDER: [about.tags.get(_FILL_ORDER, 1)], _SAMPLES: [1],
            **({_TILE_WIDTH: [self.row_bytes], _TILE_LENGTH: [self.rows], _TILES: offsets, _TILE_BYTES: sizes}
               if self.is_tiled else {_STRIPS: offsets, _ROWS: [self.rows], _STRIP_BYTES: sizes}),
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
        predictor = about.tags.get(_PREDICTOR, 1)
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
    bits, said = about.bits[0], about.tags.get(_MAX_VALUE)
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
    if said is not None and 1 < max(_tuple(said)) >= brightest:
        return float(max(_tuple(said)))
    return next((white for white in usual if brightest <= white), brightest) or 1.0


def _rgb(part: Rows, about: Layout, white: float) -> NDArray[np.uint8]:
    """(rows, width, samples) -> (rows, width, 3)."""
    colours = _COLOURS[about.photometric]
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
