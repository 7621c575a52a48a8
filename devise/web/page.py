"""A contact sheet: one HTML file with thumbnails, scores and tags in it, for any browser, without scripts."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from devise.display import escaped as text
from devise.display import name, worth
from devise.errors import PhotoError
from devise.files import replacing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from devise.results import WordMatch

THUMBNAIL = 480  # longest side in pixels: a card is about 320 wide, and sharp screens have two pixels for one
AT_ONCE = 64  # thumbnails waiting to be written: a folder of 10,000 photos must not stand in memory

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · devise</title>
<style>
:root {{
  --page: #f6f5f2; --card: #fff; --ink: #1d1c1a; --soft: #6c6860;
  --line: #e4e1da; --chip: #efede7; --accent: #b4502b;
}}
@media (prefers-color-scheme: dark) {{
  :root {{
    --page: #161513; --card: #211f1d; --ink: #efece6; --soft: #a19b90;
    --line: #35322e; --chip: #2e2b28; --accent: #f0936b;
  }}
}}
* {{ box-sizing: border-box; margin: 0; }}
body {{
  background: var(--page); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  max-width: 1120px; margin: 0 auto; padding: clamp(1.25rem, 4vw, 3.5rem);
}}
header {{ display: flex; flex-wrap: wrap; align-items: baseline; gap: .35rem 1rem; margin-bottom: 1.75rem; }}
h1 {{ font-size: clamp(1.6rem, 4vw, 2.5rem); font-weight: 650; letter-spacing: -.02em; }}
h1, .name, .missing {{ overflow-wrap: anywhere; }}
header p, footer {{ color: var(--soft); }}
ol {{
  list-style: none; padding: 0; display: grid; gap: 1.25rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr));
}}
li {{
  background: var(--card); border: 1px solid var(--line); border-radius: 12px; overflow: hidden;
  display: flex; flex-direction: column;
}}
a {{ color: inherit; text-decoration: none; display: block; }}
a:focus-visible {{ outline: 3px solid var(--accent); outline-offset: -3px; }}
.photo {{ background: var(--chip); aspect-ratio: 4 / 3; }}
.photo img {{ display: block; width: 100%; height: 100%; object-fit: cover; object-position: 50% 25%; }}
.missing {{
  display: grid; place-items: center; height: 100%; padding: 1rem;
  color: var(--soft); text-align: center; font-size: .85rem;
}}
.text {{ padding: .8rem .95rem .95rem; display: grid; gap: .55rem; }}
.line {{ display: flex; justify-content: space-between; gap: .75rem; align-items: baseline; }}
.name {{ font-weight: 600; }}
.score {{ color: var(--accent); font-variant-numeric: tabular-nums; font-weight: 600; }}
.tags {{ display: flex; flex-wrap: wrap; gap: .35rem; }}
.tags span {{ background: var(--chip); border-radius: 99px; padding: .08rem .6rem; font-size: .85rem; }}
.tags small {{ color: var(--soft); font-variant-numeric: tabular-nums; margin-left: .3rem; }}
.note {{ color: var(--soft); margin-bottom: 1.25rem; }}
.parting {{ grid-column: 1 / -1; background: none; border: 0; border-top: 1px solid var(--line); border-radius: 0;
  padding-top: .6rem; margin-top: .6rem; color: var(--soft); }}
.uncertain img {{ opacity: .6; }}
.uncertain .score {{ color: var(--soft); }}
footer {{ margin-top: 2.25rem; font-size: .85rem; }}
@media print {{ body {{ padding: 0; }} li {{ break-inside: avoid; }} }}
</style>
</head>
<body>
<header><h1>{title}</h1><p>{count}</p></header>
<main>
"""
PARTING = '<li class="parting">less certain</li>\n'
BREAKS = re.compile(r"([_.-])(?=[^_.-])")  # where a long name may go on in the next line


FOOT = """</ol>
</main>
<footer>Made by devise. A picture opens its original.</footer>
</body>
</html>
"""


@dataclass(frozen=True)
class Card:
    """One photo on a sheet."""

    path: str
    figure: str | None  # beside its name
    tags: Sequence[WordMatch] = ()
    heat: NDArray[np.float32] | None = None  # where it shows what was asked for
    is_certain: bool = True  # else it stands apart, with those that are less so


def write(
    file: Path, heading: str, cards: Sequence[Card], *, notes: Sequence[str] = (), relative: bool = False
) -> None:
    """Write the sheet whole or not at all. Raises WriteError. notes: lines above the photos.

    A photo that cannot be read keeps its place, with the reason in it. relative: links lead from the sheet's folder to
    the photos, and no path is absolute.
    """
    base = Path.cwd() / file.parent if relative else None
    count = "1 photo" if len(cards) == 1 else f"{len(cards):,} photos"
    with (
        replacing(file) as temporary,
        temporary.open("w", encoding="utf-8") as sheet,
        ThreadPoolExecutor() as threads,
    ):
        said = "".join(f'<p class="note">{text(note)}</p>\n' for note in notes)
        sheet.write(HEAD.format(title=text(heading), count=count) + said + "<ol>\n")
        num_certain = sum(card.is_certain for card in cards)
        for start in range(0, len(cards), AT_ONCE):
            lines = threads.map(lambda card: _card(card, base), cards[start : start + AT_ONCE])
            for at, line in enumerate(lines, start):
                sheet.write(PARTING + line if at == num_certain else line)
        sheet.write(FOOT)


def _card(card: Card, base: Path | None) -> str:
    return "".join(_lines(card, base))


def _lines(card: Card, base: Path | None) -> Iterator[str]:
    path = Path(card.path).absolute()
    of = "" if card.is_certain else " class=uncertain"
    yield f'<li{of}><a {link(path, base)}><div class="photo">{_photo(card)}</div></a>'
    score = "" if card.figure is None else f'<span class="score">{text(card.figure)}</span>'
    name_of = BREAKS.sub(r"\1<wbr>", text(path.name))
    yield f'<div class="text"><div class="line"><span class="name">{name_of}</span>{score}</div>'
    if card.tags:
        figures = [(text(tag.word), worth(tag.score, tag.probability)) for tag in card.tags]
        tags = "".join(f"<span>{word}<small>{figure}</small></span>" for word, figure in figures)
        yield f'<div class="tags">{tags}</div>'
    yield "</div></li>\n"


def link(path: Path, base: Path | None) -> str:
    """The attributes of a link to a photo: as seen from `base`, or absolute where that is None."""
    near = os.path.relpath(path, base) if base else None
    to = escape(quote(os.fsencode(near)) if near else path.as_uri())
    return f'href="{to}" title="{text(near or name(str(path)))}"'


def _photo(card: Card) -> str:
    words = ", ".join(tag.word for tag in card.tags)
    return thumbnail(card.path, Path(card.path).name + (f": {words}" if words else ""), card.heat)


def thumbnail(path: str, shown: str, heat: NDArray[np.float32] | None = None, size: int = THUMBNAIL) -> str:
    """A small picture of a photo, or the reason why there is none. shown: for those who cannot see it."""
    from devise.photos import overlay_jpeg, thumbnail_jpeg

    try:
        jpeg = thumbnail_jpeg(path, size) if heat is None else overlay_jpeg(path, heat, size)
    except PhotoError as error:
        return f'<div class="missing">{text(error.reason)}</div>'
    return f'<img alt="{text(shown)}" src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}">'
