"""Which files are photos, which of them can be read, and what to do about those that cannot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from devise.photos import tiff
from devise.photos.plugins import heif, raw

# Pillow's names. EPS, PDF and WMF are left out: they start other programs or are no photos.
PILLOW_FORMATS = (
    *(
        "JPEG",
        "PNG",
        "GIF",
        "WEBP",
        "AVIF",
        "BMP",
        "DIB",
        "TIFF",
        "JPEG2000",
        "PPM",
        "PSD",
        "SGI",
        "PCX",
        "QOI",
    ),
)

# Raised when more photos are read: what older readers refused is then tried once more
DECODING = 3

# Formats without a signature, or so rare that only a file of that name is tried
_BY_NAME: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys((".tga", ".icb", ".vda", ".vst"), ("TGA",)),
    ".pcd": ("PCD",),
    **dict.fromkeys((".ras", ".sun"), ("SUN",)),
}
HEIF_SUFFIXES = (".heic", ".heif", ".hif")
RAW = "RAW"  # as Pillow calls what devise.photos.raw reads
RAW_SUFFIXES = (
    *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".k25", ".kdc"),
    *(".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf"),
    *(".srw", ".x3f"),
)
_OTHERS = ".jxl .jxr .hdp .wdp .xcf .psb .exr .hdr .bpg"

_EXPORT = "export it as JPEG"
_HEIC = f"HEIC pictures need pillow-heif; run: pip install pillow-heif, or {_EXPORT}"
_RAW = f"camera raw files need rawpy; run: pip install rawpy, or {_EXPORT}"
_UNUSUAL = f"this format cannot be read; {_EXPORT} or PNG"

# Photos that are reported with a remedy, for a photo that is skipped in silence is never looked for.
UNREADABLE: Mapping[str, str] = {
    **dict.fromkeys(HEIF_SUFFIXES, _HEIC),
    **dict.fromkeys(RAW_SUFFIXES, _RAW),
    **dict.fromkeys(_OTHERS.split(), _UNUSUAL),
}


def unreadable(path: str) -> str | None:
    """Why a file of that name cannot be read, and what to do; None if it may be a photo."""
    reason = UNREADABLE.get(suffix(path))
    return None if reason and has_reader(reason) else reason


def has_reader(reason: str) -> bool:
    """Whether a file that was refused for want of a reader, whatever devise said of that, could be read now."""
    lacks_heif, lacks_raw = (reason.startswith(said.split(";")[0]) for said in (_HEIC, _RAW))
    return (lacks_heif and heif()) or (lacks_raw and raw())


def readable(path: str) -> tuple[str, ...]:
    """Pillow's names of the formats that a file of that name can have here, likely ones first.

    Many raw files begin as TIFF does, so that only their names tell.
    """
    is_raw = suffix(path) in RAW_SUFFIXES and raw()
    named = _BY_NAME.get(suffix(path), ())
    return (*([RAW] if is_raw else []), *named, tiff.FORMAT, *PILLOW_FORMATS, *(["HEIF"] if heif() else []))


# What a file that Pillow does not know turns out to be: where its signature stands, the signature, what to say.
SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    *((4, b"ftyp" + brand, _HEIC) for brand in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc")),
    (4, b"ftypcrx", _RAW),
    *((4, b"ftyp" + brand, "it is cut short; copy it again from its source") for brand in (b"avif", b"avis")),
    (4, b"ftyp", "it is a film; rename it, or leave it out with a .deviseignore file"),
    (0, b"%PDF", "it is a PDF; export its pages as JPEG"),
    (0, b"%!PS", "it is PostScript; export it as JPEG"),
    (0, b"\xff\x0a", _UNUSUAL),  # JPEG XL
    (0, b"\0\0\0\x0cJXL ", _UNUSUAL),
    (0, b"PK\x03\x04", "it is a zip archive; unpack it"),
)


# What `--type` takes beside the kinds themselves
_ALSO = {"heic": "heif", "hif": "heif",
         "jpg": "jpeg", "jpe": "jpeg", "jfif": "jpeg", "mpo": "jpeg", "tif": "tiff", "jp2": "jpeg2000", "apng": "png",
         "j2k": "jpeg2000", "jpx": "jpeg2000", "dib": "bmp", "pgm": "ppm", "pbm": "ppm", "pnm": "ppm", "pfm": "ppm",
         "j2c": "jpeg2000", "jpc": "jpeg2000", "icb": "tga", "vda": "tga", "vst": "tga", "ras": "sun",
         "oddtiff": "tiff"}  # fmt: skip


def kind_of(name: str) -> str:
    """What a format or a suffix is called here.

    >>> kind_of("JPG"), kind_of(".tif"), kind_of("PNG")
    ('jpeg', 'tiff', 'png')
    """
    name = name.lower().lstrip(".")
    return RAW.lower() if f".{name}" in RAW_SUFFIXES else _ALSO.get(name, name)


def kinds() -> tuple[str, ...]:
    """All that a photo can be."""
    return tuple(
        dict.fromkeys(
            kind_of(name)
            for name in (*PILLOW_FORMATS, "HEIF", RAW, *(name for names in _BY_NAME.values() for name in names))
        )
    )


def suffix(path: str) -> str:
    return PurePath(path).suffix.lower()


def no_reader(kind: str) -> str:
    """What to say of a TIFF of that kind."""
    return f"it is a TIFF with {kind}, which cannot be read; {_EXPORT} or PNG"


def unknown(data: bytes) -> str:
    """Why a file that starts with `data` is no photo, and what to do."""
    for offset, signature, reason in SIGNATURES:
        if data[offset : offset + len(signature)] == signature and not has_reader(reason):
            return reason
    if kind := tiff.described(data):
        return no_reader(kind)
    if data[:512].isascii() and b"\0" not in data[:512]:
        return "it is text, not a picture; rename it, or get the picture again"
    return "it is damaged or no picture at all; copy it again from its source"
