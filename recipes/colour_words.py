"""Learn what words for colours look like in the 64 shares of a photo, for devise.descriptors.colour_words.

python -m recipes.colour_words --data DIR

From the product photos and the captions of Flickr8k that are not held out: whether their people call a photo so.
"""

from __future__ import annotations

import argparse
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from devise.descriptors import colour_words
from devise.descriptors.looks import RESIZE, SIZE, Looks
from devise.files import replacing
from devise.photos import load
from devise.words.colours import colour_word
from recipes.path_labels import colour
from recipes.photos import is_held_out
from recipes.shipped_model import table

PENALTY = 0.1  # on squared weights


def said(data: Path) -> Iterator[tuple[str, str, set[str]]]:
    """Archive, path, and the words for colours that people said of a photo."""
    for row in table(data / "fashion.zip", "labels.csv"):
        yield "fashion", row["path"], _plain(colour(row["baseColour"])[:1])
    of_photo: dict[str, set[str]] = {}
    for row in table(data / "flickr8k.zip", "captions.csv"):
        of_photo.setdefault(row["path"], set()).update(_plain(re.findall(r"[a-z]+", row["caption"].lower())))
    yield from (("flickr8k", path, words) for path, words in of_photo.items())


def _plain(words: list[str] | tuple[str, ...]) -> set[str]:
    return {word for one in words if (word := colour_word(one))}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    asked = parser.parse_args()
    looks, shares, words = Looks(["colour"]), list[np.ndarray](), list[set[str]]()
    archives = {name: zipfile.ZipFile(asked.data / f"{name}.zip") for name in ("fashion", "flickr8k")}
    members = {(name, Path(m).name): m for name, archive in archives.items() for m in archive.namelist()}
    for name, path, found in said(asked.data):
        if is_held_out(path):
            continue
        photo = archives[name].read(members[name, Path(path).name])
        pixels = load(photo, size=SIZE, resize=RESIZE, path=path)
        shares.append(looks.encode(pixels[None])["colour"][0])
        words.append(found)
    inputs, rows = colour_words.inputs(np.stack(shares)), []
    for word in colour_words.WORDS:
        truth = np.array([word in found for found in words])
        fitted = LogisticRegression(C=1 / PENALTY, max_iter=1000).fit(inputs, truth)
        rows.append([*fitted.coef_[0], fitted.intercept_[0]])
        print(f"{word}: said of {truth.sum()} of {len(truth):,} photos, loss {_loss(fitted, inputs, truth):.3f}")
    with replacing(colour_words.FILE) as temporary:
        np.array(rows, np.float16).tofile(temporary)


def _loss(fitted: LogisticRegression, inputs: np.ndarray, truth: np.ndarray) -> float:
    return float(-np.log(fitted.predict_proba(inputs)[np.arange(len(truth)), truth.astype(int)]).mean())


if __name__ == "__main__":
    main()
