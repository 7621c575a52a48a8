"""When a photo was taken: dates as EXIF, XMP, IPTC, JSON and names write them, and which of several is right."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate

from devise.photos.statement import Statement

# Which field is asked first; one that is missing, zero or impossible leaves it to the next (docs/photos.md)
PRECEDENCE = (
    *("EXIF DateTimeOriginal", "EXIF CreateDate"),
    *("XMP exif:DateTimeOriginal", "XMP photoshop:DateCreated", "XMP exif:DateTimeDigitized", "XMP xmp:CreateDate"),
    *("XMP acdsee:datetime", "IPTC DateCreated", "IPTC DigitalCreationDate", "PNG Creation Time"),
    *("JSON DateTimeOriginal", "JSON CreateDate", "JSON photoTakenTime"),
    "name",
    *("EXIF GPSDateStamp", "XMP exif:GPSTimeStamp", "XMP dc:date"),
    *("EXIF ModifyDate", "XMP tiff:DateTime", "XMP xmp:ModifyDate", "JSON ModifyDate"),
)
_RANK = {field: rank for rank, field in enumerate(PRECEDENCE)}

OLDEST = 1826  # the year of the first photograph that is kept: years 1 and 1601 are zeros of clocks
NEWEST = 2100
MAX_TEXT = 100  # characters of a date
_AROUND = " \t\r\n\"'\ufeff"  # what stands around one and says nothing
NEVER = "1970-01-01T00:00:00"  # the zero of Unix
# Zeros of clocks, and how old photos are dated by hand: right when nothing else is said
_ZEROS = tuple(datetime(*day) for day in ((1899, 12, 30), (1900, 1, 1), (1904, 1, 1), (1970, 1, 1), (1980, 1, 1)))
_ZONES = timedelta(hours=14)  # how far from UTC a place can be
_QUARTERS = frozenset((0, 15, 30, 45))  # minutes that zones differ by: India's is 5:30, Nepal's 5:45

_DAY = re.compile(r"(?P<y>\d{4})\s*[-:/._\s年년]\s*(?P<m>\d{1,2})\s*[-:/._\s月월]\s*(?P<d>\d{1,2})[日일]?(?!\d)")
_COMPACT = re.compile(r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)(?=T\d|\s|$|\d{6}(?!\d))")
_DAY_FIRST = re.compile(r"(?P<d>\d{1,2})\.\s?(?P<m>\d{1,2})\.\s?(?P<y>\d{4})(?!\d)")
# ISO 8601, as XMP allows it, and EXIF with blanks for what nobody knows: 1993:08:  :
_HALF = re.compile(r"(?P<y>\d{4})(?:[-:](?P<m>\d\d))?(?P<d>)[\s:]*\Z")
_HALVES = r"(?:(?P<a>上午|午前|오전)|(?P<b>下午|午後|오후))?\s*"  # of the day, in front of the hour
_CLOCK = re.compile(
    r"[T\s:,;_@-]*(?:at\s+)?" + _HALVES + r"(?P<H>\d{1,2})(?:\s*[-:.h]\s*|\s)(?P<M>\d{1,2})"
    r"(?:(?:\s*[-:.m]\s*|\s)(?P<S>\d{1,2}))?(?:[.,]\d+)?\s*(?P<p>[ap]\.?\s?m\b)?",
    re.IGNORECASE,
)
_HALF_OF_DAY = re.compile(r"(?<=\d)\s*([ap])\.?m\b", re.IGNORECASE)
_CLOCK_COMPACT = re.compile(r"[T\s]*(?P<H>\d\d)(?P<M>\d\d)(?P<S>\d\d)?(?P<p>)")

# A time behind a day in a name: 2009-01-02 at 3.04.05 PM, 2009-01-02_03-04, 2009-01-02T03_04_05, 下午3.04.05
_LATER = (
    r"(?:(?:[-_ T,@]+|[ _](?:at|um|om|o|a|à|às|alle|kl\.?|klo|a las|a la\(s\)|в)[ _])" + _HALVES + r""
    r"(?P<H>\d{1,2})[-_.:h](?P<M>\d\d)(?:[-_.:m](?P<S>\d\d))?(?:[ \u202f]?(?P<p>[ap]m))?(?!\d))?"
)
_ASIAN = r"(?:[-_ ]*(?P<H>\d\d?) ?[時时点시] ?(?P<M>\d\d?) ?[分분](?: ?(?P<S>\d\d?) ?[秒초])?)?"
_YEAR = r"(?<!\d)(?P<y>(?:19|20)\d\d)"
_MONTHS = tuple(calendar.month_name)[1:]  # English ones, until somebody sets a locale
_MONTH = rf"(?P<month>{'|'.join((*_MONTHS, *(name[:3] for name in _MONTHS), 'Sept'))})\.?"
_DAY_OF = r"(?P<d>\d\d?)(?:st|nd|rd|th|\.)?"
_SIX = r"(?P<H>\d\d)(?P<M>\d\d)(?P<S>\d\d)\d{0,3}(?!\d)"  # and milliseconds
_IN_NAME = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        _YEAR + r"(?P<m>\d\d)(?P<d>\d\d)[-_ T]?" + _SIX,
        _YEAR + r"([-_.])(?P<m>\d\d?)\2(?P<d>\d\d?)[-_ T]+" + _SIX,
        _YEAR + r"([-_. ]?)(?P<m>\d\d)\2(?P<d>\d\d)[-_ T]+(?P<H>\d\d) (?P<M>\d\d) (?P<S>\d\d)(?!\d)",
        _YEAR + r"([-_. ]?)(?P<m>\d\d)\2(?P<d>\d\d)(?!\d)" + _LATER,
        _YEAR + r"([-_.])(?P<m>\d\d?)\2(?P<d>\d\d?)(?!\d)" + _LATER,
        _YEAR + r"[-_](?P<m>\d\d)(?P<d>\d\d)[-_]" + _SIX,  # of cameras in cars
        _YEAR + r" ?[年년] ?(?P<m>\d\d?) ?[月월] ?(?P<d>\d\d?) ?[日일]" + _ASIAN,
        r"(?<![\d.])(?P<d>\d\d?)\.(?P<m>\d\d?)\.(?P<y>(?:19|20)\d\d)(?!\.?\d)" + _LATER,
        r"(?<![\d.])(?P<d>1[3-9]|2\d|3[01])([-_])(?P<m>\d\d?)\2(?P<y>(?:19|20)\d\d)(?!\d)" + _LATER,
        rf"(?<!\d){_DAY_OF}[-_ ]*{_MONTH}[-_, ]*(?P<y>(?:19|20)\d\d)(?!\d)" + _LATER,
        rf"(?<![^\W\d_]){_MONTH}[-_ ]*{_DAY_OF}[-_, ]+(?P<y>(?:19|20)\d\d)(?!\d)" + _LATER,
        rf"{_YEAR}[-_, ]*{_MONTH}[-_ ]*{_DAY_OF}(?!\d)" + _LATER,
    )
)
# Milliseconds since 1970, in 2001 to 2033, from the name's start: FB_IMG_1230865445000, mmexport1230865445000 (1).
# Within a name they would be numbers of Facebook's pictures
_MILLISECONDS = re.compile(r"\D*(1\d{12})(?!\d)[-_ ~]?(?:\(?\d{0,3}\)?|[^\W\d]+)")


def parse(text: str) -> str | None:
    """A date that a field of metadata holds, in any usual spelling, as 2020-05-13T10:11:12; None if it is none.

    >>> parse("2020:05:13 10:11:12"), parse("2020/5/13"), parse("0000:00:00 00:00:00")
    ('2020-05-13T10:11:12', '2020-05-13T00:00:00', None)

    The time is that of the place, as it is written; a time zone and parts of seconds are left out.
    """
    text = text[:MAX_TEXT].replace("\0", " ").strip(_AROUND)
    day = _DAY.match(text) or _COMPACT.match(text) or _DAY_FIRST.match(text) or _HALF.match(text)
    if not day:
        return _worded(text)
    clock = _CLOCK.match(text, day.end()) or _CLOCK_COMPACT.match(text, day.end())
    return _of({**day.groupdict(), **(clock.groupdict() if clock else {})})


def _worded(text: str) -> str | None:
    """Fri, 2 Jan 2009 03:04:05 +0000; January 2, 2009 3:04:05 PM."""
    if not any(character.isalpha() for character in text):
        return None
    found = parsedate(text) or parsedate(f"{text} 00:00:00")
    if not found:
        return None
    year, month, day, hour, minute, second = found[:6]
    half = _HALF_OF_DAY.search(text)
    if half and hour <= 12:
        hour = hour % 12 + 12 * (half[1].lower() == "p")
    return _checked(year, month, day, hour, minute, second)


def in_name(stem: str) -> str | None:
    """The day, and time where there is one, in the name of a photo without its suffix.

    >>> in_name("IMG_20200513_101112"), in_name("02.01.2009"), in_name("tom")
    ('2020-05-13T10:11:12', '2009-01-02T00:00:00', None)
    """
    for pattern in _IN_NAME:
        for found in pattern.finditer(stem):
            if date := _of(found.groupdict()):
                return date
    epoch = _MILLISECONDS.fullmatch(stem)
    return of_seconds(int(epoch[1]) // 1000) if epoch and int(epoch[1]) < 2e12 else None


def of_seconds(seconds: float) -> str | None:
    """Of Unix: in UTC, for it is not told where the photo was taken."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return _checked(*moment.timetuple()[:6])


