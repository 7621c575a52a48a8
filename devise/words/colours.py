"""Colours in queries: by number, "#c03020 dress", and as what a photo mostly has, "mostly blue".

Each also has the name of the nearest basic colour, a word that models learn: what asks for it where a photo is looked
at in parts, and where a library knows no colours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_LETTERS = r"(?=[0-9a-f]*\d|([0-9a-f])\1*(?!\w))"  # "#bee" and "#decade" are words, "#fff" is none
_NUMBER = re.compile(rf"#{_LETTERS}(?P<digits>[0-9a-f]{{6}}|[0-9a-f]{{3}})", re.IGNORECASE)
_MOSTLY = re.compile(r"(?:mostly|mainly) (?P<colour>\S+)", re.IGNORECASE)
# The eleven basic colour words of English (Berlin and Kay, 1969), each where it is light, usual and dark
NAMED: Mapping[str, tuple[int, ...]] = {
    "red": (0xE03030, 0xC02020, 0x801818),
    "orange": (0xF0A050, 0xF08020, 0xC06010),
    "yellow": (0xF8F090, 0xF0E030, 0xC8B020),
    "green": (0x90D080, 0x40A040, 0x205020, 0x708030),
    "blue": (0x90C0E8, 0x3060C0, 0x182860, 0x40C0D0),
    "purple": (0xC8A0E0, 0x8040A0, 0x502060),
    "pink": (0xF8C8D0, 0xF080B0, 0xD83080),
    "brown": (0xB08860, 0x885020, 0x503018),
    "black": (0x000000, 0x202020),
    "white": (0xFFFFFF, 0xF0F0E8),
    "gray": (0xC0C0C0, 0x808080, 0x505050),
}


def colour_of(text: str) -> str | None:
    """What a word or phrase says of colours: six digits, or a basic name where most of the photo is meant.

    >>> [colour_of(text) for text in ("#C03020", "#fff", "mostly grey", "mostly #fff", "blue", "#bee")]
    ['c03020', 'ffffff', 'gray', 'ffffff', None, None]
    """
    is_mostly = _MOSTLY.fullmatch(text)
    colour = is_mostly["colour"] if is_mostly else text
    if found := _NUMBER.fullmatch(colour):
        digits = found["digits"].lower()
        return digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
    return colour_word(colour) if is_mostly else None


def colour_word(text: str) -> str | None:
    """The one of the eleven that a word is.

    >>> colour_word("Grey"), colour_word("crimson")
    ('gray', None)
    """
    word = {"grey": "gray"}.get(text.lower(), text.lower())
    return word if word in NAMED else None


def colour_name(colour: str) -> str:
    """The nearest of the basic colours, of six digits or of one of their names.

    >>> colour_name("c03020"), colour_name("ffffff"), colour_name("blue")
    ('red', 'white', 'blue')
    """
    if colour in NAMED:
        return colour
    number = int(colour, 16)
    return min(NAMED, key=lambda name: min(_apart(number, one) for one in NAMED[name]))


def _apart(one: int, other: int) -> float:
    """About how different two colours look ("redmean": T. Riemersma, compuphase.com/cmetric.htm), squared."""
    (r, g, b), (s, h, c) = one.to_bytes(3), other.to_bytes(3)
    mean = (r + s) / 2
    return (2 + mean / 256) * (r - s) ** 2 + 4 * (g - h) ** 2 + (2 + (255 - mean) / 256) * (b - c) ** 2
