"""Contact sheets of what commands find: each photo with its tags, and where it shows what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from devise.cli.output import show
from devise.errors import DeviseError
from devise.web.page import Card, write

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from devise.library import Library
    from devise.results import Match, WordMatch

Pieces = Sequence[str | Path]


def of_matches(
    file: Path, heading: str, matches: Sequence[Match], library: Library, *, why: Pieces | None, relative: bool
) -> None:
    """why: the query that the photos are lit up by."""
    cards = [
        Card(match.path, match.score, _tags_or_none(library, match.path), _heat_or_none(library, match.path, why))
        for match in matches
    ]
    _write(file, heading, cards, relative)


def of_tags(file: Path, tagged: Sequence[tuple[str, Sequence[WordMatch]]], *, relative: bool) -> None:
    _write(file, "tags", [Card(path, None, tuple(tags)) for path, tags in tagged], relative)


def _write(file: Path, heading: str, cards: Sequence[Card], relative: bool) -> None:
    write(file, heading, cards, relative=relative)
    show.note(f"contact sheet: {file}")


def _tags_or_none(library: Library, path: str) -> tuple[WordMatch, ...]:
    """The tags of a photo, or none: a sheet is worth having when the model knows no words."""
    try:
        return tuple(library.tag(path))
    except DeviseError:
        return ()


def _heat_or_none(library: Library, path: str, query: Pieces | None) -> NDArray[np.float32] | None:
    """Where a photo shows what was asked for, if that is to be shown and can be told."""
    from devise.search.explain import hottest

    if query is None:
        return None
    try:
        return hottest(library.explain(path, query))
    except DeviseError:
        return None