def first(said: Iterable[Statement]) -> Statement | None:
    """Of statements with dates the one whose field comes first in PRECEDENCE; zeros of clocks come last."""
    dated = [statement for statement in said if statement.date]
    return min(dated, key=lambda one: (_is_zero(one.date), _RANK[one.field], one.file != ""), default=None)


def _is_zero(date: str) -> bool:
    """Whether it is the zero of a clock, as somewhere on earth it is read."""
    moment = datetime.fromisoformat(date)
    return moment.minute in _QUARTERS and not moment.second and any(abs(moment - zero) <= _ZONES for zero in _ZEROS)


def _of(groups: dict[str, str | None]) -> str | None:
    year, month, day, hour, minute, second = (int(groups.get(name) or default) for name, default in _PARTS)
    if name := groups.get("month"):
        month = 1 + next(place for place, full in enumerate(_MONTHS) if full[:3].lower() == name[:3].lower())
    half = (groups.get("p") or "").lower()[:1] or ("p" if groups.get("b") else "a" if groups.get("a") else "")
    if half and hour <= 12:
        hour = hour % 12 + 12 * (half == "p")
    return _checked(year, month, day, hour, minute, second)


_PARTS = (("y", 0), ("m", 1), ("d", 1), ("H", 0), ("M", 0), ("S", 0))


def _checked(year: int, month: int, day: int, *clock: int) -> str | None:
    """24 o'clock is how Android spelt the hour after midnight; :60 is a leap second, or rounding."""
    if not OLDEST <= year <= NEWEST:
        return None
    hour, minute, second = clock
    try:
        moment = datetime(year, month, day, 0 if hour == 24 else hour, minute, 59 if second == 60 else second)
    except (ValueError, OverflowError):  # parsedate takes numbers of any size
        return None
    found = moment.isoformat(timespec="seconds")
    return None if found == NEVER else found
