"""Colours in queries, on product photos: by number ("#c03020 dress"), as most of a photo ("mostly red"), by word.

    python -m benchmarks.quality.shades --data DIR [--library FOLDER] [--write]

Asked of 2,500 photos and counted among those whose labels no training has seen: the share of the first nine that have
the colour, and of the first nine of a colour and a kind those that have both. A number is the usual shade of a name.
Also fits the line from shares to probabilities (devise.search.colours), on the other photos; not of white, which is the
ground of all of them.
--library: one that has the photos already, so that they are not indexed anew.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import data
from benchmarks.quality.colours import asked
from benchmarks.quality.report import parser, show
from devise import Library
from devise.search.colours import LEAST, palette_weights
from devise.words.colours import NAMED
from recipes.path_labels import article, colour
from recipes.photos import is_held_out

FIRST = 9


def number_of(name: str) -> str:
    """The usual shade: neither the light one nor the dark one."""
    shades = NAMED[name]
    return f"{shades[len(shades) // 2 if len(shades) > 2 else 0]:06x}"


WAYS: dict[str, Callable[[str], str]] = {
    "by number": lambda name: f"#{number_of(name)}",
    "mostly": lambda name: f"mostly {name}",
    "by word": str,
}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--library", type=Path, default=None)
    chosen = options.parse_args()
    folder = data.unpacked(chosen.data, "fashion")
    with (folder / "labels.csv").open(newline="") as file:
        labels = {Path(row["path"]).name: row for row in csv.DictReader(file)}
    held = [row for row in labels.values() if is_held_out(row["path"])]
    pairs = [one for one in asked(held) if one.colour in NAMED]
    names = sorted({one.colour for one in pairs})
    with tempfile.TemporaryDirectory() as place, Library(chosen.library or place, model=chosen.model) as library:
        if chosen.library is None:
            library.index([folder / "fashion"])
        slope, bias = line(library, labels, names)

        def precision(query: str, colour_asked: str, kind: str | None) -> float:
            found = [labels[Path(match.path).name] for match in library.search(query, k=len(labels))]
            first = [row for row in found if is_held_out(row["path"])][:FIRST]
            return float(
                np.mean([colour_asked in plain(row)[0] and (not kind or kind in plain(row)[1]) for row in first])
            )

        rows = []
        for name, way in WAYS.items():
            alone = np.mean([precision(way(each), each, None) for each in names])
            both = np.mean([precision(f"{way(one.colour)} {one.kind}", one.colour, one.kind) for one in pairs])
            rows.append([name, f"{alone:.3f}", f"{both:.3f}"])
            print(rows[-1], flush=True)
    most = np.mean([min(1, one.truth.sum() / FIRST) for one in pairs])
    print(f"the most that can be right of {FIRST} of a colour and a kind: {most:.3f}")
    print(f"probability: sigmoid({slope:.2f} log(share + {LEAST}) {bias:+.2f})")
    title = f"{len(held)} product photos, P@{FIRST}: {len(names)} colours, {len(pairs)} colours with a kind"
    show("shades", title, ["asked", "the colour", "colour and kind"], rows, write=chosen.write)


def plain(row: dict[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return colour(row["baseColour"])[:1], article(row["articleType"])[:1]


def line(library: Library, labels: dict[str, dict[str, str]], names: list[str]) -> tuple[float, float]:
    """Logistic regression of whether a photo is said to be of a colour, on the logarithm of its share."""
    from sklearn.linear_model import LogisticRegression

    paths, rows = library.vectors("colour")
    told = [labels[Path(path).name] for path in paths]
    learns = np.array([not is_held_out(row["path"]) for row in told])
    shares, truth = [], []
    for name in set(names) - {"white"}:
        is_so = np.array([name in plain(row)[0] for row in told])[learns]
        for asked_as in (number_of(name), name):
            shares.append(rows[learns] @ palette_weights(asked_as))
            truth.append(is_so)
    logs = np.log(np.concatenate(shares) + LEAST)[:, None]
    fitted = LogisticRegression(C=1e6).fit(logs, np.concatenate(truth))
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


if __name__ == "__main__":
    main()
