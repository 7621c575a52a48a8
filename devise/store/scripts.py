"""Texts and paths in every script, so that they are found however they are spelt: accents, widths, words not spaced.

SQLite's tokenizer takes a run of letters for a word, case and accents aside. Chinese, Japanese and Thai have no spaces,
and Korean words have endings: there each character is made a word, so that a query, a phrase of such words, finds
itself anywhere. Letters that people type as two (sharp s, ae) or without a stroke become those.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from itertools import islice, product

MAX_SPELLINGS = 16  # of a path: four folders with accents in two forms each

# Han, kana, hangul; Thai, Lao, Burmese, Khmer
_UNSPACED = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
_UNSPACED += "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_BETWEEN = re.compile(rf"(?<=[{_UNSPACED}])(?=\w)|(?<=\w)(?=[{_UNSPACED}])")
# Greek, whose accents SQLite leaves, ancient ones too
_GREEK = {
    chr(code): unicodedata.normalize("NFD", chr(code))[0] for code in (*range(0x370, 0x400), *range(0x1F00, 0x2000))
}
_LETTERS = str.maketrans(
    _GREEK
    | {"ß": "ss", "ẞ": "SS", "Æ": "AE", "æ": "ae", "Œ": "OE", "œ": "oe", "Ø": "O", "ø": "o", "Ł": "L", "ł": "l"}
    | {"Đ": "D", "đ": "d", "İ": "I", "ı": "i", "Þ": "Th", "þ": "th", "ς": "σ", "ё": "е", "Ё": "Е"}
)


def searchable(text: str) -> str:
    """As it is kept to be searched, and as a query is asked.

    >>> searchable("Straße"), searchable("家族写真2019")
    ('Strasse', '家 族 写 真 2019')
    """
    if text.isascii():
        return text
    return _BETWEEN.sub(" ", unicodedata.normalize("NFKC", text).translate(_LETTERS))


def spellings(path: str) -> list[str]:
    """The path, and the same with the accents of its folders written in the other ways (NFC and NFD)."""
    if path.isascii():
        return [path]
    forms = [list(dict.fromkeys(_forms(part))) for part in path.split(os.sep)]
    return list(dict.fromkeys([path, *(os.sep.join(parts) for parts in islice(product(*forms), MAX_SPELLINGS))]))


def _forms(part: str) -> Iterator[str]:
    yield part
    yield unicodedata.normalize("NFC", part)
    yield unicodedata.normalize("NFD", part)
