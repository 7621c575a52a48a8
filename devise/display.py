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
