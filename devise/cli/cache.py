"""`devise cache`: what devise keeps to be faster, and how to be rid of it."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer

from devise import config
from devise.cli.options import Json, form
from devise.cli.output import show
from devise.errors import DeviseError, writing

CLEAR = "clear"


def cache(
    what: Annotated[
        str | None, typer.Argument(metavar="[clear]", show_default=False, help="Delete it; nothing is lost by it.")
    ] = None,
    json: Json = False,
) -> None:
    """Show or clear the cache. Features of photos that were trained on, graphs of word vectors; all is made again.

    devise cache

    devise cache clear
    """
    if what not in (None, CLEAR):
        raise DeviseError(f'no "{what}" in devise cache; say devise cache, or devise cache {CLEAR}')
    folder = config.user_cache()
    rows = []
    for inner in sorted(folder.iterdir()) if folder.is_dir() else []:
        files = [file for file in inner.rglob("*") if file.is_file()] if inner.is_dir() else [inner]
        rows.append((inner.name, len(files), sum(file.stat().st_size for file in files)))
    if what == CLEAR:
        for name, *_ in rows:
            with writing(folder / name):
                shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink()
        show.note(f"deleted {sum(row[2] for row in rows) / 1e6:,.1f} MB in {folder}")
    left = [] if what == CLEAR else rows
    document = {"path": str(folder), "num_bytes": sum(row[2] for row in left),
                "parts": [{"name": name, "files": files, "num_bytes": size} for name, files, size in left]}  # fmt: skip
    if what == CLEAR and not json:
        return
    table = [(name, f"{files:,}", f"{size / 1e6:,.1f} MB") for name, files, size in left]
    show.output(show.Output(columns=("cache", "files", "bytes"), rows=left, document=document, table=table,
                            nothing=f"nothing in {folder}"), form(json))  # fmt: skip
