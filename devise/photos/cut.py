"""Files that end too early, told by what they say of themselves: WebP, HEIC, AVIF, JPEG 2000, TIFF, unpacked pixels.

What lacks no pixel is made whole: metadata behind the picture that are cut, a missing byte of padding, a last row that
lacks some pixels.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image, UnidentifiedImageError

from devise.photos import tiff

TOLERABLE = 0.01  # share of a picture whose last pixels may be missing: nobody sees it, and no vector moves
_OF_WEBP = (b"VP8 ", b"VP8L", b"ALPH", b"ANMF", b"VP8X")  # chunks that a picture cannot do without
_OF_BOXES = (b"ftyp", b"meta", b"mdat", b"moov", b"jp2h", b"jp2c")  # the same of HEIC, AVIF and JPEG 2000
_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis")
_EOC = b"\xff\xd9"  # what the codestream of JPEG 2000 ends with
_JP2, _J2K = b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"
# Bits of a pixel in Pillow's raw modes
_BITS = {
    **dict.fromkeys(("1", "1;I", "1;R"), 1), **dict.fromkeys(("L", "P", "L;I", *"RGBA"), 8),
    **dict.fromkeys(("I;16", "I;16B", "I;16L", "LA", "BGR;15", "BGRA;15", "BGRA;15Z", "BGR;16"), 16),
    **dict.fromkeys(("RGB", "BGR", "LAB", "YCbCr"), 24),
    **dict.fromkeys(("RGBA", "BGRA", "RGBX", "BGRX", "CMYK", "RGBa", "CMYK;I", "XBGR", "F;32F", "F;32BF"), 32),
}  # fmt: skip


class IncompleteError(Exception):
    """Says how much of a picture is missing."""


def refuse(missing: float, what: str = "the lower {} % are missing") -> None:
    """Raises IncompleteError where so large a share is missing that it would be seen."""
    if missing > TOLERABLE:
        raise IncompleteError(what.format(max(1, min(99, round(100 * missing)))))


def share(data: bytes) -> float:
    """How much of a file is missing by what its head says: of bytes, from 0 (nothing, or nobody knows) to 1."""
    if _is_webp(data):
        expected = 8 + int.from_bytes(data[4:8], "little")
    elif (data[4:8] == b"ftyp" and data[8:12] in _BRANDS) or data.startswith(_JP2):
        expected = max((end for _, _, end in _boxes(data)), default=0)
    else:
        return tiff.lacking(data)
    return max(0.0, 1 - len(data) / expected) if expected else 0.0


def reason(data: bytes) -> str | None:
    """What to say of a file that cannot be read because it ends too early; None: it does not, or nobody knows."""
    missing = share(data)
    if missing:
        return f"the last {max(1, min(99, round(100 * missing)))} % of its bytes are missing"
    if data.startswith((_JP2, _J2K)) and b"\xff\xd9" not in data[-1024:]:
        return "its end is missing"
    return "its directory, which stands at its end, is missing" if tiff.lacks_directory(data) else None


def mended(data: bytes, formats: Sequence[str]) -> bytes | None:
    """The file as a decoder takes it; None if there is no remedy. Raises IncompleteError."""
    if _is_webp(data):
        return _webp(data) or _filled(data)
    if data[4:8] == b"ftyp" or data.startswith(_JP2):
        ends = [start for kind, start, end in _boxes(data) if end > len(data) and kind not in _OF_BOXES]
        return data[: ends[0]] if ends else _filled(data)
    return _padded(data, formats)


def _filled(data: bytes) -> bytes | None:
    """With zeros for the few bytes at its end that are missing; decoders then show all but the last pixels."""
    missing = share(data)
    if not 0 < missing <= TOLERABLE:
        return None
    count = round(len(data) / (1 - missing)) - len(data)
    return data + (bytes(count) + _EOC)[-count:] if data.startswith(_JP2) else data + bytes(count)


def _is_webp(data: bytes) -> bool:
    return data.startswith(b"RIFF") and data[8:12] == b"WEBP"


def _webp(data: bytes) -> bytes | None:
    """Without chunks behind the picture that are cut; with a missing byte of padding."""
    place, kept = 12, len(data)
    while place + 8 <= len(data):
        kind, end = data[place : place + 4], place + 8 + int.from_bytes(data[place + 4 : place + 8], "little")
        if end > len(data):
            if kind in _OF_WEBP:
                return None
            kept = place
            break
        place = end + end % 2
    else:
        kept = min(len(data), place)
    body = data[8:kept] + bytes(kept % 2)
    made = b"RIFF" + len(body).to_bytes(4, "little") + body
    return made if made != data else None


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of the outermost boxes of an ISO base media file (ISO 14496-12, 4.2)."""
    place = 0
    while place + 8 <= len(data):
        size, head = int.from_bytes(data[place : place + 4]), 8
        if size == 1:
            size, head = int.from_bytes(data[place + 8 : place + 16]), 16
        size = size or len(data) - place  # to the end of the file
        if size < head:
            return
        yield data[place + 4 : place + 8], place, place + size
        place += size


def _padded(data: bytes, formats: Sequence[str]) -> bytes | None:
    """With as many bytes as are missing, where pixels stand unpacked and next to none is missing."""
    try:
        with Image.open(io.BytesIO(data), formats=tuple(formats)) as image:
            parts = [_part(tile) for tile in getattr(image, "tile", ())]
    except UnidentifiedImageError:
        return None
    sizes = [part[1] for part in parts if part]
    if not sizes or len(sizes) < len(parts):
        return None
    ends = [start + size for start, size in (part for part in parts if part)]
    missing = sum(min(size, max(0, end - len(data))) for size, end in zip(sizes, ends, strict=True))
    refuse(missing / sum(sizes), "{} % of its pixels are missing")
    return data + bytes(missing) if missing else None


def _part(tile: Any) -> tuple[int, int] | None:
    """Where the pixels of one of Pillow's tiles start, and how many bytes they are; None: they are packed."""
    codec, (left, top, right, bottom), start, arguments = tile
    raw, stride = ((arguments, 0) if isinstance(arguments, str) else (*arguments, 0, 0)[:2]) if arguments else ("", 0)
    if codec != "raw" or not (stride or raw in _BITS):
        return None
    return start, (bottom - top) * (stride or -(-(right - left) * _BITS[raw] // 8))
