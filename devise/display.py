"""Texts and paths as people read them, on a terminal and on pages."""

from __future__ import annotations

from pathlib import Path


def printable(text: str) -> str:
    """`text` for a terminal: bytes that are no UTF-8 and control characters are escaped."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def name(path: str) -> str:
    """A path as a person would write it: relative to the working folder, or from ~."""
    for base, prefix in ((Path.cwd(), ""), (Path.home(), "~/")):
        if Path(path).is_relative_to(base):
            return prefix + str(Path(path).relative_to(base))
    return path


def escaped(text: str) -> str:
    """`text` for HTML and SVG."""
    from html import escape  # which no terminal needs

    return escape(printable(text))


def worth(score: float, probability: float | None, digits: int = 2) -> str:
    """The one figure beside a photo or a word: its probability, or the score where nobody knows that.

    >>> worth(0.4567, None), worth(0.4567, 0.81)
    ('0.46', '81%')
    """
    return f"{score:.{digits}f}" if probability is None else percent(probability)


def percent(probability: float) -> str:
    """A probability as people read it: never certain, and never nothing.

    >>> percent(0.123), percent(0.0004), percent(0.9999)
    ('12%', '<1%', '>99%')
    """
    if 0 < probability < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= probability < 1 else f"{probability:.0%}"
