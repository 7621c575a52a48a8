"""A model on labelled photos that it has not learnt from, beside others on the same photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from devise.descriptors.network.specialists import Specialists, read_specialists
from devise.errors import TrainingError, listed
from devise.evaluation import measures
from devise.evaluation.marks import marked
from devise.evaluation.rejection import rejection
from devise.evaluation.report import SPLITS, EvaluateOptions, EvaluationReport, LabelFigures, Mistake
from devise.evaluation.rivals import by_classes, random_targets, without_labels
from devise.evaluation.scores import Array
from devise.evaluation.specialists import with_specialists
from devise.evaluation.subject import About, Answers, LibrarySubject, ModelSubject, Question, Subject
from devise.progress import Progress
from devise.training.data import truth as truth_of
from devise.training.datasets.example import Example
from devise.training.datasets.read import read
from devise.training.labels import resolved
from devise.training.splits import split, without
from devise.words import WordVectors


@dataclass(frozen=True)
class _Asked:
    """What all models are asked: photos, labels with their vectors, and the truth (photos, labels).

    names: label -> as it is written in the data; is_all: whether photos that were learnt from may be among them.
    """

    examples: list[Example]
    labels: tuple[str, ...]
    names: Mapping[str, Sequence[str]]
    vectors: WordVectors
    targets: Array
    truth: Array
    known: Array
    is_all: bool

    def only(self, rows: NDArray[np.bool_]) -> _Asked:
        chosen = [example for example, good in zip(self.examples, rows, strict=True) if good]
        return replace(self, examples=chosen, truth=self.truth[rows], known=self.known[rows])

    @property
    def question(self) -> Question:
        return Question([example.path for example in self.examples], self.labels, self.targets)


def evaluate(options: EvaluateOptions, progress: Progress | None = None) -> EvaluationReport:
    """Think of it as an examination: the photos are shown, the labels are what may be answered.

    >>> report = evaluate(EvaluateOptions(data=Path("birds"), model="birds"))
    >>> report.figures["hit@1"]
    0.83

    Raises TrainingError, FolderError, VectorsError, CheckpointError, LibraryError.
    """
    progress = progress or Progress()
    _check(options)
    vectors = WordVectors.open(options.vectors)
    subject = LibrarySubject(options.library) if options.library else ModelSubject(options.model, vectors)
    if not options.hold_out:
        return _examined(options, subject, vectors, progress)
    with TemporaryDirectory() as folder:
        file, name = without_labels(options, subject.about, Path(folder), progress)
        shy = ModelSubject(str(file), vectors)
        shy.about = replace(shy.about, name=name)
        return _examined(options, shy, vectors, progress)


def _check(options: EvaluateOptions) -> None:
    if options.split not in SPLITS:
        raise TrainingError(f"no split {options.split}; choose one of {', '.join(SPLITS)}")
    if options.k < 1:
        raise TrainingError(f"k must be 1 or more photos, not {options.k}; leave it out for {EvaluateOptions.k}")
    if options.library and (options.model or options.hold_out):
        raise TrainingError("a library has a model of its own, and learns nothing here; leave out --library, or "
                            "--model and --hold-out")  # fmt: skip


def _examined(options: EvaluateOptions, subject: Subject, vectors: WordVectors, progress: Progress) -> EvaluationReport:
    asked, name, notes = _asked(options, subject.about, vectors)
    answers = subject.answers(asked.question, progress.features)
    asked = asked.only(answers.good)
    if not asked.examples:
        raise TrainingError(f"none of the photos can be asked about; first trouble: {answers.skipped[0]}")
    scores, about = answers.scores, subject.about
    samples = np.random.default_rng(options.seed).integers(0, len(scores), (options.bootstrap, len(scores)))
    drawn = measures.resampled(scores, asked.truth, asked.known, samples)
    figures = measures.figures(scores, asked.truth, asked.known, options.k)
    if (hierarchical := measures.hierarchical_precision(scores, asked.truth, asked.labels)) is not None:
        figures[f"hp@{measures.HIERARCHICAL_AT}"] = hierarchical
    against: dict[str, float] = {}
    difference: dict[str, tuple[float, float, float]] = {}
    if options.against is not None:
        against, difference = _against(options, asked, drawn, samples, progress)
    baselines, remarks = _baselines(options, about, answers, asked, progress) if options.baselines else ({}, [])
    bins, error = _calibration(about, scores, asked)
    pairs = read_specialists(about.path) if about.path else Specialists()
    return EvaluationReport(
        model=about.name, split=name, photos=len(scores), labels=_labels(scores, asked, about), figures=figures,
        intervals={key: _interval(x) for key, x in drawn.items() if len(x)}, zero_shot=_zero_shot(scores, asked, about),
        baselines=baselines, against=against, difference=difference, bins=bins, calibration_error=error,
        confusion=measures.confusion(scores, asked.truth), mistakes=_mistakes(scores, asked, options.mistakes),
        notes=(*notes, *remarks), skipped=answers.skipped,
        specialists=with_specialists(pairs.pairs, asked.labels, scores, answers.features, asked.truth),
        **_asked_for(options, subject, asked, scores, progress),
    )  # fmt: skip


def _asked_for(
    options: EvaluateOptions, subject: Subject, asked: _Asked, scores: Array, progress: Progress
) -> dict[str, dict[str, float]]:
    """What is looked at only where it is asked for."""
    found = {}
    if options.reject:
        found["rejection"] = rejection(subject, asked.examples, asked.question, scores, options.seed)
    if options.feedback:
        found["marked"] = marked(subject, options.feedback, asked.vectors, progress.features)
    if options.feedback and options.against:
        other = ModelSubject(options.against, asked.vectors)
        found["marked_against"] = marked(other, options.feedback, asked.vectors, progress.features)
    return found


def _asked(options: EvaluateOptions, about: About, vectors: WordVectors) -> tuple[_Asked, str, list[str]]:
    dataset = read(options.data, options.reading)
    found = resolved(dataset.examples, vectors, options.reading)
    chosen, name = _split(found.examples, options, about)
    if not chosen:
        raise TrainingError(f"no photo is for {options.split}; choose another --split")
    truth, known = (part.numpy() for part in truth_of(chosen, found.labels))
    notes = [*dataset.notes, *found.notes]
    if name == "all" and about.training.get("data") == options.data.name:
        notes.append(f"{about.name} was trained on data of this name: photos that it learnt from flatter it")
    targets = np.stack([vectors.vector(label) for label in found.labels])
    names = {label: found.sources.get(label, ()) for label in found.labels}
    return _Asked(chosen, found.labels, names, vectors, targets, truth, known, name == "all"), name, notes


def _split(examples: list[Example], options: EvaluateOptions, about: About) -> tuple[list[Example], str]:
    """The photos to judge by, and what they are called."""
    parts, training = {example.part for example in examples}, about.training
    wanted = options.split
    if wanted == "auto":
        wanted = next((part for part in ("test", "validation") if part in parts), "auto")
    if wanted == "auto" and training.get("data") == options.data.name:
        return _as_trained(examples, about)
    if wanted in ("auto", "all"):
        return examples, "all"
    return [example for example in examples if example.part == wanted], wanted


def _as_trained(examples: list[Example], about: About) -> tuple[list[Example], str]:
    """The photos that its training kept for validation, and those of the labels that it held out."""
    share, held = about.training.get("validation") or 0, about.training.get("hold_out") or ()
    learnt = without(held, examples)
    chosen = split(learnt, share, about.training.get("seed", 0))[1] if share else [] if held else learnt
    if not held:
        return chosen, "validation, as its training drew it" if share else "all"
    judged = {example.path for example in learnt}
    return ([*chosen, *(example for example in examples if example.path not in judged)],
            "validation, as its training drew it, and labels that were held out")  # fmt: skip


def _labels(scores: Array, asked: _Asked, about: About) -> tuple[LabelFigures, ...]:
    each = measures.precisions(scores, asked.truth, asked.known)
    said = np.where(asked.known > 0, scores, -np.inf).argmax(1)
    learnt = {label.lower() for label in about.labels}
    found = []
    for i, label in enumerate(asked.labels):
        right = int((asked.truth[said == i, i] > 0).sum())
        count = int(asked.truth[:, i].sum())
        of_all = max(1, int((said == i).sum()))
        found.append(LabelFigures(label=label, photos=count, average_precision=each[i], precision=right / of_all,
                                  recall=right / max(1, count), learnt=label.lower() in learnt))  # fmt: skip
    return tuple(found)


def _zero_shot(scores: Array, asked: _Asked, about: About) -> dict[str, float]:
    """Of photos with labels that the model has not learnt: among all labels, and among such labels alone."""
    learnt = {label.lower() for label in about.labels}
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


def _baselines(
    options: EvaluateOptions, about: About, answers: Answers, asked: _Asked, progress: Progress
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The figures of what needs no words head of this model, and what could not be had."""
    rivals, notes = by_classes(about, answers.features, asked.vectors, (asked.labels, asked.targets)), []
    if "softmax" not in rivals:
        notes.append(f"{about.name} has no softmax layer that knows all of these labels: that is not shown")
    if asked.is_all:
        notes.append("random targets are not shown: all photos are judged by, and none is left to learn them from")
    else:
        paths = [example.path for example in asked.examples]
        rivals["random targets"] = random_targets(options, about, asked.names, paths, progress)
    found = {name: measures.figures(scores, asked.truth, asked.known, options.k) for name, scores in rivals.items()}
    return found, notes


def _against(
    options: EvaluateOptions, asked: _Asked, ours: dict[str, Array], samples: NDArray[np.int64], progress: Progress
) -> tuple[dict[str, float], dict[str, tuple[float, float, float]]]:
    """Figures of another model, and how much lower they are, paired by photo."""
    found = ModelSubject(options.against, asked.vectors).answers(asked.question, progress.features)
    if not found.good.all():
        raise TrainingError(f"photos became unreadable on the way: {listed(found.skipped)}; run again")
    theirs = measures.resampled(found.scores, asked.truth, asked.known, samples)
    gaps = {figure: ours[figure] - theirs[figure] for figure in ours if len(ours[figure])}
    between = {figure: (_interval(gap)[0], float(gap.mean()), _interval(gap)[1]) for figure, gap in gaps.items()}
    return measures.figures(found.scores, asked.truth, asked.known, options.k), between


def _interval(values: Array) -> tuple[float, float]:
    low, high = np.nanquantile(values, (0.025, 0.975))
    return float(low), float(high)


def _calibration(
    about: About, scores: Array, asked: _Asked
) -> tuple[tuple[tuple[float, float, int], ...], float | None]:
    line = about.calibration
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
