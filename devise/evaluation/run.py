"""A model on labelled photos that it has not learnt from, beside others on the same photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devise.descriptors.network.base import Network
from devise.descriptors.network.checkpoint import load
from devise.descriptors.network.classes import read_classes
from devise.descriptors.network.engine import open_encoder
from devise.errors import CheckpointError, TrainingError, listed
from devise.evaluation import measures
from devise.evaluation.report import SPLITS, EvaluateOptions, EvaluationReport, LabelFigures, Mistake
from devise.evaluation.scores import Rows, conse_scores, encoded, softmax_scores, word_scores
from devise.progress import Progress
from devise.training.data import truth as truth_of
from devise.training.datasets.example import Example
from devise.training.datasets.read import read
from devise.training.labels import resolved
from devise.training.splits import split
from devise.words import WordVectors

Array = NDArray[np.float32]


@dataclass(frozen=True)
class _Asked:
    """What all models are asked: photos, labels with their vectors, and the truth (photos, labels)."""

    examples: list[Example]
    labels: tuple[str, ...]
    vectors: WordVectors
    targets: Array
    truth: Array
    known: Array

    def only(self, rows: NDArray[np.bool_]) -> _Asked:
        chosen = [example for example, good in zip(self.examples, rows, strict=True) if good]
        return _Asked(chosen, self.labels, self.vectors, self.targets, self.truth[rows], self.known[rows])


def evaluate(options: EvaluateOptions, progress: Progress | None = None) -> EvaluationReport:
    """Think of it as an examination: the photos are shown, the labels are what may be answered.

    >>> report = evaluate(EvaluateOptions(data=Path("birds"), model="birds"))
    >>> report.figures["hit@1"]
    0.83

    Raises TrainingError, FolderError, VectorsError, CheckpointError.
    """
    progress = progress or Progress()
    if options.split not in SPLITS:
        raise TrainingError(f"no split {options.split}; choose one of {', '.join(SPLITS)}")
    vectors = WordVectors.open(options.vectors)
    model = _model(options.model, vectors)
    asked, name, notes = _asked(options, model, vectors)
    rows = encoded(model, [example.path for example in asked.examples], progress.features)
    asked = asked.only(rows.good)
    if not asked.examples:
        raise TrainingError(f"none of the photos can be read; first trouble: {rows.skipped[0]}")
    scores = word_scores(rows, asked.targets)
    samples = np.random.default_rng(options.seed).integers(0, len(scores), (options.bootstrap, len(scores)))
    drawn = measures.resampled(scores, asked.truth, asked.known, samples)
    figures = measures.figures(scores, asked.truth, asked.known)
    if (hierarchical := measures.hierarchical_precision(scores, asked.truth, asked.labels)) is not None:
        figures[f"hp@{measures.HIERARCHICAL_AT}"] = hierarchical
    against: dict[str, float] = {}
    difference: dict[str, tuple[float, float, float]] = {}
    if options.against is not None:
        against, difference = _against(options.against, asked, drawn, samples, progress)
    bins, error = _calibration(model, scores, asked)
    return EvaluationReport(
        model=model.name, split=name, photos=len(scores), labels=_labels(scores, asked, model), figures=figures,
        intervals={key: _interval(x) for key, x in drawn.items() if len(x)}, zero_shot=_zero_shot(scores, asked, model),
        baselines=_baselines(model, rows, asked) if options.baselines else {}, against=against, difference=difference,
        bins=bins, calibration_error=error, confusion=measures.confusion(scores, asked.truth),
        mistakes=_mistakes(scores, asked, options.mistakes), notes=tuple(notes), skipped=rows.skipped,
    )  # fmt: skip


def _model(name: str | None, vectors: WordVectors) -> Network:
    model = open_encoder(name, vectors.name)
    space = next((space for space in model.spaces if space.name == "words"), None)
    if space is None or space.dim != vectors.dim or (space.vectors and space.vectors != vectors.name):
        speaks = space.vectors if space else "no words"
        raise CheckpointError(f"{model.name} speaks {speaks}, the word vectors in use are {vectors.name}; "
                              "choose others with --vectors")  # fmt: skip
    return model


def _asked(options: EvaluateOptions, model: Network, vectors: WordVectors) -> tuple[_Asked, str, list[str]]:
    dataset = read(options.data, options.reading)
    found = resolved(dataset.examples, vectors, options.reading)
    training = load(model.path).training if model.path is not None else {}
    chosen, name = _split(found.examples, options, training)
    if not chosen:
        raise TrainingError(f"no photo is for {options.split}; choose another --split")
    truth, known = (part.numpy() for part in truth_of(chosen, found.labels))
    notes = [*dataset.notes, *found.notes]
    if name == "all" and training.get("data") == options.data.name:
        notes.append(f"{model.name} was trained on data of this name: photos that it learnt from flatter it")
    targets = np.stack([vectors.vector(label) for label in found.labels])
    return _Asked(chosen, found.labels, vectors, targets, truth, known), name, notes


def _split(examples: list[Example], options: EvaluateOptions, training: Mapping[str, Any]) -> tuple[list[Example], str]:
    """The photos to judge by, and what they are called. training: what the checkpoint tells of its own."""
    parts = {example.part for example in examples}
    wanted = options.split
    if wanted == "auto":
        wanted = next((part for part in ("test", "validation") if part in parts), "auto")
    if wanted == "auto" and training.get("data") == options.data.name:
        share, seed = training.get("validation") or 0, training.get("seed", 0)
        return (split(examples, share, seed)[1], "validation, as its training drew it") if share else (examples, "all")
    if wanted in ("auto", "all"):
        return examples, "all"
    return [example for example in examples if example.part == wanted], wanted


def _labels(scores: Array, asked: _Asked, model: Network) -> tuple[LabelFigures, ...]:
    each = measures.precisions(scores, asked.truth, asked.known)
    said = np.where(asked.known > 0, scores, -np.inf).argmax(1)
    learnt = {label.lower() for label in model.labels}
    found = []
    for i, label in enumerate(asked.labels):
        right = int((asked.truth[said == i, i] > 0).sum())
        count = int(asked.truth[:, i].sum())
        of_all = max(1, int((said == i).sum()))
        found.append(LabelFigures(label=label, photos=count, average_precision=each[i], precision=right / of_all,
                                  recall=right / max(1, count), learnt=label.lower() in learnt))  # fmt: skip
    return tuple(found)


def _zero_shot(scores: Array, asked: _Asked, model: Network) -> dict[str, float]:
    """Of photos with labels that the model has not learnt: among all labels, and among such labels alone."""
    learnt = {label.lower() for label in model.labels}
    unseen = np.array([label.lower() not in learnt for label in asked.labels])
    if not unseen.any() or unseen.all():
        return {}
    rows = asked.truth[:, unseen].any(1)
    if not rows.any():
        return {}
    every = measures.figures(scores[rows], asked.truth[rows] * unseen, asked.known[rows])
    alone = measures.figures(scores[rows][:, unseen], asked.truth[rows][:, unseen], asked.known[rows][:, unseen])
    return {"labels": float(unseen.sum()), "photos": float(rows.sum()), "hit@1 among all": every["hit@1"],
            "hit@1 among them": alone["hit@1"], "mAP": alone["mAP"]}  # fmt: skip


def _baselines(model: Network, rows: Rows, asked: _Asked) -> dict[str, dict[str, float]]:
    if model.path is None:
        return {}
    classes = read_classes(model.path)
    found = {"ConSE": conse_scores(rows, classes, asked.vectors, asked.targets)}
    if (softmax := softmax_scores(rows, classes, asked.labels)) is not None:
        found["softmax"] = softmax
    return {name: measures.figures(scores, asked.truth, asked.known) for name, scores in found.items()}


def _against(
    name: str, asked: _Asked, ours: dict[str, Array], samples: NDArray[np.int64], progress: Progress
) -> tuple[dict[str, float], dict[str, tuple[float, float, float]]]:
    """Figures of another model, and how much lower they are, paired by photo."""
    other = _model(name, asked.vectors)
    found = encoded(other, [example.path for example in asked.examples], progress.features)
    if not found.good.all():
        raise TrainingError(f"photos became unreadable on the way: {listed(found.skipped)}; run again")
    scores = word_scores(found, asked.targets)
    theirs = measures.resampled(scores, asked.truth, asked.known, samples)
    gaps = {figure: ours[figure] - theirs[figure] for figure in ours if len(ours[figure])}
    between = {figure: (_interval(gap)[0], float(gap.mean()), _interval(gap)[1]) for figure, gap in gaps.items()}
    return measures.figures(scores, asked.truth, asked.known), between


def _interval(values: Array) -> tuple[float, float]:
    low, high = np.nanquantile(values, (0.025, 0.975))
    return float(low), float(high)


def _calibration(
    model: Network, scores: Array, asked: _Asked
) -> tuple[tuple[tuple[float, float, int], ...], float | None]:
    line = next(space.calibration for space in model.spaces if space.name == "words")
    if line.scale <= 0:
        return (), None
    probabilities = 1 / (1 + np.exp(-np.clip(line.scale * scores + line.bias, -30, 30)))
    return measures.calibration(probabilities.astype(np.float32), asked.truth, asked.known)


def _mistakes(scores: Array, asked: _Asked, count: int) -> tuple[Mistake, ...]:
    named = asked.truth.any(1)
    right = np.where(asked.truth > 0, scores, -np.inf).max(1)
    wrong = np.where((asked.truth > 0) | (asked.known == 0), -np.inf, scores)
    margin = np.where(named, wrong.max(1) - right, -np.inf)
    order: Sequence[int] = np.argsort(-margin, kind="stable")[:count].tolist()
    return tuple(Mistake(path=asked.examples[i].path, labels=asked.examples[i].labels,
                         said=asked.labels[int(wrong[i].argmax())], margin=float(margin[i]))
                 for i in order if margin[i] > 0)  # fmt: skip
