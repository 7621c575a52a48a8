"""Captions -> photo on flickr8k: is the photo that a caption was written for among the first? And scenes, zero-shot.

    python -m benchmarks.quality.captions --data DIR --unseen CHECKPOINT

--unseen is a model whose words head was trained without the captions and without the labels of scenes
(recipes.shipped_model --without captions,scenes); its backbone has looked at the photos, without labels.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import data
from benchmarks.quality import heads, sets
from benchmarks.quality.report import parser, show
from devise.errors import WordError
from devise.model.heads import WordsHead
from devise.training.evaluate import hits
from devise.vectors import Vector, mean
from devise.words import WordVectors

AT = (1, 5, 10)
SCENES = ("buildings", "forest", "glacier", "mountain", "sea", "street")


def words_of(caption: str, vectors: WordVectors) -> Vector:
    """(words, dim) of the words that have a vector and say something."""
    rows = []
    for word in dict.fromkeys(re.findall(r"[a-z]+", caption.lower())):
        try:
            rows += [term.vector for term in vectors.terms(word)]
        except WordError:
            continue
    return np.stack(rows) if rows else np.empty((0, vectors.dim), np.float32)


def recalls(scores: NDArray[np.float32], right: NDArray[np.int64]) -> list[str]:
    found = hits(scores, np.eye(scores.shape[1])[right], at=AT)
    return [f"{100 * found[k]:.1f}" for k in AT]


def captions(folder: Path, views: torch.Tensor, head: WordsHead, vectors: WordVectors) -> list[list[str]]:
    with (folder / "captions.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    paths = sorted({row["path"] for row in written})
    asked = [(words, paths.index(row["path"])) for row in written if len(words := words_of(row["caption"], vectors))]
    right = np.array([i for _, i in asked])
    averaged = heads.scores(head, views, np.stack([mean(words) for words, _ in asked])).T
    whole = heads.scores(head, views[:, :1], np.stack([mean(words) for words, _ in asked])).T
    every, at = np.unique(np.concatenate([words for words, _ in asked]), axis=0, return_inverse=True)
    each, ends = heads.scores(head, views, every), np.cumsum([len(words) for words, _ in asked])
    by_word = np.stack([each[:, part].mean(1) for part in np.split(at.ravel(), ends[:-1])])
    return [
        ["words averaged, whole photo", *recalls(whole, right)],
        ["words averaged, whole photo and parts", *recalls(averaged, right)],
        ["scores of the words averaged", *recalls(by_word, right)],
        ["chance", *(f"{100 * k / len(paths):.1f}" for k in AT)],
    ]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--unseen", required=True, help="a checkpoint whose words head has not seen these labels")
    chosen = options.parse_args()
    head, vectors = sets.opened(chosen.unseen).heads["words"], WordVectors.open("minilm")
    assert isinstance(head, WordsHead)
    folder = data.unpacked(chosen.data, "flickr8k")
    with (folder / "captions.csv").open(newline="") as file:
        paths = sorted({row["path"] for row in csv.DictReader(file)})
    views = torch.from_numpy(sets.all_features([str(folder / path) for path in paths], chosen.unseen))
    show("captions", f"5 captions each of {len(paths):,} photos", ["query", *(f"recall@{k}" for k in AT)],
         captions(folder, views, head, vectors), write=chosen.write)  # fmt: skip
    place = data.unpacked(chosen.data, "scenes")
    photos = sorted(place.glob("*/*.jpg"))
    scenes = torch.from_numpy(sets.all_features([str(path) for path in photos], chosen.unseen))
    right = np.array([SCENES.index(path.parent.name) for path in photos])
    names = sets.targets(list(SCENES), vectors)
    rows = [
        [name, f"{100 * hits(heads.scores(head, seen, names), np.eye(len(SCENES))[right], at=(1,))[1]:.1f}"]
        for name, seen in (("whole photo", scenes[:, :1]), ("whole photo and parts", scenes))
    ]
    rows.append(["chance", f"{100 / len(SCENES):.1f}"])
    show("scenes", f"{len(photos):,} photos of six scenes, zero-shot", ["words space", "hit@1"], rows,
         write=chosen.write)  # fmt: skip


if __name__ == "__main__":
    main()
