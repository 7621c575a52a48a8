"""When a photo was taken: every spelling of a date, which of several fields is right, and days in names."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from devise.photos import Found, dates, details, find
from devise.photos.details import Details

EXIF, GPS = 0x8769, 0x8825
NAMESPACES = (
    'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
    'xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
)


def packet(*properties: str) -> bytes:
    """XMP with simple properties, given as exif:DateTimeOriginal=2009."""
    inner = "".join(f"<{name}>{value}</{name}>" for name, _, value in (one.partition("=") for one in properties))
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {NAMESPACES}>{inner}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def drawn(path: Path, tags: dict[int, str] | None = None, *, modified: str = "", **options: object) -> Path:
    """A photo with dates in EXIF: tags of the Exif IFD, and DateTime, which is ModifyDate."""
    exif = Image.Exif()
    exif.get_ifd(EXIF).update(tags or {})
    if modified:
        exif[0x0132] = modified
    Image.new("RGB", (8, 8)).save(path, exif=exif, **options)
    return path


def told(path: Path) -> Details:
    (found,) = (found for found in find([path]) if isinstance(found, Found))
    return details(str(path), beside=found.beside)


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("2009:01:02 03:04:05", "2009-01-02T03:04:05"),
        ("2009-01-02 03:04:05", "2009-01-02T03:04:05"),
        ("2009/01/02 03:04:05", "2009-01-02T03:04:05"),
        ("2009.01.02 03.04.05", "2009-01-02T03:04:05"),
        ("2009-01-02T03:04:05", "2009-01-02T03:04:05"),
        ("2009-01-02T03:04:05+13:00", "2009-01-02T03:04:05"),  # the time of the place, as it is written
        ("2009-01-02T03:04:05.678Z", "2009-01-02T03:04:05"),
        ("2009:01:02 03:04", "2009-01-02T03:04:00"),
        ("2009:01:02", "2009-01-02T00:00:00"),
        ("2009:01:02   :  :  ", "2009-01-02T00:00:00"),
        ("2009: 1: 2  3: 4: 5", "2009-01-02T03:04:05"),
        ("2009:1:2 3:4:5", "2009-01-02T03:04:05"),
        ("2009:01:02 03:04:05\0\0", "2009-01-02T03:04:05"),
        ("2009:01:02 03:04:60", "2009-01-02T03:04:59"),
        ("2009:01:02 24:10:00", "2009-01-02T00:10:00"),
        ("2009:01:02 03:04:05 PM", "2009-01-02T15:04:05"),
        ("2009:01:02 12:04:05 am", "2009-01-02T00:04:05"),
        ("20090102T030405", "2009-01-02T03:04:05"),
        ("20090102", "2009-01-02T00:00:00"),
        ("2009-03", "2009-03-01T00:00:00"),
        ("2009", "2009-01-01T00:00:00"),
        ("2009:03:  :  :  ", "2009-03-01T00:00:00"),
        ("2009:  :  :  :  ", "2009-01-01T00:00:00"),
        ("Fri, 2 Jan 2009 03:04:05 +0000", "2009-01-02T03:04:05"),
        ("2009年01月02日 03:04:05", "2009-01-02T03:04:05"),
        ("2009:01:02-03:04:05", "2009-01-02T03:04:05"),
        ("2009:01:02 03-04-05", "2009-01-02T03:04:05"),
        ("2009_01_02 03:04:05", "2009-01-02T03:04:05"),
        ("20090102030405", "2009-01-02T03:04:05"),
        ("2009:01:02 下午03:04:05", "2009-01-02T15:04:05"),
        ("2009:01:02 오전 03:04:05", "2009-01-02T03:04:05"),
        ('"2009:01:02 03:04:05"', "2009-01-02T03:04:05"),
        ("2 Jan 2009 03:04:05", "2009-01-02T03:04:05"),
        ("2 January 2009", "2009-01-02T00:00:00"),
        ("Friday, January 2, 2009 3:04:05 PM", "2009-01-02T15:04:05"),
        ("02.01.2009 03:04:05", "2009-01-02T03:04:05"),
        ("2009 01 02 03 04 05", "2009-01-02T03:04:05"),
        ("2009:01:02 0304", "2009-01-02T03:04:00"),
        ("20090102 03:04:05+01:00", "2009-01-02T03:04:05"),
        ("January 9999999999 2", None),
        ("1904:01:01 00:00:00", "1904-01-01T00:00:00"),
        ("0000:00:00 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("2009:00:00 00:00:00", None),
        ("2009:02:30 00:00:00", None),
        ("2009:01:02 25:00:00", None),
        ("2009:01:02 03:99:00", None),
        ("0001-01-01T00:00:00", None),
        ("1601:01:01 00:00:00", None),
        ("1970:01:01 00:00:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_spellings(tmp_path: Path, written: str, taken: str | None) -> None:
    assert dates.parse(written) == taken
    value: Any = written if written.isascii() else written.encode()  # Pillow would write question marks
    assert told(drawn(tmp_path / "a.jpg", {0x9003: value})).taken == taken


def test_the_order_of_the_fields(tmp_path: Path) -> None:
    """One after the other is taken away: what is left decides."""
    fields = [
        ("EXIF DateTimeOriginal", "2001:01:01 01:01:01"),
        ("EXIF CreateDate", "2002:01:01 01:01:01"),
        ("XMP exif:DateTimeOriginal", "2003-01-01T01:01:01"),
        ("XMP photoshop:DateCreated", "2004-01-01T01:01:01"),
        ("XMP xmp:CreateDate", "2005-01-01T01:01:01"),
        ("JSON photoTakenTime", "2006-01-01T01:01:01"),
        ("name", "2007-01-01T01:01:01"),
        ("EXIF ModifyDate", "2023:01:01 01:01:01"),
        ("XMP xmp:ModifyDate", "2024-01-01T01:01:01"),
    ]
    tags = {"EXIF DateTimeOriginal": 0x9003, "EXIF CreateDate": 0x9004}
    for start in range(len(fields)):
        left = dict(fields[start:])
        folder = tmp_path / str(start)
        folder.mkdir()
        path = drawn(
            folder / ("20070101_010101.jpg" if "name" in left else "a.jpg"),
            {tag: left[name] for name, tag in tags.items() if name in left},
            modified=left.get("EXIF ModifyDate", ""),
            xmp=packet(*(f"{name[4:]}={value}" for name, value in left.items() if name.startswith("XMP"))),
        )
        if "JSON photoTakenTime" in left:
            Path(f"{path}.json").write_text(json.dumps({"photoTakenTime": {"timestamp": "1136077261"}}))
        found = told(path)
        assert found.taken_from is not None
        assert found.taken_from.field == fields[start][0]
        assert found.taken == fields[start][1].replace("01:01 ", "01-01T").replace(":01-01T", "-01-01T")


@pytest.mark.parametrize("nothing", ["0000:00:00 00:00:00", "    :  :     :  :  ", "2009:13:01 00:00:00", "garbage"])
def test_a_date_that_is_none_leaves_it_to_the_next(tmp_path: Path, nothing: str) -> None:
    path = drawn(tmp_path / "a.jpg", {0x9003: nothing, 0x9004: "2009:01:02 03:04:05"}, modified="2023:05:06 07:08:09")
    assert told(path).taken == "2009-01-02T03:04:05"
    path = drawn(tmp_path / "b.jpg", {0x9003: nothing, 0x9004: nothing}, modified="2009:01:02 03:04:05")
    assert told(path).taken == "2009-01-02T03:04:05"


@pytest.mark.parametrize(
    "zero",
    [
        *("1970:01:01 01:00:00", "1970:01:01 05:30:00", "1970:01:01 05:45:00"),
        "1969:12:31 19:00:00",
        "1980:01:01 00:00:00",
    ],
)
def test_the_zero_of_a_clock_in_any_zone(tmp_path: Path, zero: str) -> None:
    path = drawn(tmp_path / "a.jpg", {0x9003: zero}, modified="2009:01:02 03:04:05")
    assert told(path).taken == "2009-01-02T03:04:05"


def test_the_zero_of_a_clock_is_asked_last(tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.jpg", {0x9003: "1904:01:01 00:00:00"}, modified="2009:01:02 03:04:05")
    assert told(path).taken == "2009-01-02T03:04:05"
    (tmp_path / "b.json").write_text('{"photoTakenTime": {"timestamp": "0"}}')
    assert told(drawn(tmp_path / "b.jpg")).taken is None
    (tmp_path / "b.json").write_text('{"photoTakenTime": {"timestamp": "-86400"}}')
    assert told(drawn(tmp_path / "b.jpg")).taken == "1969-12-31T00:00:00"


def test_parts_of_seconds_and_offsets_do_not_disturb(tmp_path: Path) -> None:
    tags = {0x9003: "2009:01:02 23:59:59", 0x9291: "999", 0x9011: "+14:00", 0x9010: "-11:00"}
    assert told(drawn(tmp_path / "a.jpg", tags)).taken == "2009-01-02T23:59:59"


def test_gps_knows_the_day_when_nobody_else_does(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(GPS).update({0x1D: "2009:01:02", 0x07: (3.0, 4.0, 5.0)})
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", exif=exif)
    assert told(tmp_path / "a.jpg").taken == "2009-01-02T03:04:05"


def test_dates_of_a_png(tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Creation Time", "2009:01:02 03:04:05")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png", pnginfo=texts)
    assert told(tmp_path / "a.png").taken == "2009-01-02T03:04:05"


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("IMG_20090102_030405", "2009-01-02T03:04:05"),
        ("PXL_20090102_030405678.MP", "2009-01-02T03:04:05"),
        ("20090102030405", "2009-01-02T03:04:05"),
        ("2009-01-02T03_04_05", "2009-01-02T03:04:05"),
        ("photo_2009-01-02_03-04-05", "2009-01-02T03:04:05"),
        ("WhatsApp Image 2009-01-02 at 03.04.05 (1)", "2009-01-02T03:04:05"),
        ("Screen Shot 2009-01-02 at 3.04.05 PM", "2009-01-02T15:04:05"),
        ("Bildschirmfoto 2009-01-02 um 03.04.05", "2009-01-02T03:04:05"),
        ("signal-2009-01-02-030405", "2009-01-02T03:04:05"),
        ("IMG-20090102-WA0001", "2009-01-02T00:00:00"),
        ("2009-1-2", "2009-01-02T00:00:00"),
        ("2009年1月2日", "2009-01-02T00:00:00"),
        ("2009년1월2일 03시04분05초", "2009-01-02T03:04:05"),
        ("2009-01-02 03 04 05", "2009-01-02T03:04:05"),
        ("2009-01-02@03-04-05", "2009-01-02T03:04:05"),
        ("截屏2009-01-02 下午3.04.05", "2009-01-02T15:04:05"),
        ("스크린샷 2009-01-02 오후 3.04.05", "2009-01-02T15:04:05"),
        ("Zrzut ekranu 2009-01-02 o 03.04.05", "2009-01-02T03:04:05"),
        ("WP_20090102_03_04_05_Pro", "2009-01-02T03:04:05"),
        ("2009 01 02", "2009-01-02T00:00:00"),
        ("mmexport1230865445000_edit", "2009-01-02T03:04:05"),
        ("received_1230865445000123", None),
        ("v2.10.2009.1", None),
        ("02.01.2009", "2009-01-02T00:00:00"),
        ("31-12-2009", "2009-12-31T00:00:00"),
        ("FB_IMG_1230865445000", "2009-01-02T03:04:05"),
        ("mmexport1230865445000(1)", "2009-01-02T03:04:05"),
        ("1230865445000", "2009-01-02T03:04:05"),
        ("Screenshot_2009_0102_030405", "2009-01-02T03:04:05"),
        ("Photo Jan 02 2009", "2009-01-02T00:00:00"),
        ("2 January 2009 at 15.04", "2009-01-02T15:04:00"),
        ("2009-Jan-2 beach", "2009-01-02T00:00:00"),
        ("Decor 12 2009", None),
        ("band2009may", None),
        ("02-01-2009", None),  # February or January
        ("540323_1729472984723_1029384756_n", None),  # Facebook's number of a picture
        ("4006381333931", None),  # of a parcel
        ("20091301", None),
        ("120090102", None),
        ("1920x1080", None),
        ("tom", None),
    ],
)
def test_names(tmp_path: Path, name: str, taken: str | None) -> None:
    assert told(drawn(tmp_path / f"{name}.jpg")).taken == taken


def test_a_long_name_costs_nothing() -> None:
    for name in ("a" * 100_000, "_" * 100_000, "2009-" * 20_000, "1" * 100_000, "20090102 " * 10_000):
        dates.in_name(name)
        dates.parse(name)


def test_damaged_gps(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(GPS).update({0x1D: "2009:01:02"})
    raw = exif.tobytes()
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", exif=raw[: len(raw) - 4] + struct.pack("<I", 9))
    told(tmp_path / "a.jpg")
