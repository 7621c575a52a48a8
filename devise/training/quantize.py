"""After training: let the checkpoint be computed in bytes, which is faster, if its vectors stay what they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from devise.descriptors.network.calibrate import PHOTOS, calibrate
from devise.descriptors.network.checkpoint import load
from devise.errors import PhotoError
from devise.training.features import decoded


def let_be_in_bytes(path: Path, photos: Sequence[str]) -> None:
    """Calibrate a checkpoint on some of the photos that it was trained on. Raises CheckpointError, WriteError."""
    about = load(path).backbone.config.preprocessing
    some = photos[:: max(1, len(photos) // PHOTOS)][:PHOTOS]
    pixels = [found for found in decoded(some, about.size, about.resize) if not isinstance(found, PhotoError)]
    if pixels:
        calibrate(path, np.stack(pixels))
