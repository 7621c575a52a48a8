"""The pages: what each is called and which script fills it. Nothing of a library is in them, so there is no escaping.

All that scripts show comes from the API and is put into the page as text, never as markup.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

FRAME = Path(__file__).parent / "static" / "frame.html"


@dataclass(frozen=True)
class Page:
    """name: in the navigation; script: of devise/web/static."""

    name: str
    script: str


PAGES = {
    "/": Page("Photos", "photos.js"),
    "/map": Page("Map", "map.js"),
    "/tags": Page("Tags", "tags.js"),
    "/duplicates": Page("Duplicates", "duplicates.js"),
    "/library": Page("Library", "library.js"),
}


def show(page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def shown(request: Request) -> Response:
        return HTMLResponse(html(page))

    return shown


@cache
def html(page: Page) -> str:
    """The frame with the page's name and script, and the others in its navigation."""
    links = "".join(
        f'<a href="{path}"{" aria-current=page" if other == page else ""}>{escape(other.name)}</a>'
        for path, other in PAGES.items()
    )
    frame = FRAME.read_text(encoding="utf-8")
    for mark, text in {"NAME": escape(page.name), "SCRIPT": page.script, "LINKS": links}.items():
        frame = frame.replace(f"<!--{mark}-->", text)
    return frame
