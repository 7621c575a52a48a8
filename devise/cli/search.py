"""`devise search` and `devise similar`: photos for words, photos for a photo."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devise import config
from devise.cli import show
from devise.cli.options import Csv, Form, Html, Json, LibraryPath, Null, Paths, Top, form

if TYPE_CHECKING:
    from devise.library import Library
    from devise.vectors import Match


class SpaceName(StrEnum):
    """Where photos are compared: features see looks, words see meaning."""

    features = "features"
    words = "words"


def search(
    query: Annotated[list[str], typer.Argument(help="Words, quoted or not: sofa cat.", show_default=False)],
    k: Top = config.TOP,
    library: LibraryPath = None,
    json: Json = False,
    csv: Csv = False,
    paths: Paths = False,
    null: Null = False,
    html: Html = None,
) -> None:
    """Find photos by words. Several words look for photos that show all of them.

    devise search sofa cat -k 9 --html result.html
    """
    from devise.library import Library

    chosen = form(json, csv, paths, null)
    text = " ".join(query)
    with Library(library) as opened:
        matches = opened.search(text, k)
        if html:  # first: when it fails, stdout stays empty
            _sheet(html, text, matches, opened)
        _show(matches, chosen, f'no photo for "{text}"; add some with: devise index FOLDER')


def similar(
    photo: Annotated[
        Path, typer.Argument(help="A photo in the library or anywhere else.", show_default=False, readable=False)
    ],
    k: Top = config.TOP,
    space: Annotated[
        SpaceName, typer.Option(help="features: photos that look alike. words: photos that mean the same.")
    ] = SpaceName.features,
    library: LibraryPath = None,
    json: Json = False,
    csv: Csv = False,
    paths: Paths = False,
    null: Null = False,
    html: Html = None,
) -> None:
    """Find photos like a photo. The photo itself and its copies are left out.

    devise similar cat.jpg --space words
    """
    from devise.library import Library

    chosen = form(json, csv, paths, null)
    with Library(library) as opened:
        matches = opened.similar(photo, k, space=space.value)
        if html:
            _sheet(html, f"like {photo.name}", matches, opened)
        _show(matches, chosen, f"no photo besides {photo}; add some with: devise index FOLDER")


def _show(matches: Sequence[Match], chosen: Form, nothing: str) -> None:
    found = show.Answer(
        columns=("path", "score"),
        rows=[(match.path, match.score) for match in matches],
        document=[{"path": match.path, "score": match.score} for match in matches],
        paths=[match.path for match in matches],
        table_columns=("", "photo", "score"),
        table=[(rank, show.name(match.path), match.score) for rank, match in enumerate(matches, 1)],
        nothing=nothing,
    )
    show.answer(found, chosen)


def _sheet(file: Path, heading: str, matches: Sequence[Match], library: Library) -> None:
    from devise.cli.sheet import Card, tags_or_none, write

    write(file, heading, [Card(match.path, match.score, tags_or_none(library, match.path)) for match in matches])
    show.note(f"contact sheet: {file}")
