"""Fit what the score of a word says that the model has not learnt, and write it into the checkpoint that ships.

    python -m recipes.words_head --without captions,caltech101,scenes ... --out runs/without.safetensors
    python -m recipes.open_words --data D --without runs/without.safetensors --into checkpoints/slim.safetensors

The words are those of captions that a head had no labels for, on the photos that the captions are of and that are not
held out: a line through the logit (Platt, 1999). Which words decides how sure it is. From words of ten photos and
more, 16 of 32 words for what no held-out photo of VOC shows have none that is 0.1 likely, from those of three and more
all 32; of 142 words that some of 240 held-out photos of Flickr8k show, 69 and 14 have a right one that is.

Taking each word's usual score and its spread off first, from the mean and the covariance of photo vectors, brought the
negative log-likelihood on other words of ten photos from 0.1771 to 0.1725 (0.2865 by the line of learnt words): not
worth the numbers that a checkpoint and a library would have to carry.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from devise.analysis.metrics import probability
from devise.descriptors.network.calibrate import PHOTOS, calibrate
from devise.descriptors.network.checkpoint import Checkpoint, load, save
from devise.training.objectives.losses import cosines
from devise.words import WordVectors
from recipes.labels import captions
from recipes.maps import Maps
from recipes.photo_cache import PackedPhotos

MIN_PHOTOS = 3  # of a word: a word that somebody types is rarer than the words of most captions
BATCH = 32


@torch.inference_mode()
def line(checkpoint: Checkpoint, photos: PackedPhotos, options: argparse.Namespace) -> tuple[float, float]:
    """Scale and bias, of the words of captions that the checkpoint has not learnt."""
    config = checkpoint.configs["words"]
    vectors = WordVectors.open(config.vectors)
    said = {labels.path: labels.truth for labels in captions(options.data)}
    rows = [row for row, name in enumerate(photos.names) if name in said and not photos.held_out[row]]
    counts = Counter(word for row in rows for word in said[photos.names[row]])
    words = [word for word, n in counts.items() if n >= MIN_PHOTOS and word in vectors and word not in config.labels]
    maps = Maps(checkpoint, photos, rows, options.cache)
    targets = torch.from_numpy(np.stack([vectors.vector(word) for word in words]))
    parts = torch.arange(len(rows)).split(BATCH)
    scores = torch.cat([cosines(checkpoint.heads["words"](maps.some(part)), targets) for part in parts]).numpy()
    truth = np.array([[word in said[photos.names[row]] for word in words] for row in rows])
    print(f"{len(words)} words, {len(rows)} photos, {truth.mean():.3f} true")
    scale, bias = probability(scores.ravel(), truth.ravel())
    return scale, bias


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photos", type=Path, default=Path("runs/photos"), help="what recipes.photo_cache made")
    parser.add_argument("--cache", type=Path, default=Path("runs/maps"))
    parser.add_argument("--without", type=Path, required=True, help="a checkpoint whose head knows no captions")
    parser.add_argument("--into", type=Path, required=True, help="the checkpoint that is to carry the line")
    options = parser.parse_args()
    photos = PackedPhotos(options.photos)
    scale, bias = line(load(options.without), photos, options)
    print(f"probability: 1 / (1 + exp(-({scale:.3f} score + {bias:.3f})))")
    checkpoint = load(options.into)
    known = checkpoint.configs["words"]
    fitted = asdict(known.calibration) | {"open_scale": scale, "open_bias": bias}
    checkpoint.configs["words"] = known.with_probabilities(fitted)
    save(checkpoint, options.into, in_bytes=True)
    rows = range(0, len(photos), len(photos) // PHOTOS)[:PHOTOS]
    pixels = np.stack([photos.pixels(row, checkpoint.backbone.config.preprocessing.size) for row in rows])
    print(f"in bytes and in floats, vectors agree: {calibrate(options.into, pixels):.4f}")


if __name__ == "__main__":
    main()
