"""Train on your own labels: labelled photos, cached features, the loop, evaluation. Searching never imports this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devise.progress import Progress as TrainProgress  # the name that programs know
from devise.training.options import BACKBONE_NAMES, LOSS_NAMES, TrainOptions
from devise.training.report import EpochReport, TrainReport

if TYPE_CHECKING:
    from devise.training.loop import train

__all__ = ["BACKBONE_NAMES", "LOSS_NAMES", "EpochReport", "TrainOptions", "TrainProgress", "TrainReport", "train"]


def __getattr__(name: str) -> Any:
    if name == "train":  # imports torch, which `devise train --help` does not need
        from devise.training.loop import train

        return train
    raise AttributeError(name)
