"""`devise words`: words near a word."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from devise.cli.options import Csv, Json, Top, form
from devise.cli.output import show

NEAREST = 10  # words shown: a screenful that still fits above the prompt


def words(
    words: Annotated[list[str], typer.Argument(help="A word, a phrase, or several words that are averaged.")],
    k: Top = NEAREST,
    vectors: Annotated[
        str | None, typer.Option(metavar="NAME", show_default=False, help="Word vectors by name or path.")
    ] = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show words near a word. Each has its cosine and its distance, sqrt(2 - 2 cosine).

    devise words said -k 3
    """
    from devise.words import WordVectors

    chosen = form(json, csv)
    text = " ".join(words)
    matches = WordVectors.open(vectors).nearest(text, k)
    rows = [(match.word, match.score, math.sqrt(max(0.0, 2 - 2 * match.score))) for match in matches]
    found = show.Output(
        columns=("word", "cosine", "distance"),
        rows=rows,
        document=matches.to_json(),
        table=[(word, f"{cosine:.6f}", f"{distance:.6f}") for word, cosine, distance in rows],
        nothing=f'no words near "{text}"',
    )
    show.output(found, chosen)
