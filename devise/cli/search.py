"""`devise search` and `devise similar`: photos for words, photos for a photo."""

from __future__ import annotations

import os
from dataclasses import replace
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
from devise.results import Answer

if TYPE_CHECKING:
    from devise.results import Match, Note


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
    k: Top = config.SearchConfig.top,
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
        answer = opened.search(pieces, k, average=not every, min_probability=min_score, like=like, where=where)
        _tell(answer, relative)
        if html:  # first: when it fails, stdout stays empty
            from devise.cli import sheet

            sheet.of_matches(html, asked, answer, opened, why=pieces if why else None, relative=relative)
        _show(answer, chosen, why, relative)


def photo_or_text(piece: str) -> str | Path:
    """An argument that names a photo is one, whatever spaces and signs its name has."""
    path = Path(piece)
    is_photo = path.suffix.lower() in config.PHOTO_SUFFIXES
    return path if is_photo and os.path.isfile(piece) else piece  # noqa: PTH113 (a long text is no name, not an error)


def similar(
    photo: Annotated[
        Path, typer.Argument(help="A photo in the library or anywhere else.", show_default=False, readable=False)
    ],
    k: Top = config.SearchConfig.top,
    space: Annotated[
        str,
        typer.Option(
            metavar="SPACE",
            help="features: photos that look alike. words: that mean the same. colour: of the same colours. "
            "phash, dhash, ahash: the same picture.",
        ),
    ] = "features",
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
        answer = opened.similar(photo, k, space=space, like=like, where=where)
        _tell(answer, relative)
        if html:
            from devise.cli import sheet

            sheet.of_matches(html, f"like {photo.name}", answer, opened, why=None, relative=relative)
        _show(answer, chosen, False, relative)


def _show(answer: Answer[Match], chosen: Form, why: bool, relative: bool) -> None:
    """Probabilities and terms in JSON and on the terminal, if there are any: CSV and lines keep their columns."""
    matches = Answer.of(replace(match, path=show.path(match.path, relative)) for match in answer)
    terms = [term.text for term in matches[0].terms] if why and matches else []
    known = any(match.probability is not None for match in matches)
    found = show.Output(
        columns=("path", "score"),
        rows=[(match.path, match.score) for match in matches],
        document=matches.to_json(why),
        paths=[match.path for match in matches],
        table_columns=("", "photo", "score", *(["probability"] if known else []), *terms),
        table=[
            (
                rank,
                display.name(match.path),
                match.score,
                *([_percent(match.probability)] if known else []),
                *(_percent(term.probability) or f"{term.score:.3f}" for term in match.terms if terms),
            )
            for rank, match in enumerate(matches, 1)
        ],
        nothing="".join(_shown(note, relative) for note in answer.notes if note.kind == "nothing"),
    )
    show.output(found, chosen)


def _percent(probability: float | None) -> str:
    return f"{probability:.0%}" if probability is not None else ""


def _tell(answer: Answer[Match], relative: bool) -> None:
    """What is to be known beside the matches; why there are none is told in their place."""
    for note in answer.notes:
        if note.kind != "nothing":
            show.note(_shown(note, relative))


def _shown(note: Note, relative: bool) -> str:
    return show.relative_paths(note.text) if relative else note.text
