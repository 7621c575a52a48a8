"""Captions, keywords and dates in IPTC-IIM 4.2, as Photoshop's image resources carry them."""

from __future__ import annotations

from collections.abc import Iterator

from devise.photos.decode import plain
from devise.photos.statement import Statement

RESOURCE = 0x0404  # of Photoshop, in JPEG and PSD
TIFF_TAG, RESOURCES_TAG = 0x83BB, 0x8649  # of TIFF: the records, and Photoshop's resources
_NAMES = {
    5: "ObjectName", 25: "Keywords", 90: "City", 92: "Sub-location", 95: "Province-State",
    101: "Country-PrimaryLocationName", 105: "Headline", 120: "Caption-Abstract",
}  # fmt: skip
_DATES = {"DateCreated": (55, 60), "DigitalCreationDate": (62, 63)}  # the numbers of its day and of its time
_TIMES = frozenset(number for numbers in _DATES.values() for number in numbers)


def statements(data: bytes) -> Iterator[Statement]:
    """Of records of the application (2:number), bare or within resources, up to where they are damaged."""
    if data.startswith(b"8BIM"):
        data = resources(data).get(RESOURCE, b"")
    times: dict[int, str] = {}
    for number, value in _records(data):
        if number in _TIMES:
            times.setdefault(number, plain(value))
        elif number in _NAMES:
            yield Statement(f"IPTC {_NAMES[number]}", text=plain(value))
    for name, (day, clock) in _DATES.items():
        if times.get(day):
            yield Statement(f"IPTC {name}", date=f"{times[day]} {times.get(clock, '')}")


def resources(data: bytes) -> dict[int, bytes]:
    """Photoshop's, by number, up to where they are damaged.

    Each is "8BIM", its number, a name, a length of four bytes and data, of which name and data are of even length.
    """
    found, place = {}, 0
    while data[place : place + 4] == b"8BIM" and place + 12 <= len(data):
        start = place + 6 + (data[place + 6] + 2) // 2 * 2 + 4
        size = int.from_bytes(data[start - 4 : start])
        found[int.from_bytes(data[place + 4 : place + 6])] = data[start : start + size]
        place = start + size + size % 2
    return found


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each begins with 0x1C, the record, the number and two bytes of length; longer than 32 KB are no captions."""
    place = data.find(b"\x1c")
    while 0 <= place <= len(data) - 5 and data[place] == 0x1C:
        size = int.from_bytes(data[place + 3 : place + 5])
        if size >= 0x8000:
            return
        if data[place + 1] == 2:
            yield data[place + 2], data[place + 5 : place + 5 + size]
        place += 5 + size
