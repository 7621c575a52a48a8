"""`devise serve`: the library as a page in a browser, and as an API for programs."""

from __future__ import annotations

from typing import Annotated

import typer

from devise.cli.options import Labels, LibraryPath
from devise.cli.output import show
from devise.errors import needed


def serve(
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to be reached. Beyond this machine a token is needed.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="0 takes one that is free.")] = 0,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", show_default=False, help="Another name of this machine, as photos.example:8443."),
    ] = None,
    opens: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = True,
    read_only: Annotated[bool, typer.Option("--read-only", help="No marking and no indexing.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the folders meanwhile, as devise watch does.")] = False,
    labels: Labels = None,
    library: LibraryPath = None,
) -> None:
    """Show the library in a browser, and to programs. Nothing leaves this machine.

    devise serve --port 8080 --no-open

    The API is described at /openapi.json. Ends with Ctrl-C.
    """
    needed("devise serve", "starlette", "uvicorn", *(["watchfiles"] if watch else []))
    from devise.config import PhotoConfig, Settings
    from devise.library import Library
    from devise.training.datasets.columns import columns
    from devise.web.serve import ServeOptions
    from devise.web.serve import serve as run

    settings = Settings(photos=PhotoConfig(is_library_only=True))
    with Library(library, settings=settings) as opened:
        options = ServeOptions(
            host=host, port=port, names=(*(name or ()),), is_read_only=read_only, opens_browser=opens, watches=watch,
            columns=columns(labels) if labels else {},
        )  # fmt: skip
        run(opened, options, show.note)
