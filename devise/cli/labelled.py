"""How labelled photos are understood: options that training and evaluating share."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from devise.errors import DeviseError
from devise.training.datasets.example import Reading

Aliases = Annotated[
    list[str] | None,
    typer.Option(
        "--alias",
        metavar="NAME=WORDS|CSV",
        show_default=False,
        help='What a label means: pottedplant="potted plant"; "-" for nothing. Or a CSV of both. May be repeated.',
    ),
]
MinPhotos = Annotated[int, typer.Option(metavar="N", help="Leave out labels of fewer photos.")]
PathColumn = Annotated[
    str | None, typer.Option(metavar="NAME", show_default=False, help="The column of a CSV with the photos' paths.")
]
LabelColumns = Annotated[
    list[str] | None,
    typer.Option("--label-column", metavar="NAME", show_default=False, help="The column with labels. May be repeated."),
]
Separator = Annotated[
    str | None,
    typer.Option(metavar="MARK", show_default=False, help='What stands between labels in a CSV; without it "|".'),
]
LabelLevel = Annotated[
    int, typer.Option(metavar="N", help="Which folder below the data is the label, 1 the first; 0 finds out.")
]


def reading(
    alias: Sequence[str],
    min_photos: int,
    path_column: str | None,
    label_columns: Sequence[str],
    separator: str | None,
    label_level: int,
) -> Reading:
    """Those options together. Raises DeviseError for an alias that is none."""
    if min_photos < 0 or label_level < 0:
        raise DeviseError("--min-photos and --label-level are numbers from 0 on; leave them out for the default")
    if separator == "":
        raise DeviseError('--separator is empty; give what stands between two labels, such as ","')
    return Reading(
        path_column=path_column,
        label_columns=tuple(label_columns),
        separator=separator,
        aliases=tuple(pair for text in alias for pair in _pairs(text)),
        min_photos=min_photos,
        label_level=label_level,
    )


def _pairs(text: str) -> list[tuple[str, str]]:
    name, mark, words = text.partition("=")
    if mark and name.strip() and words.strip():
        return [(name.strip(), words.strip())]
    if mark or not Path(text).is_file():
        raise DeviseError(f'--alias {text}: neither NAME=WORDS nor a file; write --alias pottedplant="potted plant"')
    try:
        rows = list(csv.reader(Path(text).read_text("utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DeviseError(f"{text} is no CSV in UTF-8 ({error}); write a line NAME,WORDS for each alias") from error
    if wrong := [row for row in rows if row and (len(row) != 2 or not all(cell.strip() for cell in row))]:
        raise DeviseError(f"{text}: {','.join(wrong[0])!r} is no alias; write a line NAME,WORDS for each")
    return [(row[0].strip(), row[1].strip()) for row in rows if row]
