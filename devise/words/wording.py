"""A query as people type it becomes one that the grammar reads: quotes of all languages, dashes, emoji, numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePath

from devise import config
from devise.results import Note
from devise.words.colours import colour_of
from devise.words.grammar import MAX_QUERY, Piece

_DOUBLE = "“”„‟«»‹›「」『』〝〞＂"
_SINGLE = "‘’‚‛ʼ＇´"
_HYPHENS = "\u2010\u2011\u2043\ufe63\uff0d"
_UNSEEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad\ufe0f"  # what word processors and emoji leave between letters
_SIGNS = str.maketrans(
    dict.fromkeys(_DOUBLE, '"') | dict.fromkeys(_SINGLE, "'") | dict.fromkeys(_HYPHENS, "-") | dict.fromkeys(_UNSEEN)
    | {"、": ",", "，": ",", "；": ";", "\u3000": " "}
)  # fmt: skip
_SIGN_DASH = re.compile(r"(?<!\S)[–—−](?=\w)")  # what a keyboard makes of a minus: "dog –cat"
_DASH = re.compile(r"\s(?:[–—−]|--)\s")  # what parts a sentence, or a quoted part of one
_INNER_DASH = re.compile(r"(?<=\w)[–—−](?=\w)")
_SINGLE_QUOTED = re.compile(r"(?<!\w)'([^'\"]{3,}?)'(?!\w)")
_INCHES = re.compile(r'(?<=\d)"(?!\w)')
_CLOCK = re.compile(r"(?<![\w:.])\d{1,2}:\d\d(?::\d\d)?(?:\s?[ap]m)?(?![\w:.])", re.IGNORECASE)
_PLEASE = (
    r"(?:please\s+)?(?:(?:show|find|give|get)\s+me|(?:i\s+)?(?:want|need)|"
    r"(?:i\s+am\s+|i'm\s+)?(?:looking|searching)\s+for)"
)
_PICTURES = (
    r"(?:(?:find|show|get|search)\s+)?(?:(?:a|an|the|all|any|some|my|our)\s+)*(?:photo|picture|image|pic|photograph)s?\s+"
    r"(?:of|with|showing|where)"
)
_ASKING = re.compile(rf"^\s*(?:{_PLEASE}\s+(?=\w))?(?:{_PICTURES}\s+(?=\w))?", re.IGNORECASE)
_NUMBER = re.compile(r"[#№$€£~]?\d[\d.,:/×%°-]*(?:st|nd|rd|th|x|[kcm]?m|k?g|mp|[kmg]b|am|pm)?", re.IGNORECASE)
_LONG = 4  # digits: a year or the number of a photo, which names may have; less is a count

_COUNTS = (
    "one two three four five six seven eight nine ten eleven twelve dozen hundred hundreds thousand thousands "
    "several many few couple both lots"
)
COUNTS = frozenset(_COUNTS.split())
EDGES = ".,;:!?()[]{}<>«»“”'`´#*&~^=$%|\\/…·•@+_-"  # what stands around words in a sentence


def tidied(pieces: Sequence[Piece]) -> tuple[list[Piece], list[Note]]:
    """The same pieces with their texts as the grammar has them, and what was put otherwise."""
    notes: list[Note] = []
    if sum(len(piece) for piece in pieces if isinstance(piece, str)) > MAX_QUERY:
        return list(pieces), notes  # the grammar refuses it
    return [_tidy(piece, notes) if isinstance(piece, str) else piece for piece in pieces], notes


def _tidy(text: str, notes: list[Note]) -> str:
    is_balanced = text.count('"') % 2 == 0
    text = "".join(map(_plain, text)).translate(_SIGNS)
    if text.count('"') % 2:  # of quotes in pairs one was cut off, or it is a measure
        text = text.replace('"', " ") if is_balanced else _INCHES.sub(" ", text, count=1)
    if names_photo(text):  # names keep their signs
        return text
    if text.count('"') % 2:
        before, _, behind = text.rpartition('"')
        text = f"{before} {behind}"
        notes.append(Note("quote", "a quote is not closed, and left out", {}))
    text = _INNER_DASH.sub("-", _DASH.sub(" , ", _SIGN_DASH.sub("-", text)))
    text = _SINGLE_QUOTED.sub(r'"\1"', text)
    text, emoji = _spelt_out(text)
    notes += [Note("read_as", f"{sign} is read as {name}", {"asked": sign, "read": name}) for sign, name in emoji]
    if clocks := _CLOCK.findall(text):
        notes.append(left_out(clocks))
        text = _CLOCK.sub(" ", text)
    return _ASKING.sub("", text)


def names_photo(text: str) -> bool:
    """Whether there is the name of a photo in a text."""
    return "@" in text or any(
        PurePath(word.strip('"')).suffix.lower() in config.PHOTO_SUFFIXES for word in text.split() if "." in word
    )


def _plain(sign: str) -> str:
    """The wide letters of eastern keyboards are ours."""
    return chr(ord(sign) - 0xFEE0) if "\uff01" <= sign <= "\uff5e" and sign != "\uff02" else sign


def _spelt_out(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Emoji by what Unicode calls them: a dog's face is a dog."""
    if text.isascii():
        return text, []
    parts, found = [], []
    for sign in text:
        if unicodedata.category(sign) in ("So", "Sk") and ord(sign) > 0x2000:
            name = unicodedata.name(sign, "").lower()
            is_thing = name and not name.startswith(("regional indicator", "emoji modifier", "variation", "cjk", "box"))
            name = name.removesuffix(" face").removeprefix("heavy ").replace("-", " ") if is_thing else ""
            found += [(sign, name)] if name else []
            parts.append(f" {name} ")
        else:
            parts.append(sign)
    return "".join(parts), found


def left_out(words: Sequence[str]) -> Note:
    """What says nothing about a photo."""
    shown = ", ".join(f'"{word}"' for word in dict.fromkeys(words))
    return Note("left_out", f"left out, as numbers are not seen in photos: {shown}", {"words": list(words)})


def bare(word: str) -> str:
    """A word without what stands around it; nothing is left of signs alone, and the sign of a colour's number stays.

    >>> [bare(word) for word in ("(cat!", "#cat", "&", "#c03020.")]
    ['cat', 'cat', '', '#c03020']
    """
    outer = word.strip(EDGES.replace("#", ""))
    return outer if colour_of(outer) else word.strip(EDGES)


def is_number(word: str) -> bool:
    """Whether it counts or measures, in figures or in words.

    >>> [is_number(word) for word in ("3", "1,000", "2nd", "two", "cat")]
    [True, True, True, True, False]
    """
    return word.lower() in COUNTS or bool(_NUMBER.fullmatch(word))


def may_be_named(number: str) -> bool:
    """Whether names and captions may have that number: a year, the number of a photo."""
    return sum(sign.isdigit() for sign in number) >= _LONG
