"""Small pictures that are odd: every mode and format, bombs, animations, broken metadata, turned; strange names."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

NAMES = (
    b"new\nline.png",
    b"return\rtab\t.png",
    b"'single' \"double\".png",
    b"semi;colon`$(touch x)`.png",
    b"per%cent%s.png",
    b"\xff\xfe no utf-8.png",
    b"lone \xed\xa0\x80 surrogate.png",
    "\U0001f431 cat \u2764\ufe0f.png".encode(),
    "e\u0301 and \u00e9.png".encode(),
    "\u202eright to left.png".encode(),
    b"-rf.png",
    b"--help.png",
    b" .png",
    b"*?[a].png",
    b"\\back\\slash.png",
    b"a" * 251 + b".png",
    b"\x01\x02\x7f.png",
    b"%00.png",
    b"NUL.png",
    b"x.PNG",
    "\u0130\u0131\u00df.png".encode(),
    b"~.png",
    b"#x.png",
    b"!x.png",
)
UPRIGHT = (".jpg", ".png", ".webp", ".tif", ".avif")
_ORIENTATION = 0x0112
# What has to be done to an upright picture so that EXIF's orientation turns it back
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def scene(width: int = 480, height: int = 320) -> Image.Image:
    """Something that looks different from each side."""
    y, x = np.mgrid[:height, :width] / max(width, height)
    pixels = np.stack([x, y, (x - 0.3) ** 2 + (y - 0.2) ** 2], 2) / [1.0, 0.7, 0.8]
    pixels[height // 8 : height // 3, width // 8 : width // 3] = (0.9, 0.1, 0.2)
    pixels[height // 2 :, : width // 6] *= 0.3
    return Image.fromarray((255 * np.clip(pixels, 0, 1)).astype(np.uint8))


def oriented(path: Path, orientation: int) -> None:
    """The scene, stored turned, with the tag that says how."""
    image = scene()
    if orientation in _TURNS:
        image = image.transpose(_TURNS[orientation])
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    more = {
        ".jpg": {"quality": 100, "subsampling": 0},
        ".webp": {"lossless": True},
        ".avif": {"quality": 100, "subsampling": "4:4:4"},
    }
    image.save(path, exif=exif, **more.get(path.suffix, {}))


def _saved(image: Image.Image, kind: str, **more: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **more)
    return buffer.getvalue()


def _small(mode: str) -> Image.Image:
    return scene(40, 30).convert(mode)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(width: int, height: int, *chunks: bytes, bits: int = 8, colour: int = 2, pixels: bytes = b"") -> bytes:
    """A PNG that says what it likes of itself."""
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = [
        _chunk(b"IHDR", head),
        *chunks,
        _chunk(b"IDAT", pixels or zlib.compress(bytes(1_000))),
        _chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def _bomb(size: int) -> bytes:
    """So many zeros, in a thousandth of the room."""
    packer, pieces = zlib.compressobj(9), []
    for _ in range(size >> 20):
        pieces.append(packer.compress(bytes(1 << 20)))
    return b"".join([*pieces, packer.flush()])


def _text(name: bytes, packed: bytes) -> bytes:
    kinds = {b"zTXt": b"a\0\0", b"iTXt": b"a\0\1\0\0\0", b"iCCP": b"a\0\0"}
    return _png(8, 8, _chunk(name, kinds[name] + packed), pixels=zlib.compress(bytes(8 * 25)))


def _tiff(width: int, height: int, loop: bool = False) -> bytes:
    """Little-endian, one strip; loop: the next directory is the first one."""
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8),
            (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, 64)]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 8 if loop else 0) + bytes(100)


def _frames(kind: str, count: int, **more: object) -> bytes:
    frames = [Image.new("RGB", (24, 16), (i * 7 % 256, i * 3 % 256, 90)) for i in range(count)]
    return _saved(frames[0], kind, save_all=True, append_images=frames[1:], **more)


def _info(**texts: str) -> PngImagePlugin.PngInfo:
    made = PngImagePlugin.PngInfo()
    for key, value in texts.items():
        made.add_text(key, value)
    return made


def _exif(data: bytes) -> bytes:
    return _saved(_small("RGB"), "JPEG", exif=b"Exif\0\0" + data)


def _deep(mode: str, kind: str) -> bytes:
    values = np.arange(40 * 30).reshape(30, 40)
    array = (
        values.astype(np.float32) / 1200 if mode == "F" else (values * 50).astype(np.int32 if mode == "I" else "<u2")
    )
    return _saved(Image.fromarray(array), kind)


def _headed(kind: str, width: int, height: int) -> bytes:
    """A small file whose header claims another size."""
    data = bytearray(_saved(_small("RGB"), kind))
    if kind == "JPEG":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", min(height, 65_500), min(width, 65_500))
    elif kind == "GIF":
        data[6:10] = struct.pack("<HH", min(width, 65_535), min(height, 65_535))
    elif kind == "BMP":
        data[18:26] = struct.pack("<ii", width, height)
    return bytes(data)


_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
_MODES = {
    "rgb.png": ("RGB", "PNG"),
    "rgba.png": ("RGBA", "PNG"),
    "grey.png": ("L", "PNG"),
    "bits.png": ("1", "PNG"),
    "grey-alpha.png": ("LA", "PNG"),
    "palette.png": ("P", "PNG"),
    "cmyk.jpg": ("CMYK", "JPEG"),
    "l.jpg": ("L", "JPEG"),
    "cmyk.tif": ("CMYK", "TIFF"),
    "lab.tif": ("LAB", "TIFF"),
    "ycc.tif": ("YCbCr", "TIFF"),
    "bits.tif": ("1", "TIFF"),
    "p.gif": ("P", "GIF"),
    "rgba.webp": ("RGBA", "WEBP"),
    "rgb.avif": ("RGB", "AVIF"),
    "rgba.avif": ("RGBA", "AVIF"),
    "rgb.bmp": ("RGB", "BMP"),
    "rgb.jp2": ("RGB", "JPEG2000"),
    "la.jp2": ("LA", "JPEG2000"),
    "rgb.ppm": ("RGB", "PPM"),
    "rgb.sgi": ("RGB", "SGI"),
    "rgb.pcx": ("RGB", "PCX"),
    "rgba.qoi": ("RGBA", "QOI"),
    "bits.ppm": ("1", "PPM"),
}
ODD: dict[str, Callable[[], bytes]] = {
    **{name: (lambda mode=mode, kind=kind: _saved(_small(mode), kind)) for name, (mode, kind) in _MODES.items()},
    "deep.png": lambda: _deep("I;16", "PNG"),
    "deep.tif": lambda: _deep("I;16", "TIFF"),
    "int.tif": lambda: _deep("I", "TIFF"),
    "float.tif": lambda: _deep("F", "TIFF"),
    "palette-transparent.png": lambda: _saved(_small("P"), "PNG", transparency=3),
    "palette-bytes.png": lambda: _saved(_small("P"), "PNG", transparency=bytes(range(200))),
    "animated.gif": lambda: _frames("GIF", 40),
    "animated.webp": lambda: _frames("WEBP", 40),
    "animated.png": lambda: _frames("PNG", 40),
    "animated.avif": lambda: _frames("AVIF", 5),
    "long.gif": lambda: _frames("GIF", 3_000),
    "pages.tif": lambda: _frames("TIFF", 300),
    "several.mpo": lambda: _frames("MPO", 4),
    "profile.jpg": lambda: _saved(_small("RGB"), "JPEG", icc_profile=_PROFILE),
    "profile-broken.jpg": lambda: _saved(_small("RGB"), "JPEG", icc_profile=_PROFILE[:90] + b"\xff" * 300),
    "profile-of-grey.png": lambda: _saved(_small("L"), "PNG", icc_profile=_PROFILE),
    "profile-large.jpg": lambda: _saved(_small("RGB"), "JPEG", icc_profile=bytes(4_000_000)),
    "bomb.png": lambda: _png(60_000, 60_000),
    "bomb-wide.png": lambda: _png((1 << 31) - 1, 1),
    "bomb-filled.png": lambda: _png(12_000, 12_000, pixels=_bomb(430 << 20)),
    "bomb-bits.png": lambda: _png(100_000, 100_000, bits=1, colour=0, pixels=_bomb(64 << 20)),
    "bomb-ztxt.png": lambda: _text(b"zTXt", _bomb(400 << 20)),
    "bomb-itxt.png": lambda: _text(b"iTXt", _bomb(400 << 20)),
    "bomb-iccp.png": lambda: _text(b"iCCP", _bomb(400 << 20)),
    "bomb.jpg": lambda: _headed("JPEG", 65_500, 65_500),
    "bomb.gif": lambda: _headed("GIF", 65_535, 65_535),
    "bomb.bmp": lambda: _headed("BMP", 1 << 30, 1 << 30),
    "upside-down.bmp": lambda: _headed("BMP", 40, -30),
    "bomb.tif": lambda: _tiff(1 << 30, 1 << 30),
    "loop.tif": lambda: _tiff(8, 8, loop=True),
    "bomb.ppm": lambda: b"P6 999999999 999999999 255\n" + bytes(100),
    "bomb-text.ppm": lambda: b"P3 9000 9000 255\n" + b"1 " * 50,
    "bomb.pgm": lambda: b"P5 " + b"9" * 9_000 + b" 1 255\n",
    "bomb.qoi": lambda: b"qoif" + struct.pack(">IIBB", 1 << 30, 1 << 30, 4, 0),
    "bomb.psd": lambda: b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 30_000, 30_000, 8, 3) + bytes(60),
    "bomb.sgi": lambda: b"\x01\xda\x01\x01\0\3" + struct.pack(">HHH", 65_535, 65_535, 3) + bytes(600),
    "bomb.webp": lambda: b"RIFF\x1e\0\0\0WEBPVP8L\x11\0\0\0\x2f\xff\xff\xff\xff" + bytes(20),
    "exif-loop.jpg": lambda: _exif(b"II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0"),
    "exif-huge.jpg": lambda: _exif(b"II*\0\x08\0\0\0\x01\0\x0e\x01\x02\0\xff\xff\xff\x7f\x08\0\0\0" + bytes(20)),
    "exif-short.jpg": lambda: _exif(b"MM\0*"),
    "orientation-99.jpg": lambda: _exif(b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\1\0\0\0\x63\0\0\0"),
    "orientation-text.jpg": lambda: _exif(b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\4\0\0\0six\0"),
    "xmp-laughs.png": lambda: _saved(_small("RGB"), "PNG", pnginfo=_info(**{"XML:com.adobe.xmp": LAUGHS})),
    "texts.png": lambda: _saved(_small("RGB"), "PNG", pnginfo=_info(Title="a\0b\x1b[31m\n\r", Comment="x" * 90_000)),
    "empty.jpg": lambda: b"",
    "text.jpg": lambda: b"hello\n" * 50,
    "zeros.png": lambda: bytes(5_000),
    "wrong-name.gif": lambda: _saved(_small("RGB"), "JPEG"),
    "cut.jpg": lambda: _saved(scene(), "JPEG")[:900],
    "cut.png": lambda: _saved(scene(), "PNG")[:900],
    "cut.webp": lambda: _saved(scene(), "WEBP")[:200],
    "cut.avif": lambda: _saved(scene(), "AVIF")[:600],
    "one.png": lambda: _saved(Image.new("RGB", (1, 1)), "PNG"),
    "line.png": lambda: _saved(Image.new("RGB", (30_000, 1), "red"), "PNG"),
    "column.jpg": lambda: _saved(Image.new("RGB", (1, 30_000), "red"), "JPEG"),
    "none.png": lambda: _png(0, 0),
    "script.jpg": lambda: b"%!PS\n(x) show\n" * 40,
    "page.png": lambda: b"<html>" * 90,
    "svg.png": lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "large.jpg": lambda: _saved(Image.new("RGB", (12_000, 9_000), "teal"), "JPEG"),
}
LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY a{i} "&a{i - 1 or ""};&a{i - 1 or ""};">' for i in range(1, 40))
    + ']><x:xmpmeta xmlns:x="adobe:ns:meta/">&a39;</x:xmpmeta>'
)


def write_odd(path: Path, name: str) -> None:
    path.write_bytes(ODD[name]())
