"""What a training run tells while it runs and when it ends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from devise.errors import PhotoError


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """hits: share of validation photos with a right label among the first k, {1: 0.7, 5: 0.9}; empty without any."""

    epoch: int  # from 1
    loss: float  # mean over training photos
    hits: dict[int, float]
    is_best: bool


@dataclass(frozen=True, kw_only=True)
class TrainReport:
    """path: the checkpoint, which holds the best epoch, or the last one when nothing was kept for validation."""

    path: Path
    best: EpochReport
    num_training: int
    num_validation: int
    labels: tuple[str, ...]
    skipped: tuple[PhotoError, ...]
    seconds: float


class TrainProgress:
    """Told how a run goes on; this one keeps quiet. A command line shows bars instead."""

    def features(self, done: int, total: int) -> None:
        """Photos whose features are there."""

    def photos(self, done: int, total: int) -> None:
        """Photos trained on, over all epochs."""

    def epoch(self, report: EpochReport) -> None:
        """An epoch has ended and its state is on the disk."""

    def note(self, text: str) -> None:
        """One line that a person should read."""
