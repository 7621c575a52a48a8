"""`devise map`: the groups of a library, and where each photo stands."""

from __future__ import annotations

from typing import Annotated

import typer

from devise.cli.options import Csv, Json, Labels, LibraryPath, form
from devise.cli.output import show


def map(
    space: Annotated[
        str, typer.Option(metavar="NAME", help="What is alike: words (meaning), features (looks).")
    ] = "words",
    method: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False, help="tsne or pca. Without it tsne where it is installed."),
    ] = None,
    groups: Annotated[
        int | None, typer.Option(metavar="N", min=1, show_default=False, help="How many groups to look for.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Equal seeds give equal maps.")] = 0,
    by: Annotated[
        str, typer.Option(metavar="NAME", help="What groups have in common: likeness, folder, a column of --labels.")
    ] = "likeness",
    labels: Labels = None,
    library: LibraryPath = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Sort the library's photos into groups with names. With --json, also where each photo stands on a map.

    devise map --groups 12

    devise map --by folder

    devise map --labels products.csv --by colour

    The map itself is a page of devise serve.
    """
    from devise.library import Library
    from devise.training.datasets.columns import columns

    chosen, table = form(json, csv), columns(labels) if labels else None
    with Library(library) as opened:
        found = opened.map(space=space, method=method, groups=groups, seed=seed)
        found = opened.listing.grouped(found, by, table)
        paths = opened.listing.paths_of(found.ids.tolist()) if json else {}
    document = found.to_json()
    if json:
        document["path"] = [paths.get(content_id) for content_id in document["id"]]
    rows = [(group["name"], group["photos"]) for group in document["groups"]]
    show.output(show.Output(columns=("group", "photos"), rows=rows, document=document), chosen)
