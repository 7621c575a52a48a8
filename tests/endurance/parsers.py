"""What is fuzzed beside whole photos: readers of what files say, of odd and damaged pictures, of word vectors.

Each takes the bytes of a file and may raise nothing but a DeviseError of one line; what it gives has to make sense.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import re
import struct
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_DATE = re.compile(r"(1[89]|20|21)\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d")


@dataclass(frozen=True)
class Target:
    """look: all that devise does with such bytes; corpus: files to begin with; watched: packages whose lines steer."""

    look: Callable[[bytes], str]
    corpus: Callable[[Path], int]
    watched: tuple[str, ...]
    largest: int


def say(data: bytes) -> str:
    """What stands in and beside photos: texts, dates, JSON, XMP, IPTC, EXIF, chunks of PNG, names of sidecars."""
    from PIL import Image

    from devise.photos import dates, exif, generators, iptc, png, xmp
    from devise.photos.decode import plain, wide
    from devise.photos.details import _clean
    from devise.photos.sidecars import READERS
    from devise.photos.statement import Statement

    text = plain(data)
    found = [said for reader in READERS.values() for said in reader(data)]
    found += [*xmp.statements(data), *iptc.statements(data), *png.statements(io.BytesIO(png.SIGNATURE + data))]
    tags = Image.Exif()
    try:
        tags.load(b"Exif\0\0" + data)
    except Exception:  # Pillow's; `details` leaves it out too
        tags = Image.Exif()
    found += [*exif.statements(tags), Statement("text", text=generators.prompt(text)), Statement("text", wide(data))]
    found += [Statement("EXIF CreateDate", date=text), Statement("name", date=dates.in_name(text) or "")]
    cleaned = [said for one in found if (said := _clean(one))]
    for said in cleaned:
        if said.date and not _DATE.fullmatch(said.date):
            raise ValueError(f"a date that is none: {said}")
        if said.text != " ".join(said.text.split()) or not said.text.isprintable():
            raise ValueError(f"a text that is none: {said}")
    dates.first(said for said in cleaned if said.field in dates.PRECEDENCE)
    return _named(text)


def _named(text: str) -> str:
    """Lines as names of the files of a folder."""
    from devise.photos.takeout import owners

    names = dict.fromkeys(line.strip().replace("/", "") for line in text.splitlines()[:40])
    photos = [name for name in names if name and not name.lower().endswith((".json", ".xmp", ".txt"))]
    sidecars = [name for name in names if name.lower().endswith((".json", ".xmp", ".txt"))]
    for photo, its in owners(photos, sidecars).items():
        if photo not in photos or not set(its) <= set(sidecars) or len(set(its)) < len(its):
            raise ValueError(f"{photo!r} is given {its!r}")
    return "read"


def say_corpus(folder: Path) -> int:
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        'xmlns:lr="http://ns.adobe.com/lightroom/1.0/" xmp:CreateDate="2009-01-02T03:04:05Z"><dc:subject><rdf:Bag>'
        "<rdf:li>dog</rdf:li></rdf:Bag></dc:subject><lr:hierarchicalSubject>a|b</lr:hierarchicalSubject>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    graph = {"3": {"class_type": "KSampler", "inputs": {"positive": ["6", 0]}},
             "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat"}}}  # fmt: skip
    texts = [
        xmp, json.dumps(graph), "2009:01:02 03:04:05 PM", "20090102T030405", "Fri, 2 Jan 2009 03:04:05 +0000",
        "FB_IMG_1230865445000", "02.01.2009", "WhatsApp Image 2009-01-02 at 03.04.05 (1)", "2009年1月2日",
        "a red (fox:1.2), snow\nNegative prompt: cat\nSteps: 20, Sampler: Euler",
        json.dumps([{"SourceFile": "a.jpg", "IPTC:Caption-Abstract": "dog", "EXIF:DateTimeOriginal": "2009:01:02"}]),
        json.dumps({"title": "a", "photoTakenTime": {"timestamp": "1230865445"}, "people": [{"name": "Eve"}]}),
        "a.jpg\na(1).jpg\na-edited.jpg\na.jpg.json\na.jpg.supplemental-me(1).json\nb.xmp\nB.JPG",
    ]  # fmt: skip
    made = [text.encode() for text in texts] + [text.encode("utf-16") for text in texts[:3]]
    made.append(b"\x1c\x02\x78\0\x03dog\x1c\x02\x37\0\x0820090102")
    made.append(struct.pack(">I4s", 11, b"tEXt") + b"Comment\0dog" + bytes(4))
    made.append(struct.pack(">I4s", 8, b"eXIf") + b"MM\0*\0\0\0\x08" + bytes(4))
    from PIL import Image

    tags = Image.Exif()
    tags[0x010E], tags[0x9C9E] = "dog", "dog".encode("utf-16-le")
    tags.get_ifd(0x8769).update({0x9003: "2009:01:02 03:04:05", 0x9286: b"UNICODE\0d\0o\0g\0"})
    tags.get_ifd(0x8825).update({0x1D: "2009:01:02"})
    made.append(tags.tobytes()[6:])
    return _written(folder, made)


def odd(data: bytes) -> str:
    """Small TIFFs that Pillow does not read, and JPEG, PNG, GIF that are cut or whose checksums are wrong."""
    from devise.config import PhotoConfig
    from devise.errors import PhotoError
    from devise.photos import details, load
    from devise.photos.tiff import described

    described(data)
    details("photo.tif", data)
    limits = PhotoConfig(max_megapixels=1)  # what is large takes long, and reaches no other line
    for name in ("photo.tif", "photo.tga"):
        try:
            load(data, size=8, resize="squash", path=name, limits=limits)
        except PhotoError as error:
            if not error.reason or "\n" in error.reason:
                raise ValueError(f"a reason that is none: {error.reason!r}") from error
            return "refused with a reason"
    return "opened"


def odd_corpus(folder: Path) -> int:
    import tifffile
    from PIL import Image, ImageCms

    from devise.photos.plugins import heif

    heif()
    made = []
    for kind in ("u1", "u2", "u4", "i2", "f2", "f4", "f8"):
        for shape, more in (((5, 7), {}), ((3, 5, 7), {"planarconfig": "separate"}), ((5, 7, 4), {"extrasamples": [2]}),
                            ((16, 16), {"tile": (16, 16)})):  # fmt: skip
            for order in "<>":
                buffer = io.BytesIO()
                photometric = "rgb" if len(shape) == 3 else "miniswhite" if kind[0] == "u" else "minisblack"
                samples = np.arange(int(np.prod(shape))).reshape(shape).astype(kind)
                tifffile.imwrite(buffer, samples, byteorder=order, photometric=photometric, metadata=None, **more)
                made.append(buffer.getvalue())
    picture = Image.radial_gradient("L").resize((24, 16)).convert("RGB")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for format, options in (("JPEG", {}), ("JPEG", {"progressive": True}), ("JPEG", {"subsampling": 0}), ("PNG", {}),
                            ("PNG", {"icc_profile": profile}), ("GIF", {}), ("TGA", {}), ("TIFF", {}),
                            ("WEBP", {}), ("WEBP", {"exif": b"Exif\0\0II*\0"}), ("AVIF", {}), ("HEIF", {}), ("BMP", {}),
                            ("PPM", {}), ("QOI", {}), ("SGI", {}), ("PCX", {}), ("JPEG2000", {}),
                            ("TIFF", {"compression": "tiff_lzw"})):  # fmt: skip
        buffer = io.BytesIO()
        picture.save(buffer, format, **options)
        data = buffer.getvalue()
        made += [data, data[:-2], data[: len(data) * 3 // 4]]
    return _written(folder, made)


def vectors(data: bytes) -> str:
    """A file that is given to `devise vectors import`, before it is written anew."""
    from devise.errors import VectorsError
    from devise.words import importing

    folder = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".bin") as file:
        file.write(data)
        file.flush()
        try:
            loaded, _ = importing._cleaned(importing._load(Path(file.name)))
        except VectorsError as error:
            if len(str(error)) > 1_000:  # the command line escapes what is not printable
                raise ValueError(f"a reason that is too long: {str(error)!r}") from error
            return "refused with a reason"
    if len(loaded.words) != len(loaded.rows) or not np.isfinite(loaded.rows).all():
        raise ValueError("words and rows that do not fit")
    return "read"


def vectors_corpus(folder: Path) -> int:
    rows = np.random.default_rng(0).standard_normal((3, 4)).astype("f4")
    words = ("the", "cat", "café")
    text = "".join(f"{word} {' '.join(map(str, row))}\n" for word, row in zip(words, rows, strict=True)).encode()
    binary = b"3 4\n" + b"".join(w.encode() + b" " + r.tobytes() + b"\n" for w, r in zip(words, rows, strict=True))
    made = [text, b"3 4\n" + text, text.decode().encode("latin-1"), text.replace(b" ", b","), binary,
            gzip.compress(text), bz2.compress(text), lzma.compress(text), gzip.compress(bytes(3_000_000)),
            gzip.compress(binary), b"version https://git-lfs.github.com/spec/v1\n", b"<!DOCTYPE html>",
            b"\xba\x16\x4f\x2f", b"{}",
            pickle.dumps({"vectors": rows}), b"\x93NUMPY\x01\0"]  # fmt: skip
    for names in (("a.txt",), ("a.txt", "b.txt"), ("x/data.pkl",)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                archive.writestr(name, text)
        made.append(buffer.getvalue())
    return _written(folder, made)


def _written(folder: Path, made: list[bytes]) -> int:
    for number, data in enumerate(made):
        (folder / f"made-{number}").write_bytes(data)
    return len(made)


TARGETS: Mapping[str, Target] = {
    "said": Target(say, say_corpus, ("PIL", "devise.photos", "json", "email"), 4_000),
    "odd": Target(odd, odd_corpus, ("PIL", "devise.photos"), 4_000),
    "vectors": Target(vectors, vectors_corpus, ("devise.words", "zipfile"), 4_000),
}
