"""`devise search` and `devise similar`: photos for words, photos for a photo."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devise import config, display
from devise.cli.options import (
    After,
    Before,
    Csv,
    Html,
    Inside,
    Json,
    Kind,
    Larger,
    LibraryPath,
    Null,
    Paths,
    Relative,
    Text,
    Top,
    form,
)
from devise.cli.output import show, targets
from devise.cli.output.form import Form

if TYPE_CHECKING:
    from devise.library import Library, Where
    from devise.results import Match


class SpaceName(StrEnum):
    """Where photos are compared: features see looks, words see meaning."""

    features = "features"
    words = "words"


Like = Annotated[
    str | None,
    typer.Option(
        metavar="CLASS",
        show_default=False,
        help="Compare photos by what tells a class of the model apart: a name such as siamese cat, or a word.",
    ),
]


def search(
    query: Annotated[
        list[str] | None,
        typer.Argument(help="Words, phrases and photos.", show_default=False),
    ] = None,
    k: Top = config.TOP,
    every: Annotated[
        bool,
        typer.Option("--all/--average", help="Every term has to be in the photo, or the mean of their scores counts."),
    ] = True,
    min_score: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            show_default=False,
            help="Least probability of a photo to be what was asked for; 0 shows the nearest. Usually 0.1 a term.",
        ),
    ] = None,
    like: Like = None,
    text: Text = None,
    inside: Inside = None,
    after: After = None,
    before: Before = None,
    kind: Kind = None,
    larger: Larger = None,
    why: Annotated[
        bool, typer.Option("--why", help="Show what each term gives a photo, and on a contact sheet where it is.")
    ] = False,
    library: LibraryPath = None,
    json: Json = False,
    csv: Csv = False,
    paths: Paths = False,
    null: Null = False,
    html: Html = None,
    relative: Relative = False,
) -> None:
    """Find photos by words and photos. All that is asked for has to be in them.

    "golden retriever" is one thing, 2:beach counts twice, red-dress.jpg is a photo, and after -- a minus pushes away.

    devise search sofa cat -k 9 --html result.html

    devise search red-dress.jpg + blue

    devise search -- 2:beach sunset -people

    devise search boat --text "lake garda" --after 2019 --larger 10MP
    """
    from devise.library import Library, Where

    chosen = form(json, csv, paths, null)
    if not query and text is None:
        raise typer.BadParameter("ask with words, photos or --text")
    pieces, asked = [photo_or_text(piece) for piece in query or ()], " ".join(query or [f"--text {text}"])
    where = Where(text=text, inside=inside, after=after, before=before, kind=kind, larger=larger)
    targets.check(html, targets.PAGE)
    with Library(library) as opened:
        _say_classes(opened, like)
        matches = opened.search(pieces, k, average=not every, min_probability=min_score, like=like, where=where)
        _say_texts(opened, pieces)
        if html:  # first: when it fails, stdout stays empty
            _sheet(html, asked, matches, opened, pieces if why else None, relative)
        _show(_told(matches, relative), chosen, _nothing(opened, asked if pieces else "", min_score, where), why)


def _nothing(library: Library, asked: str, min_score: float | None, where: Where) -> str:
    """Why no photo was found."""
    from devise.library import Where

    if where and not library.count(where):
        undated = library.count(Where()) - library.count(Where(after="0001")) if where.after or where.before else 0
        said = f"; {undated:,} do not say when they were taken" if undated else ""
        return f"no photo of the library is of that folder, time, type, size and text{said}"
    if not asked:
        return "no photo of the library has all that in its names and captions"
    likely = "likely" if min_score is None else f"{min_score:.0%} likely"
    return f'no photo is {likely} to be "{asked}"; --min-score 0 shows the nearest ones'


def _say_texts(library: Library, query: Sequence[str | Path]) -> None:
    """Which words are not seen, but read in names and captions."""
    for word, count in library.looked_up(query).items():
        which = "without those" if word.startswith("-") else "only those"
        said = f'"{word.lstrip("-")}" has no word vector; it is in the names or captions of {count:,} photos'
        show.note(f"{said}: {which}")


def _say_classes(library: Library, like: str | None) -> None:
    """Which classes are meant, where that is not plain."""
    if like is not None and (note := library.like(like).note):
        show.note(note)


def photo_or_text(piece: str) -> str | Path:
    """An argument that names a photo is one, whatever spaces and signs its name has."""
    path = Path(piece)
    is_photo = path.suffix.lower() in config.PHOTO_SUFFIXES
    return path if is_photo and os.path.isfile(piece) else piece  # noqa: PTH113 (a long text is no name, not an error)


def similar(
    photo: Annotated[
        Path, typer.Argument(help="A photo in the library or anywhere else.", show_default=False, readable=False)
    ],
    k: Top = config.TOP,
    space: Annotated[
        SpaceName, typer.Option(help="features: photos that look alike. words: photos that mean the same.")
    ] = SpaceName.features,
    like: Like = None,
    text: Text = None,
    inside: Inside = None,
    after: After = None,
    before: Before = None,
    kind: Kind = None,
    larger: Larger = None,
    library: LibraryPath = None,
    json: Json = False,
    csv: Csv = False,
    paths: Paths = False,
    null: Null = False,
    html: Html = None,
    relative: Relative = False,
) -> None:
    """Find photos like a photo. The photo itself and its copies are left out.

    devise similar cat.jpg --space words

    devise similar cat-with-bottle.jpg --like "siamese cat"
    """
    from devise.library import Library, Where

    chosen = form(json, csv, paths, null)
    where = Where(text=text, inside=inside, after=after, before=before, kind=kind, larger=larger)
    targets.check(html, targets.PAGE)
    with Library(library) as opened:
        _say_classes(opened, like)
        matches = opened.similar(photo, k, space=space.value, like=like, where=where)
        if html:
            _sheet(html, f"like {photo.name}", matches, opened, None, relative)
        nothing = f"no photo besides {show.told(str(photo), relative)}; add some with: devise index FOLDER"
        _show(_told(matches, relative), chosen, "no other photo of the library is of that kind" if where else nothing)


def _show(matches: Sequence[Match], chosen: Form, nothing: str, why: bool = False) -> None:
    """Probabilities and terms in JSON and on the terminal, if there are any: CSV and lines keep their columns."""
    asked = [term.text for term in matches[0].terms] if why and matches else []
    known = any(match.probability is not None for match in matches)
    found = show.Answer(
        columns=("path", "score"),
        rows=[(match.path, match.score) for match in matches],
        document=[_document(match, why) for match in matches],
        paths=[match.path for match in matches],
        table_columns=("", "photo", "score", *(["probability"] if known else []), *asked),
        table=[
            (
                rank,
                display.name(match.path),
                match.score,
                *([_percent(match.probability)] if known else []),
                *(_percent(term.probability) or f"{term.score:.3f}" for term in match.terms if asked),
            )
            for rank, match in enumerate(matches, 1)
        ],
        nothing=nothing,
    )
    show.answer(found, chosen)


def _document(match: Match, why: bool) -> dict[str, object]:
    about: dict[str, object] = {"path": match.path, "score": match.score}
    if match.probability is not None:
        about["probability"] = match.probability
    if why:
        about["terms"] = [
            {"term": term.text, "weight": term.weight, "score": term.score, "probability": term.probability}
            for term in match.terms
        ]
    return about


def _percent(probability: float | None) -> str:
    return f"{probability:.0%}" if probability is not None else ""


def _told(matches: Sequence[Match], relative: bool) -> list[Match]:
    return [replace(match, path=show.told(match.path, relative)) for match in matches]


def _sheet(
    file: Path,
    heading: str,
    matches: Sequence[Match],
    library: Library,
    why: Sequence[str | Path] | None,
    relative: bool,
) -> None:
    """why: the query that the photos are lit up by."""
    from devise.web.page import Card, heat_or_none, tags_or_none, write

    cards = [
        Card(match.path, match.score, tags_or_none(library, match.path), heat_or_none(library, match.path, why))
        for match in matches
    ]
    write(file, heading, cards, relative=relative)
    show.note(f"contact sheet: {file}")
