"""From an upright RGB picture to the pixels that one model wants; the model owns these numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

MAX_SIZE = 2_048  # pixels a side: a batch of 32 then takes 400 MB, and no model looks at more
IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of RGB in 0..1, over ImageNet's training photos (torchvision)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How a picture becomes `size` x `size` pixels.

    resize: "squash" takes the whole photo and ignores its aspect ratio; "crop" scales the short side to
    size * 256 / 224 and takes the centre, as ImageNet models were trained.
    """

    size: int
    resize: str
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Preprocessing:
        """Raises TypeError, ValueError for what is none."""
        made = cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in data.items()})  # type: ignore[arg-type]
        if not 1 <= made.size <= MAX_SIZE or made.resize not in ("squash", "crop"):
            raise ValueError(f"photos of {made.size} pixels a side, {made.resize!r:.20}")
        if not (len(made.mean) == len(made.std) == 3 and all(map(math.isfinite, made.mean)) and min(made.std) > 0):
            raise ValueError(f"means {made.mean}, deviations {made.std}")
        return made


IMAGENET = Preprocessing(size=224, resize="crop")
