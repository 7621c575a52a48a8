"""Camera raw files made from pixels: DNG 1.4, uncompressed, with or without a JPEG preview."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BYTE, TEXT, SHORT, LONG, RATIO, SIGNED_RATIO = 1, 2, 3, 4, 5, 10
_SIZES = {BYTE: "B", TEXT: "B", SHORT: "H", LONG: "I", RATIO: "I", SIGNED_RATIO: "i"}
Entry = tuple[int, int, Sequence[int]]


def dng(
    rgb: NDArray[np.uint8],
    *,
    preview: Image.Image | None = None,
    orientation: int = 1,
    date: str = "2024:05:06 07:08:09",
) -> bytes:
    """(height, width, 3), even sides, as a camera with an RGGB sensor would see it (linear light)."""
    height, width = rgb.shape[:2]
    light = ((rgb / 255.0) ** 2.2 * 65_535).astype("<u2")
    mosaic = light[:, :, 1].copy()
    mosaic[::2, ::2], mosaic[1::2, 1::2] = light[::2, ::2, 0], light[1::2, 1::2, 2]
    buffer = io.BytesIO()
    if preview is not None:
        preview.save(buffer, "JPEG", quality=90)
    sensor, picture = mosaic.tobytes(), buffer.getvalue()
    entries: list[Entry] = [
        (254, LONG, [0]), (256, LONG, [width]), (257, LONG, [height]), (258, SHORT, [16]), (259, SHORT, [1]),
        (262, SHORT, [32_803]), (271, TEXT, b"Nobody\0"), (272, TEXT, b"Camera\0"), (273, LONG, [8]),
        (274, SHORT, [orientation]), (277, SHORT, [1]), (278, LONG, [height]), (279, LONG, [len(sensor)]),
        (284, SHORT, [1]), (306, TEXT, date.encode() + b"\0"), (33_421, SHORT, [2, 2]), (33_422, BYTE, [0, 1, 1, 2]),
        (50_706, BYTE, [1, 4, 0, 0]), (50_708, TEXT, b"Nobody Camera\0"), (50_717, LONG, [65_535]),
        (50_721, SIGNED_RATIO, _matrix()), (50_728, RATIO, [1, 1] * 3), (50_778, SHORT, [21]),
    ]  # fmt: skip
    folders = [entries]
    if preview is not None:
        folders.append([
            (254, LONG, [1]), (256, LONG, [preview.width]), (257, LONG, [preview.height]), (258, SHORT, [8, 8, 8]),
            (259, SHORT, [6]), (262, SHORT, [6]), (277, SHORT, [3]),
            (513, LONG, [8 + len(sensor)]), (514, LONG, [len(picture)]),
        ])  # fmt: skip
    return _tiff(sensor + picture, folders)


def _matrix() -> list[int]:
    """From XYZ to linear sRGB, in ten thousandths."""
    numbers = (32_406, -15_372, -4_986, -9_689, 18_758, 415, 557, -2_040, 10_570)
    return [part for number in numbers for part in (number, 10_000)]


def _tiff(data: bytes, folders: list[list[Entry]]) -> bytes:
    data += b"\0" * (len(data) % 2)
    out = struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data
    for number, entries in enumerate(folders):
        start = len(out)
        behind, rows = start + 2 + 12 * len(entries) + 4, b""
        more = b""
        for tag, kind, values in entries:
            packed = struct.pack(f"<{len(values)}{_SIZES[kind]}", *values)
            count = len(values) // 2 if kind in (RATIO, SIGNED_RATIO) else len(values)
            if len(packed) > 4:
                place, packed = behind + len(more), packed + b"\0" * (len(packed) % 2)
                more += packed
                packed = struct.pack("<I", place)
            rows += struct.pack("<HHI", tag, kind, count) + packed.ljust(4, b"\0")
        is_last = number == len(folders) - 1
        out += struct.pack("<H", len(entries)) + rows + struct.pack("<I", 0 if is_last else behind + len(more)) + more
    return out
