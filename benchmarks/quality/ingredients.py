"""What each teacher gives to the words head of the model that ships: heads trained anew without it, on its backbone.

    python -m benchmarks.quality.ingredients --data DIR --photos runs/photos [--most 8000 --epochs 4]

The backbone has learnt from all of them and stays as it is, so this is what the head alone gets. One training each.
Asked: held-out VOC, and the words and captions of Flickr8k's held-out quarter.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from benchmarks import data
from benchmarks.quality import sets
from benchmarks.quality.everyday import Everyday, as_it_ships
from benchmarks.quality.held_out import HeldOut
from benchmarks.quality.report import parser, show
from benchmarks.quality.voc import summary
from devise.config import SHIPPED_VECTORS
from devise.descriptors.network.format import find
from devise.words import WordVectors
from recipes.photos import is_held_out

VARIANTS = {
    "all": (),
    "without CLIP's embeddings of photos": ("meaning",),
    "without CLIP's embeddings of parts": ("parts",),
    "without people's words as CLIP tells them": ("labels",),
    "without CLIP's text vectors": ("texts",),
    "without CLIP": ("meaning", "parts", "labels", "texts"),
    "without the detector": ("detector",),
    "without the collections": ("collections",),
    "people's labels of the data folder alone": ("meaning", "parts", "labels", "texts", "detector", "collections"),
}
COLUMNS = ("learnt from", "class words", "pairs by product", "everyday words", "P@9", "caption recall@1", "@5", "@10")


def trained(omit: tuple[str, ...], chosen: argparse.Namespace) -> Path:
    made = Path("runs/ingredients") / f"{'-'.join(omit) or 'all'}-{chosen.most}-{chosen.epochs}.safetensors"
    if not made.exists():
        options = ["--checkpoint", str(find(chosen.model or "slim")), "--data", str(chosen.data), "--out", str(made)]
        options += ["--photos", str(chosen.photos), "--most", str(chosen.most), "--epochs", str(chosen.epochs)]
        left_out = [word for name in omit for word in ("--omit", name)]
        command = [sys.executable, "-m", "recipes.words_head", *options, "--no-glove", *left_out]
        subprocess.run(command, check=True)
    return made


def asked(name: str, model: Path, chosen: argparse.Namespace) -> list[str]:
    told = argparse.Namespace(**vars(chosen) | {"model": str(model)})
    held = HeldOut.of(told)
    _, classes, _, _, pairs, *_ = summary(name, held.answers(), held.asked)
    folder = data.unpacked(chosen.data, "flickr8k")
    everyday = Everyday.of(folder)
    part = everyday.part(np.flatnonzero([is_held_out(photo) for photo in everyday.names]))
    views = torch.from_numpy(sets.all_features([str(folder / photo) for photo in part.names], told.model))
    words = sets.targets(part.words, WordVectors.open(SHIPPED_VECTORS))
    return [name, classes, pairs, *as_it_ships(part, views, words, told)[1:]]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--photos", type=Path, default=Path("runs/photos"), help="what recipes.photo_cache made")
    options.add_argument("--most", type=int, default=8_000, help="photos to learn from")
    options.add_argument("--epochs", type=int, default=4)
    chosen = options.parse_args()
    rows = [asked(name, trained(omit, chosen), chosen) for name, omit in VARIANTS.items()]
    title = f"words heads of {chosen.epochs} epochs, {chosen.most:,} photos at most, one training each"
    show("ingredients", title, COLUMNS, rows, write=chosen.write)


if __name__ == "__main__":
    main()
