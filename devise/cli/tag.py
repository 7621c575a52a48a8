"""`devise tag`: words for photos."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devise import display
from devise.cli import several
from devise.cli.options import Csv, Html, Json, Jsonl, LibraryPath, Null, OpenPage, Paths, Relative, Top, form
from devise.cli.output import show, targets
from devise.config import TagConfig
from devise.errors import DeviseError, PhotoError

if TYPE_CHECKING:
    from devise.results import Answer, WordMatch

Tagged = tuple[str, "Answer[WordMatch]"]


def tag(
    photos: Annotated[
        list[Path],
        typer.Argument(
            help="Photos, and folders whose photos are all tagged; - reads names from stdin.",
            readable=False,
            allow_dash=True,
        ),
    ],
    k: Top = TagConfig.k,
    any_word: Annotated[
        bool,
        typer.Option("--any-word", help="Choose from all words that have a vector, not only learnt ones."),
    ] = False,
    sure: Annotated[
        float,
        typer.Option("--sure", help="Least probability of a tag, 0 to 1; 0 gives the best whatever they are."),
    ] = TagConfig.sure,
    library: LibraryPath = None,
    json: Json = False,
    jsonl: Jsonl = False,
    csv: Csv = False,
    paths: Paths = False,
    null: Null = False,
    html: Html = None,
    open_page: OpenPage = False,
    relative: Relative = False,
) -> None:
    """Name what photos show. A word is given with its probability, or its cosine where the model knows none.

    A photo that nothing fits has no tags.

    A photo that cannot be read is named on stderr and left out. Exit status 1 if it was given by name.

    devise tag cat.jpg holiday/ --csv

    find . -name '*.jpg' | devise tag - --jsonl
    """
    from devise.library import Library

    chosen = form(json or jsonl, csv, paths, null)
    targets.check(html, targets.PAGE)
    with Library(library) as opened:
        tagged, failed = _tag_all(photos, partial(opened.tag, k=k, any_word=any_word, sure=sure), relative, jsonl)
    if failed and not tagged:
        raise failed[0]
    if html or open_page:  # first: when it fails, stdout stays empty
        from devise.cli import sheet

        sheet.of_tags(sheet.Page(html, open_page, relative), tagged)
    if not jsonl:
        show.output(_output([(show.path(path, relative), tags) for path, tags in tagged]), chosen)
    for error in failed:
        show.note(f"error: {show.path(error.path, relative)}: {error.reason}")
    if failed:
        raise typer.Exit(1)


def _tag_all(
    photos: Sequence[Path], tags_of: Callable[[str], Answer[WordMatch]], relative: bool, jsonl: bool
) -> tuple[list[Tagged], list[PhotoError]]:
    """Tags for all that can be read, told at once where lines are wanted, and errors of photos given by name."""
    tagged: list[Tagged] = []
    failed: list[PhotoError] = []
    is_named: dict[str, bool] = {}

    def paths() -> Iterator[str]:
        for path, by_name in _expand(several.named(photos), relative):
            is_named[path] = by_name
            yield path

    for path, found in several.each(paths(), tags_of):
        if not isinstance(found, PhotoError):
            tagged.append((path, found))
            if jsonl:
                several.line({"path": show.path(path, relative), "tags": found.to_json()})
        elif is_named[path]:
            failed.append(found)
        else:
            show.note(f"skipped {show.path(found.path, relative)}: {found.reason}")
    return tagged, failed


def _expand(photos: Iterable[Path], relative: bool) -> Iterator[tuple[str, bool]]:
    """Every photo with whether it was given by name; folders give theirs in order."""
    from devise.photos import Trouble, find

    for photo in photos:
        if not os.path.isdir(photo):  # noqa: PTH112 (which never raises)
            yield str(photo), True
            continue
        count = 0
        for found in find([photo]):
            count += 1
            if isinstance(found, Trouble) and found.path == os.path.abspath(photo):  # noqa: PTH100 (links stay)
                raise DeviseError(f"{found.path}: {found.reason}")
            if isinstance(found, Trouble):
                show.note(f"skipped {show.path(found.path, relative)}: {found.reason}")
            else:
                yield found.path, False
        if not count:
            raise DeviseError(f"{photo} holds no photos; give a folder with photos, or photos by name")


def _output(tagged: Sequence[Tagged]) -> show.Output:
    return show.Output(
        columns=("path", "word", "score", "probability"),
        rows=[
            (path, match.word, match.score, "" if match.probability is None else match.probability)
            for path, tags in tagged
            for match in tags
        ],
        document=[{"path": path, "tags": tags.to_json()} for path, tags in tagged],
        paths=[path for path, _ in tagged],
        table_columns=("photo", "tags"),
        table=[
            (
                display.name(path),
                "  ".join(f"{tag.word} {display.worth(tag.score, tag.probability)}" for tag in tags) or "-",
            )
            for path, tags in tagged
        ],
        nothing="no tags",
    )
