"""After training: let the checkpoint be computed in bytes, which is faster, if its vectors stay what they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from devise.config import PhotoConfig
from devise.descriptors.network.calibrate import PHOTOS, calibrate
from devise.descriptors.network.checkpoint import load
from devise.errors import PhotoError
from devise.training.features import decoded


def quantize(path: Path, photos: Sequence[str], limits: PhotoConfig = PhotoConfig()) -> None:
    """Calibrate a checkpoint on some of the photos that it was trained on, whose paths are `photos`.

    limits: which photos are read at all. Raises CheckpointError, WriteError.
    """
    config = load(path).backbone.config
    if config.top == "pixels":  # no layers
        return
    about = config.preprocessing
    some = photos[:: max(1, len(photos) // PHOTOS)][:PHOTOS]
    found = list(decoded(some, about.size, about.resize, limits=limits))
    pixels = [picture for picture in found if not isinstance(picture, PhotoError)]
    if pixels:
        calibrate(path, np.stack(pixels))
