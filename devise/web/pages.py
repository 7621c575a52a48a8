"""The pages: what each is called and which script fills it.

All that scripts show comes from the API and is put into the page as text, never as markup. Errors that a person meets
who follows a link are pages too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from devise.display import escaped
from devise.web.parameters import RequestError

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

PLAIN = "plain.js"  # fills nothing in
# For whoever may not even have our style sheet
BARE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<meta name="color-scheme" content="light dark"><title>devise</title><h1>{error}</h1><p>{remedy}</p></html>'
)


def show(page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def shown(request: Request) -> Response:
        return HTMLResponse(html(page).replace("<!--TEXT-->", ""))

    return shown


def is_for_people(path: str, headers: Headers) -> bool:
    """Whether a browser asks for something to show in its window, not a script or a program."""
    return "text/html" in headers.get("accept", "") and not path.startswith("/api/")


def problem(error: RequestError) -> Response:
    """What is wrong and what to do, with the ways to all pages."""
    text = (
        f'<div class="empty"><h1>{_sentence(error.error)}</h1><p>{_sentence(error.remedy)}</p>'
        '<p><a class="button" href="/">All photos</a></p></div>'
    )
    return HTMLResponse(html(Page("Not shown", PLAIN)).replace("<!--TEXT-->", text), error.status)


def refusal(error: RequestError) -> Response:
    """The same for whoever may see nothing of ours."""
    text = BARE.format(error=_sentence(error.error), remedy=_sentence(error.remedy))
    return HTMLResponse(text, error.status)


def _sentence(text: str) -> str:
    return escaped(text[:1].upper() + text[1:])


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
