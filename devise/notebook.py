"""What a notebook shows of results: photos with their scores, words with their probabilities, as HTML."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path

from devise.display import name, printable
from devise.errors import PhotoError, counted

MOST = 36  # photos: half a megabyte of thumbnails stays in the notebook's file
SIDE = 320  # pixels of a thumbnail's longer side: cells are 160 wide, and sharp screens have two pixels for one

# Styles stand in each element: notebooks take style sheets away. Colours are the page's own, light or dark
_GRID = "display:grid; grid-template-columns:repeat(auto-fill,minmax(160px,1fr)); gap:10px; max-width:1000px"
_BOX = "aspect-ratio:4/3; border-radius:6px; overflow:hidden; background:rgba(128,128,128,.15)"
_FILL = "width:100%; height:100%; object-fit:cover; object-position:50% 25%; margin:0"
_GONE = (
    f"box-sizing:border-box; display:grid; place-items:center; text-align:center; font-size:11px; padding:8px; {_BOX}"
)
_LINE = "font-size:12px; line-height:1.35; overflow-wrap:anywhere; margin-top:3px"
_SOFT = "opacity:.65; font-variant-numeric:tabular-nums"
_CHIP = "display:inline-block; background:rgba(128,128,128,.18); border-radius:99px; padding:1px 10px; margin:2px"


def photos(found: Sequence[tuple[str, str]], notes: Sequence[str] = ()) -> str:
    """A grid of (path, what stands below its name). A photo that cannot be read keeps its place, with the reason."""
    with ThreadPoolExecutor() as threads:
        cells = list(threads.map(lambda one: _cell(*one), found[:MOST]))
    more = [f"and {counted(len(found) - MOST, 'more photo')}"] if len(found) > MOST else []
    lines = [*more, *notes] or ([] if found else ["no photos"])
    said = "".join(f'<div style="{_LINE}">{_text(line)}</div>' for line in lines)
    return f'<div style="{_GRID}">{"".join(cells)}</div>{said}'


def words(found: Sequence[tuple[str, float]]) -> str:
    """Words with their probability, or score."""
    chips = (f'{_text(word)} <small style="{_SOFT}">{worth:.2f}</small>' for word, worth in found)
    return "".join(f'<span style="{_CHIP}">{chip}</span>' for chip in chips)


def _cell(path: str, below: str) -> str:
    from devise.photos import thumbnail_jpeg

    try:
        jpeg = base64.b64encode(thumbnail_jpeg(path, SIDE)).decode()
        photo = f'<div style="{_BOX}"><img style="{_FILL}" alt="" src="data:image/jpeg;base64,{jpeg}"></div>'
    except PhotoError as error:
        photo = f'<div style="{_GONE}">{_text(error.reason)}</div>'
    label = f'{_text(Path(path).name)}<br><span style="{_SOFT}">{_text(below)}</span>'
    return f'<div title="{_text(name(path))}">{photo}<div style="{_LINE}">{label}</div></div>'


def _text(text: str) -> str:
    return escape(printable(text))
