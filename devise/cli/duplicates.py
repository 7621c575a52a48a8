"""`devise duplicates`: groups of photos that are the same picture, and which of them may go."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devise import display
from devise.cli.options import Csv, Html, Json, LibraryPath, Null, Paths, Relative, form
from devise.cli.output import show, targets
from devise.cli.output.form import Form
from devise.errors import counted
from devise.store.paths import is_below

if TYPE_CHECKING:
    from devise.library import Library
    from devise.reports import DuplicateGroup, DuplicatePhoto


class Kind(StrEnum):
    """How much photos have in common."""

    same = "same"
    near = "near"
    similar = "similar"


def duplicates(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="Only photos in these folders.", show_default=False, readable=False),
    ] = None,
    up_to: Annotated[
        Kind | None,
        typer.Option(
            "--up-to",
            show_default=False,
            help="same: saved again, resized, another format. near: and brighter, with text, mirrored, turned. "
            "similar: and bursts and crops. Usually near; for --paths and -0 same.",
        ),
    ] = None,
    library: LibraryPath = None,
    json: Json = False,
    csv: Csv = False,
    paths: Paths = False,
    null: Null = False,
    html: Html = None,
    relative: Relative = False,
) -> None:
    """Find photos that are the same picture. Nothing is ever deleted.

    Each group says which photo to keep. --paths and -0 give those that may go; --html a page to choose them on.

    devise duplicates ~/Pictures --html duplicates.html

    devise duplicates -0 | xargs -0 trash
    """
    from devise.analysis.similar import USUAL, similar_cosine
    from devise.library import Library

    chosen = form(json, csv, paths, null)
    wanted = up_to or (Kind.same if chosen in (Form.PATHS, Form.NULL) else Kind.near)
    targets.check(html, targets.PAGE)
    with Library(library) as opened:
        groups = opened.duplicates(folders or (), up_to=wanted.value)
        count = 0 if groups else _num_photos(opened, folders or ())
        model = opened.info().model
    if wanted is Kind.similar and model and similar_cosine(model.fingerprints().get("features", "")) is None:
        show.note(f'from which cosine on photos are similar was not measured for the model "{model.name}": {USUAL}')
    if html:  # first: when it fails, stdout stays empty
        from devise.web.duplicates import write

        write(html, groups, relative=relative)
        show.note(f"page of duplicates: {html}")
    show.output(_output(groups, count, wanted, relative), chosen)


def _num_photos(library: Library, folders: Sequence[Path]) -> int:
    """In those folders; without any, in all."""
    roots = [os.path.abspath(folder) for folder in folders]  # noqa: PTH100 (links stay as they are)
    return sum(not roots or any(is_below(path, root) for root in roots) for path in library.paths())


def _output(groups: list[DuplicateGroup], count: int, wanted: Kind, relative: bool) -> show.Output:
    numbered = list(enumerate(groups, 1))
    lines = [(number, group, photo) for number, group in numbered for photo in (group.keep, *group.others)]

    def path(photo: DuplicatePhoto) -> str:
        return show.path(photo.path, relative)

    def role(group: DuplicateGroup, photo: DuplicatePhoto) -> str:
        return f"keep: {group.why}" if photo is group.keep else photo.how

    columns = ("group", "kind", "path", "role", "bytes", "pixels", "distance")
    return show.Output(
        columns=columns,
        rows=[
            (n, g.kind, path(p), "keep" if p is g.keep else p.how, p.bytes, p.pixels, p.distance) for n, g, p in lines
        ],
        document=[_document(group, relative) for group in groups],
        paths=[path(photo) for group in groups for photo in group.others],
        table_columns=("", "", "photo", "", "megapixels", "kB", "distance"),
        table=[
            (
                n if p is g.keep else "",
                g.kind if p is g.keep else "",
                display.name(p.path),
                role(g, p),
                f"{p.pixels / 1e6:.1f}" if p.pixels else "",
                f"{p.bytes / 1e3:,.0f}",
                "" if p is g.keep else f"{p.distance:.3g}",
            )
            for n, g, p in lines
        ],
        nothing=f"no {'duplicates' if wanted is Kind.same else 'duplicates or near ones'} "
        f"among {counted(count, 'photo')}",
    )


def _document(group: DuplicateGroup, relative: bool) -> dict[str, object]:
    said = group.to_json()
    for photo in (said["keep"], *said["others"]):
        photo["path"] = show.path(photo["path"], relative)
    return said
