"""Tables as Markdown: read on a terminal as they are, and put into docs/benchmarks at their marks."""

from __future__ import annotations

import argparse
import datetime
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import data, pages

WIDTH = 120  # columns of a page, as everywhere
FOLDERS = ("--data", "--model", "--unseen", "--wordnet", "--library")  # name files: only their last part is shown


def parser(doc: str) -> argparse.ArgumentParser:
    made = data.parser(doc.splitlines()[0])
    made.add_argument("--model", default=None, help="a checkpoint; default: the one that ships")
    made.add_argument("--write", action="store_true", help="also put the tables into docs/benchmarks")
    return made


def show(name: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, write: bool) -> None:
    """Print a table, and with `write` replace the one of that name in docs/benchmarks."""
    lines = [f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), *rows)]
    made = f"(`{command()}`, {datetime.date.today():%Y-%m-%d})"
    made = textwrap.fill(made, WIDTH, break_long_words=False, break_on_hyphens=False)
    between = " " if len(title) + len(made) < WIDTH else "\n"
    text = "\n".join([f"{title}{between}{made}", "", *lines])
    print(f"\n{text}", flush=True)
    if write:
        pages.write(name, text)


def command() -> str:
    """What was typed, without the folders of this machine and without --write."""
    module, typed = sys.modules["__main__"].__spec__, iter(sys.argv[1:])
    shown = ["python -m", module.name if module else Path(sys.argv[0]).name]
    for word in typed:
        if word == "--write":
            continue
        shown.append(Path(word).name if word.endswith(".safetensors") else word)
        if word in FOLDERS:
            shown.append(Path(next(typed)).name if word != "--data" else (next(typed), "D")[1])
    return " ".join(shown)


def percent(values: Sequence[float]) -> str:
    """Mean of one or several seeds in percent, with their spread."""
    values = np.asarray(values) * 100
    return f"{values.mean():.1f}" + (f" ± {values.std():.1f}" if len(values) > 1 else "")
