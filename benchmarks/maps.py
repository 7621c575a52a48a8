"""How well the groups of a map agree with labels of people, and how long a map takes.

    python -m benchmarks.maps --data DIR [--photos 10000 100000]

On VOC's photos and on product photos (categories and types of article): purity (the share of photos that their
group's commonest label is true of) and normalised mutual information (of photos with one label), for k-means with as
many groups as labels and with as many as a map has.
Times are of libraries of benchmarks/grown.py; of large ones t-SNE is given 3,000 photos, and all others go between.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import Counter
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import data, grown, real
from devise.analysis.clusters import groups, num_groups
from devise.analysis.map2d import fitted
from devise.library import Library


def main() -> None:
    options = arguments()
    table = Table("groups", "space", "purity", "NMI", title="VOC")
    labels_of = labels(options.data)
    num_labels = len(set.union(*labels_of.values()))
    with Library(real.library(options.data)) as library:
        for space in ("words", "features"):
            paths, rows = library.vectors(space)
            names = [labels_of.get(Path(path).name, set()) for path in paths]
            for count in (num_labels, num_groups(len(rows))):
                found = [measured(groups(rows, count, seed)[0], names) for seed in range(3)]
                table.add_row(str(count), space, *(f"{value:.3f}" for value in np.mean(found, axis=0)))
    Console(width=110).print(table)
    products(options.data)
    for num in options.photos:
        with Library(grown.library(num, options.data)) as library:
            rows = library.vectors("words")[1]
            begun = time.perf_counter()
            groups(rows, num_groups(num), 0)
            middle = time.perf_counter()
            fitted(rows, "pca", 0)
            end = time.perf_counter()
            fitted(rows, "tsne", 0)
            print(f"{num:,} photos: {middle - begun:.1f} s for groups, {end - middle:.1f} s for PCA, ", end="")
            print(f"{time.perf_counter() - end:.1f} s for t-SNE")


def products(folder: Path | None) -> None:
    """The same on photos of products on white, whose categories people gave in three steps."""
    place, table = data.unpacked(folder, "fashion"), Table("groups", "of", "space", "purity", "NMI", title="products")
    with (place / "labels.csv").open(encoding="utf-8") as file:
        labels_of = {Path(row["path"]).name: row for row in csv.DictReader(file)}
    with Library(real.indexed(folder, "fashion", ["fashion"])) as library:
        for space in ("words", "features"):
            paths, rows = library.vectors(space)
            for column in ("masterCategory", "subCategory", "articleType"):
                names = [{labels_of[Path(path).name][column]} for path in paths]
                count = len(set.union(*names))
                found = [measured(groups(rows, count, seed)[0], names) for seed in range(3)]
                table.add_row(str(count), column, space, *(f"{value:.3f}" for value in np.mean(found, axis=0)))
    Console(width=110).print(table)


def measured(found: np.ndarray, names: list[set[str]]) -> tuple[float, float]:
    """Purity of all photos, normalised mutual information of those with one label."""
    from sklearn.metrics import normalized_mutual_info_score

    right = 0
    for number in np.unique(found):
        members = [names[at] for at in np.flatnonzero(found == number)]
        right += max(Counter(label for member in members for label in member).values(), default=0)
    alone = [at for at, labels in enumerate(names) if len(labels) == 1]
    truth = [next(iter(names[at])) for at in alone]
    return right / len(names), float(normalized_mutual_info_score(truth, found[alone]))


def labels(folder: Path | None) -> dict[str, set[str]]:
    """File name -> what people said that it shows."""
    with (data.unpacked(folder, "voc") / "labels.csv").open(encoding="utf-8") as file:
        return {Path(row["path"]).name: set(row["labels"].split("|")) for row in csv.DictReader(file)}


def arguments() -> argparse.Namespace:
    parser = data.parser((__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=int, nargs="*", default=[10_000])
    return parser.parse_args()


if __name__ == "__main__":
    main()
