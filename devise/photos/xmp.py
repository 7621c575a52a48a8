"""Captions, keywords, names of people and dates in an XMP packet (ISO 16684-1), embedded or in a file of its own.

The schemas are Dublin Core, Photoshop, IPTC Core and Extension, EXIF in XMP, the Metadata Working Group's regions and
keywords, and those of Lightroom, digiKam, ACDSee, Media Pro and Windows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from xml.parsers import expat

from devise.photos.statement import Statement

MAX_BYTES = 4_000_000  # darktable writes the history of every edit; more is no packet
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_TAGS = re.compile(r"<[^<>]*>")
_ENDS = "/#"  # of namespaces, which programs write or leave out

# Namespace -> prefix and its properties that hold texts
_TEXTS: Mapping[str, tuple[str, str]] = {
    "http://purl.org/dc/elements/1.1/": ("dc", "title description subject"),
    "http://ns.adobe.com/photoshop/1.0/": ("photoshop", "Headline City State Country SupplementalCategories"),
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": (
        "Iptc4xmpCore",
        "Location AltTextAccessibility ExtDescrAccessibility",
    ),
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": (
        "Iptc4xmpExt",
        "PersonInImage Event Headline LocationName Sublocation City ProvinceState CountryName PersonName ProductName "
        "AOTitle",
    ),
    "http://ns.adobe.com/lightroom/1.0/": ("lr", "hierarchicalSubject weightedFlatSubject"),
    "http://www.digikam.org/ns/1.0/": ("digiKam", "TagsList"),
    "http://ns.microsoft.com/photo/1.0/": ("MicrosoftPhoto", "LastKeywordXMP LastKeywordIPTC"),
    "http://ns.microsoft.com/photo/1.2/t/Region#": ("MPReg", "PersonDisplayName"),
    "http://www.metadataworkinggroup.com/schemas/regions/": ("mwg-rs", "Name Description"),
    "http://www.metadataworkinggroup.com/schemas/keywords/": ("mwg-kw", "KeywordName"),
    "http://ns.adobe.com/xap/1.0/": ("xmp", "Label"),
    "http://ns.adobe.com/exif/1.0/": ("exif", "UserComment"),
    "http://ns.adobe.com/tiff/1.0/": ("tiff", "ImageDescription"),
    "http://ns.acdsee.com/iptc/1.0/": ("acdsee", "caption headline keywords notes categories"),
    "http://ns.iview-multimedia.com/mediapro/1.0/": ("mediapro", "CatalogSets People Location Event"),
}
_DATES: Mapping[str, str] = {
    "http://ns.adobe.com/exif/1.0/": "DateTimeOriginal DateTimeDigitized GPSTimeStamp",
    "http://ns.adobe.com/photoshop/1.0/": "DateCreated",
    "http://ns.adobe.com/xap/1.0/": "CreateDate ModifyDate",
    "http://ns.adobe.com/tiff/1.0/": "DateTime",
    "http://purl.org/dc/elements/1.1/": "date",
    "http://ns.acdsee.com/iptc/1.0/": "datetime",
}
# Names as `_named` gives them -> the field
_FIELDS = {
    f"{uri.rstrip(_ENDS)} {name}": f"XMP {prefix}:{name}"
    for uri, (prefix, names) in _TEXTS.items()
    for name in names.split()
}
_DATED = {
    f"{uri.rstrip(_ENDS)} {name}": f"XMP {_TEXTS[uri][0]}:{name}"
    for uri, names in _DATES.items()
    for name in names.split()
}
_SEPARATORS = {"lr": "|", "digiKam": "/", "MicrosoftPhoto": "/", "mediapro": "|"}  # between the levels of a keyword


def extended(segments: Iterable[bytes]) -> list[bytes]:
    """The packets that did not fit into one segment of a JPEG (ISO 16684-3, 1.1.3.1): parts with their places."""
    parts: dict[bytes, dict[int, bytes]] = {}
    for segment in segments:
        if segment.startswith(_EXTENSION) and len(segment) > len(_EXTENSION) + 40:
            body = segment[len(_EXTENSION) :]
            parts.setdefault(body[:32], {})[int.from_bytes(body[36:40])] = body[40:]
    return [b"".join(data for _, data in sorted(found.items())) for found in parts.values()]


def statements(packet: bytes) -> Iterator[Statement]:
    """What a packet says, up to where it is damaged."""
    if len(packet) > MAX_BYTES:
        return
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = reader.begin, reader.end
    parser.CharacterDataHandler = reader.text
    parser.EntityDeclHandler = _refuse  # a billion laughs
    with suppress(expat.ExpatError, ValueError):
        parser.Parse(packet.strip(b"\0 \r\n\t"), True)
    yield from reader.found


@dataclass
class _Reader:
    found: list[Statement] = field(default_factory=list)
    properties: list[str] = field(default_factory=list)  # of the open elements the nearest property, outermost first
    texts: list[str] = field(default_factory=list)  # of the innermost

    def begin(self, name: str, attributes: Mapping[str, str]) -> None:
        self.texts.clear()
        around = self.properties[-1] if self.properties else ""
        self.properties.append(around if name.startswith(_RDF) else name)
        for key, value in attributes.items():
            if key == _RDF + " value" or key == _RDF + " resource":
                self._add(self.properties[-1], value)
            elif not key.startswith(_RDF):
                self._add(key, value)

    def end(self, name: str) -> None:
        self._add(self.properties.pop(), "".join(self.texts))
        self.texts.clear()

    def text(self, text: str) -> None:
        self.texts.append(text)

    def _add(self, name: str, value: str) -> None:
        name = _named(name)
        if source := _DATED.get(name):
            self.found.append(Statement(source, date=value.strip()))
        elif (source := _FIELDS.get(name)) and value.strip():
            prefix = source[4:].partition(":")[0]
            value = _TAGS.sub(" ", value) if prefix == "acdsee" else value  # its categories are XML within XML
            self.found.append(Statement(source, text=value.replace(_SEPARATORS.get(prefix, " "), " ")))


def _named(name: str) -> str:
    """As expat gives it, with the namespace in one spelling."""
    namespace, _, local = name.rpartition(" ")
    return f"{namespace.rstrip(_ENDS)} {local}"


def _refuse(*declared: object) -> None:
    raise ValueError("an XMP packet declares no entities")
