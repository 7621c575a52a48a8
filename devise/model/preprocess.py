"""From an upright RGB picture to the pixels that one model wants; the model owns these numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in data.items()})  # type: ignore[arg-type]


IMAGENET = Preprocessing(size=224, resize="crop")
