"""What a training run tells when an epoch has ended, and when all have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from devise.errors import PhotoError


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """figures: of the validation photos, higher is better and the first decides; empty where there are none.

    Of words they are {"hit@1": 0.7, "hit@5": 0.9, "hit@10": 0.9}, and "mAP" where photos have several labels.
    epochs: of how many it is; seconds_left: till the last of them, as fast as so far.
    """

    epoch: int  # from 1
    loss: float  # of the first objective, the mean over training photos
    figures: dict[str, float]
    is_best: bool
    epochs: int = 0
    validation_loss: float | None = None
    learning_rate: float | None = None  # at its end
    seconds_left: float | None = None

    @property
    def hits(self) -> dict[int, float]:
        """Share of validation photos with a right label among the first k, {1: 0.7, 5: 0.9}; empty without any."""
        return {int(name.removeprefix("hit@")): x for name, x in self.figures.items() if name.startswith("hit@")}


@dataclass(frozen=True, kw_only=True)
class TrainReport:
    """path: the checkpoint, which holds the best epoch, or the last one when nothing was kept for validation.

    history: all epochs; empty of a run that had ended before. folder: with a log and curves. held_out: labels that
    were not learnt.
    """

    path: Path
    best: EpochReport
    num_training: int
    num_validation: int
    labels: tuple[str, ...]
    skipped: tuple[PhotoError, ...]
    seconds: float
    history: tuple[EpochReport, ...] = ()
    folder: Path | None = None
    held_out: tuple[str, ...] = ()
