"""Train on your own labels: labelled photos, cached features, the loop, evaluation. Searching never imports this."""

from devise.training.loop import train
from devise.training.options import BACKBONE_NAMES, LOSS_NAMES, TrainOptions
from devise.training.report import EpochReport, TrainProgress, TrainReport

__all__ = [
    "BACKBONE_NAMES",
    "LOSS_NAMES",
    "EpochReport",
    "TrainOptions",
    "TrainProgress",
    "TrainReport",
    "train",
]
