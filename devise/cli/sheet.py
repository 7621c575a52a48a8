"""Contact sheets of what commands find: each photo with its tags, and where it shows what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from devise import config
from devise.cli import matches
from devise.cli.output import show
from devise.errors import DeviseError
from devise.web.page import Card, write

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from devise.library import Library
    from devise.results import Answer, Match, WordMatch

Pieces = Sequence[str | Path]


class Page(NamedTuple):
    """file: None is one of its own, among what can be deleted at any time. is_shown: in a browser."""

    file: Path | None
    is_shown: bool = False
    is_relative: bool = False


def of_matches(page: Page, heading: str, answer: Answer[Match], library: Library, *, why: Pieces | None) -> None:
    """why: the query that the photos are lit up by."""
    cards = [
        Card(
            match.path,
            matches.figure(match),
            _tags_or_none(library, match.path),
            _heat_or_none(library, match.path, why),
            is_certain=match.is_certain is not False,
        )
        for match in answer
    ]
    _write(page, heading, cards, matches.nothing(answer))


def of_tags(page: Page, tagged: Sequence[tuple[str, Sequence[WordMatch]]]) -> None:
    _write(page, "tags", [Card(path, None, tuple(tags)) for path, tags in tagged])


def _write(page: Page, heading: str, cards: Sequence[Card], notes: Sequence[str] = ()) -> None:
    file = page.file or config.user_cache() / "sheet.html"
    write(file, heading, cards, notes=notes, relative=page.is_relative and page.file is not None)
    show.note(f"contact sheet: {file}")
    if page.is_shown:
        import webbrowser

        if not webbrowser.open(file.resolve().as_uri()):
            show.note(f"no browser was found; open {file} in one")


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
