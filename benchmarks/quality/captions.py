"""Captions -> photo on flickr8k: is the photo that a caption was written for among the first? And scenes, zero-shot.

    python -m benchmarks.quality.captions --data DIR --unseen CHECKPOINT

--unseen is a model whose words head was trained without the captions and without the labels of scenes
(recipes.shipped_model --without captions,scenes); its backbone has looked at the photos, without labels.
"""

from __future__ import annotations

import csv
import re
from contextlib import suppress

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import data
from benchmarks.quality import heads, sets
from benchmarks.quality.report import parser, show
from devise.analysis.metrics import hits
from devise.config import SHIPPED_VECTORS
from devise.descriptors.network.config import HeadConfig
from devise.descriptors.network.heads import WordsHead
from devise.errors import WordError
from devise.vectors import mean
from devise.words import WordVectors

AT = (1, 5, 10)
SCENES = ("buildings", "forest", "glacier", "mountain", "sea", "street")


def words_of(caption: str, vectors: WordVectors) -> list[str]:
    """The words that have a vector and say something."""
    kept = []
    for word in dict.fromkeys(re.findall(r"[a-z]+", caption.lower())):
        with suppress(WordError):
            if vectors.terms(word):
                kept.append(word)
    return kept


def recalls(scores: NDArray[np.float32], right: NDArray[np.int64]) -> list[str]:
    found = hits(scores, np.eye(scores.shape[1])[right], at=AT)
    return [f"{100 * found[k]:.1f}" for k in AT]


def captions(written: list[tuple[str, int]], views: torch.Tensor, head: WordsHead, config: HeadConfig,
             vectors: WordVectors) -> list[list[str]]:  # fmt: skip
    """written: captions, each with the number of its photo."""
    asked = [(words, photo) for caption, photo in written if (words := words_of(caption, vectors))]
    right = np.array([photo for _, photo in asked])
    column = {word: i for i, word in enumerate(sorted({word for words, _ in asked for word in words}))}
    every = np.stack([vectors.terms(word)[0].vector for word in column])
    columns = [[column[word] for word in words] for words, _ in asked]
    averaged = np.stack([mean(every[of_one]) for of_one in columns])
    each = heads.scores(head, views, every)
    by_word = np.stack([each[:, of_one].mean(1) for of_one in columns])
    logs = -np.logaddexp(0, -(config.scale * each + config.bias))
    product = np.stack([logs[:, of_one].sum(1) for of_one in columns])
    return [
        ["words averaged, whole photo", *recalls(heads.scores(head, views[:, :1], averaged).T, right)],
        ["words averaged, whole photo and parts", *recalls(heads.scores(head, views, averaged).T, right)],
        ["scores of the words averaged", *recalls(by_word, right)],
        ["product of the words' probabilities", *recalls(product, right)],
        ["chance", *(f"{100 * k / len(views):.1f}" for k in AT)],
    ]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--unseen", required=True, help="a checkpoint whose words head has not seen these labels")
    chosen = options.parse_args()
    checkpoint, vectors = sets.opened(chosen.unseen), WordVectors.open(SHIPPED_VECTORS)
    head = checkpoint.heads["words"]
    assert isinstance(head, WordsHead)
    folder = data.unpacked(chosen.data, "flickr8k")
    with (folder / "captions.csv").open(newline="") as file:
        rows = [(row["path"], row["caption"]) for row in csv.DictReader(file)]
    number = {path: i for i, path in enumerate(sorted({path for path, _ in rows}))}
    views = torch.from_numpy(sets.all_features([str(folder / path) for path in number], chosen.unseen))
    written = [(caption, number[path]) for path, caption in rows]
    show("captions", f"{len(written):,} captions of {len(number):,} photos", ["query", *(f"recall@{k}" for k in AT)],
         captions(written, views, head, checkpoint.configs["words"], vectors), write=chosen.write)  # fmt: skip
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
