"""What an evaluation is asked and what it tells."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devise.training.datasets.example import Reading

SPLITS = ("auto", "train", "validation", "test", "all")


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """data: as `devise.training.TrainOptions` has it; model: name or file of a checkpoint, None for the one in use.

    split: one of SPLITS; "auto" takes test photos, else those for validation, else those that the model's own training
    kept for validation, else all. against: a second model, compared on the same photos. baselines: also ConSE and the
    softmax layer of the model, and a head that learns random targets. bootstrap: resamples of the photos for intervals.
    library: one whose answers are judged in place of a model's. hold_out: labels, or how many, that a model like this
    one is not to learn: it is trained for a moment, and judged. k: photos of a label that one looks at. reject: also
    show it pictures of nothing. feedback: a library whose marked answers are asked about.
    """

    data: Path
    model: str | None = None
    against: str | None = None
    vectors: str | None = None
    split: str = "auto"
    baselines: bool = False
    bootstrap: int = 1000  # intervals then vary by a hundredth of their width
    seed: int = 0
    mistakes: int = 24  # shown: what one looks through
    reading: Reading = Reading()
    library: Path | None = None
    hold_out: tuple[str, ...] = ()
    k: int = 10
    reject: bool = False
    feedback: Path | None = None


@dataclass(frozen=True, kw_only=True)
class LabelFigures:
    """Of one label. precision, recall: of the best label of each photo; learnt: whether the model was trained on it."""

    label: str
    photos: int
    average_precision: float
    precision: float
    recall: float
    learnt: bool


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A photo that something else than its labels fits better; margin: by how much, in scores."""

    path: str
    labels: tuple[str, ...]
    said: str
    margin: float


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluationReport:
    """figures: by their names, such as "hit@1", "mAP", "P@10", "hp@5"; intervals: 95 % of resamples of the photos.

    baselines, against: the same figures of others; difference: (low, mean, high) of this model's figures minus those of
    `against`, paired by photo. zero_shot: figures of the photos whose labels the model was not trained on.
    bins: (mean probability, share true, pairs) of photos and labels; calibration_error: their mean distance, weighted.
    rejection: shares of pictures of nothing that get no label. specialists: hit@1 with the layers of pairs. marked,
    marked_against: of answers that people marked, those that are given, by this model and by the other.
    confusion: (labels, labels) photos by truth and by best label; of photos with one label.
    """

    model: str
    split: str
    photos: int
    labels: tuple[LabelFigures, ...]
    figures: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    zero_shot: dict[str, float]
    baselines: dict[str, dict[str, float]]
    against: dict[str, float]
    difference: dict[str, tuple[float, float, float]]
    bins: tuple[tuple[float, float, int], ...]
    calibration_error: float | None
    confusion: NDArray[np.int64]
    mistakes: tuple[Mistake, ...]
    notes: tuple[str, ...]
    skipped: tuple[str, ...]
    rejection: dict[str, float] = field(default_factory=dict)
    specialists: dict[str, float] = field(default_factory=dict)
    marked: dict[str, float] = field(default_factory=dict)
    marked_against: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "confusion": self.confusion.tolist()}

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {value:.3f}" for name, value in self.figures.items())
        return f"EvaluationReport({self.model!r}, {self.photos:,} photos, {len(self.labels)} labels: {shown})"
