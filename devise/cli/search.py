"""`devise search` and `devise similar`: photos for words, photos for a photo."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from devise import config
from devise.cli import matches, preview, several
from devise.cli.options import (
    After,
    Before,
    Csv,
    Html,
    Inside,
    Json,
    Jsonl,
    Kind,
    Larger,
    LibraryPath,
    Null,
    OpenPage,
    Paths,
    Preview,
    Relative,
    Text,
    Top,
    form,
)
from devise.cli.output import targets

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
            help="Leave out photos less likely than that to be what was asked for, 0 to 1.",
        ),
    ] = None,
    all_answers: Annotated[
        bool,
        typer.Option("--all-answers", help="Paths, lines and CSV too have what is less certain: below 0.1."),
    ] = False,
    like: Like = None,
    space: Annotated[
        str,
        typer.Option(metavar="SPACE", help="Compare in a space that was imported with its words, such as clip."),
    ] = "words",
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
    open_page: OpenPage = False,
    see: Preview = False,
    relative: Relative = False,
) -> None:
    """Find photos by words and photos. All that is asked for has to be in them.

    "golden retriever" is one thing, "dog or cat" either, 2:beach counts twice, red-dress.jpg is a photo, and -cat or
    "without cat" pushes cats away. Photos that are unlikely come last, apart.

    devise search sofa cat -k 9 --html result.html

    devise search red-dress.jpg + blue

    devise search 2:beach sunset -people

    devise search boat --text "lake garda" --after 2019 --larger 10MP
    """
    from devise.library import Library, Where

    chosen = form(json, csv, paths, null)
    if not query and text is None:
        raise typer.BadParameter("ask with words, photos or --text")
    pieces, asked = [photo_or_text(piece) for piece in query or ()], " ".join(query or [f"--text {text}"])
    where = Where(text=text, inside=inside, after=after, before=before, kind=kind, larger=larger)
    targets.check(html, targets.PAGE)
    if see:
        preview.check()
    with Library(library) as opened:
        answer = opened.search(
            pieces, k, average=not every, min_probability=min_score, like=like, where=where, space=space
        )
        matches.tell(answer, relative)
        if html or open_page:  # first: when it fails, stdout stays empty
            from devise.cli import sheet

            page = sheet.Page(html, is_shown=open_page, is_relative=relative)
            has_parts = why and space == "words"  # where something is seen is told in that space alone
            sheet.of_matches(page, asked, answer, opened, why=pieces if has_parts else None)
        if see:
            preview.show(answer)
        is_cut = min_score is not None or all_answers
        matches.show_matches(answer, chosen, why=why, relative=relative, has_all=is_cut)


def photo_or_text(piece: str) -> str | Path:
    """An argument that names a photo is one, whatever spaces and signs its name has."""
    path = Path(piece)
    is_photo = path.suffix.lower() in config.PHOTO_SUFFIXES
    return path if is_photo and os.path.isfile(piece) else piece  # noqa: PTH113 (a long text is no name, not an error)


def similar(
    photos: Annotated[
        list[Path],
        typer.Argument(
            help="Photos in the library or anywhere else; - reads names from stdin.",
            show_default=False,
            readable=False,
            allow_dash=True,
        ),
    ],
    k: Top = config.SearchConfig.top,
    space: Annotated[
        str,
        typer.Option(
            metavar="SPACE",
            help="features: photos that look alike. words: that mean the same. colour: of the same colours. "
            "phash, dhash, ahash: the same picture. bits: codes that the model has learnt. "
            "local: the same place or thing. One that was imported. Several with weights: features,0.5:colour.",
        ),
    ] = "features",
    order: Annotated[
        str | None,
        typer.Option(metavar="SPACE", show_default=False, help="Put those near by --space in the order of this one."),
    ] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=X", show_default=False, help="What an attribute counts, others 1: colour=2. May be repeated."
        ),
    ] = None,
    exemplar: Annotated[
        bool, typer.Option("--exemplar", help="Those near in the order of what tells the photo from all others.")
    ] = False,
    poses: Annotated[
        bool, typer.Option("--poses", help="Also like the photo turned by quarters and mirrored (its file is read).")
    ] = False,
    like: Like = None,
    text: Text = None,
    inside: Inside = None,
    after: After = None,
    before: Before = None,
    kind: Kind = None,
    larger: Larger = None,
    library: LibraryPath = None,
    json: Json = False,
    jsonl: Jsonl = False,
    csv: Csv = False,
    paths: Paths = False,
    null: Null = False,
    html: Html = None,
    open_page: OpenPage = False,
    see: Preview = False,
    relative: Relative = False,
) -> None:
    """Find photos like a photo, or like each of several. The photo itself and its copies are left out.

    devise similar cat.jpg --space words

    devise similar cat.jpg --space bits --order features

    devise similar shoe.jpg --space features,0.5:colour

    devise similar shoe.jpg --space attributes --weight colour=2

    devise similar cat-with-bottle.jpg --like "siamese cat"

    find products -name '*.jpg' | devise similar - -k 3 --jsonl
    """
    from devise.library import Library, Where
    from devise.search.attributes import weights_of

    chosen = form(json or jsonl, csv, paths, null)
    where = Where(text=text, inside=inside, after=after, before=before, kind=kind, larger=larger)
    targets.check(html, targets.PAGE)
    if see:
        preview.check()
    with Library(library) as opened:
        ask = partial(opened.similar, k=k, space=space, order=order, like=like, where=where, poses=poses,
                      weights=weights_of(weight or ()), exemplar=exemplar)  # fmt: skip
        if len(photos) > 1 or str(photos[0]) == several.STDIN or jsonl:
            if html or open_page:
                raise typer.BadParameter("a contact sheet is of what is like one photo; name one, or leave it out")
            answers = several.each(several.named(photos), ask)
            if not matches.show_each(answers, chosen, relative=relative, jsonl=jsonl):
                raise typer.Exit(1)
            return
        answer = ask(photos[0])
        matches.tell(answer, relative)
        if html or open_page:
            from devise.cli import sheet

            page = sheet.Page(html, is_shown=open_page, is_relative=relative)
            sheet.of_matches(page, f"like {photos[0].name}", answer, opened, why=None)
        if see:
            preview.show(answer)
        matches.show_matches(answer, chosen, why=False, relative=relative, has_all=True)
