"""Files that are damaged where no pixel is: what is missing of them, and the same files as decoders take them.

A JPEG without its end, a PNG with a wrong checksum in a chunk that holds no pixels or without its last chunk, a GIF
without its last bytes. What lacks pixels is refused with how much it lacks.
"""

from __future__ import annotations

import io
import random
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from devise.photos import cut
from devise.photos.cut import IncompleteError, refuse
from devise.photos.png import SIGNATURE

_END = b"\xff\xd9"
_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")  # within a scan: neither a stuffed byte nor a restart
_SOS, _EOI, _PROGRESSIVE = 0xDA, 0xD9, 0xC2
_FRAMES = frozenset((0xC0, 0xC1, 0xC2))
_SHOWN = frozenset((b"tRNS", b"eXIf", b"iCCP"))  # chunks without pixels that decide how those look
MIN_ZEROS = 64  # bytes at an end that no encoder writes
NOISE = 1 << 16  # bytes: enough to fill some rows


def mended(data: bytes, formats: Sequence[str] = ()) -> bytes | None:
    """The file as a decoder takes it; None if there is no remedy. formats: those that it may have, by Pillow's names.

    Raises IncompleteError.
    """
    if data.startswith(SIGNATURE):
        return _png(data)
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    return data + b"\0;" if data.startswith(b"GIF8") else cut.mended(data, formats)


def zeros_off(data: bytes) -> bytes:
    """A JPEG without the zeros that stand for what a copy or download never wrote: they decode, as grey."""
    is_filled = data.startswith(b"\xff\xd8") and data.endswith(bytes(MIN_ZEROS))
    return data.rstrip(b"\0") if is_filled else data


def _png(data: bytes) -> bytes | None:
    """Without the chunks that nobody sees and whose checksums are wrong; with an end."""
    kept, has_end = [SIGNATURE], False
    for kind, chunk in _chunks(data):
        checksum = zlib.crc32(chunk[4:-4]).to_bytes(4)
        # Of pixels zlib tells whether they are right; sizes and palettes may well be
        is_shown = kind[:1].isupper() or kind in _SHOWN
        if checksum == chunk[-4:] or (is_shown and (kind != b"iCCP" or _is_profile(chunk[8:-4]))):
            kept.append(chunk[:-4] + checksum)
        has_end = has_end or kind == b"IEND"
    if not has_end:
        if pixels := _filled(data):
            kept = [chunk for chunk in kept if chunk[4:8] != b"IDAT"] + [_chunk(b"IDAT", pixels)]
        kept.append(_chunk(b"IEND", b""))
    made = b"".join(kept)
    return made if made != data else None


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def _is_profile(data: bytes) -> bool:
    try:
        return data.partition(b"\0")[2][:1] == b"\0" and bool(
            zlib.decompressobj().decompress(data.partition(b"\0")[2][1:], 4)
        )
    except zlib.error:
        return False


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and bytes of each chunk, with its length and its checksum, that is there as a whole."""
    place = len(SIGNATURE)
    while place + 12 <= len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4])
        if end > len(data):
            return
        yield data[place + 4 : place + 8], data[place:end]
        place = end


def _filled(data: bytes) -> bytes | None:
    """The pixels of a PNG that is cut, packed anew with as many zeros as there are too few; None: interlaced.

    Raises IncompleteError with the share of its rows that are missing.
    """
    width, height, depth, colour, _, _, is_interlaced = (
        *(int.from_bytes(data[place : place + 4]) for place in (16, 20)),
        *data[24:29],
    )
    bands = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 1)
    expected = height * (1 + -(-width * bands * depth // 8))
    place, unpacker, found = len(SIGNATURE), zlib.decompressobj(), list[bytes]()
    try:
        while place + 8 <= len(data):
            size = int.from_bytes(data[place : place + 4])
            if data[place + 4 : place + 8] == b"IDAT":
                found.append(unpacker.decompress(data[place + 8 : place + 8 + size]))
            place += 12 + size
    except zlib.error:
        pass
    if is_interlaced:
        return None
    rows = b"".join(found)
    refuse(1 - len(rows) / max(expected, 1))
    return zlib.compress(rows + bytes(max(0, expected - len(rows))), 1)


def _jpeg(data: bytes) -> bytes | None:
    """With an end, if nothing or next to nothing is missing before it."""
    data = data.rstrip(b"\xff")
    frame, scans = _scans(data)
    if not scans:
        return None
    first, second = _preview(data + _END), _preview(data + _noise() + _END)
    differs = (first != second).any(axis=2)
    if not _covers(frame, scans[:-1] if differs.any() else scans):
        if len(scans) > 1 or frame.kind == _PROGRESSIVE:
            raise IncompleteError("its finer passes are missing")
        refuse(_share_after(differs, frame.rows))
    return data + _END


def _share_after(differs: NDArray[np.bool_], rows: int) -> float:
    """What is missing of a sequential picture of one scan, which is there up to where noise behind it changes it.

    rows: of blocks that are coded together, from left to right.
    """
    height, width = map(int, differs.shape)
    top = int(np.flatnonzero(differs.any(axis=1))[0]) // rows * rows
    left = int(np.flatnonzero(differs[top : top + rows].any(axis=0))[0])
    missing = (width - left) * min(rows, height - top) + width * max(0, height - top - rows)
    return float(missing / (width * height))


def _noise() -> bytes:
    """What no encoder writes, and without markers."""
    return random.Random(0).randbytes(NOISE).replace(b"\xff", b"\x55")


def _preview(data: bytes) -> NDArray[np.uint8]:
    """An eighth of the size: a pixel for each block."""
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        image.draft(None, (1, 1))
        return np.array(image.convert("RGB"))


Scan = tuple[frozenset[int], int, int, int]  # components, first and last coefficient, whether it only refines


@dataclass(frozen=True)
class Frame:
    """kind: of compression; rows: of blocks that are coded together."""

    kind: int = 0
    components: frozenset[int] = frozenset()
    rows: int = 1


def _scans(data: bytes) -> tuple[Frame, list[Scan]]:
    """The frame, and its scans, the last of which may be cut off."""
    frame = Frame()
    scans: list[Scan] = []
    place = 2
    while found := _MARKER.search(data, place):
        kind, start = found[1][0], found.end()
        size = int.from_bytes(data[start : start + 2])
        body, place = data[start + 2 : start + size], start + size
        if kind == _EOI:
            break
        if kind in _FRAMES and len(body) > 5:
            parts = [body[place : place + 3] for place in range(6, 6 + 3 * body[5], 3)]
            rows = max((part[1] & 15 for part in parts if len(part) == 3), default=1) if len(parts) > 1 else 1
            frame = Frame(kind, frozenset(part[0] for part in parts if part), max(rows, 1))
        elif kind == _SOS and len(body) >= 4 + 2 * body[0]:
            count = body[0]
            first, last, precision = body[1 + 2 * count : 4 + 2 * count]
            scans.append((frozenset(body[1 : 1 + 2 * count : 2]), first, last, precision >> 4))
    return frame, scans


def _covers(frame: Frame, scans: list[Scan]) -> bool:
    """Whether these scans hold all coefficients of all components, be they coarse."""
    if frame.kind != _PROGRESSIVE:
        return frame.components <= frozenset(component for scan in scans for component in scan[0])
    for component in frame.components:
        mine = [range(first, last + 1) for which, first, last, refines in scans if component in which and not refines]
        if len(frozenset(number for part in mine for number in part)) < 64:
            return False
    return bool(frame.components)
