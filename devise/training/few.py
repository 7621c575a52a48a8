"""How many photos a label needs: the words head beside scikit-learn's classifiers, learnt from 1, 2, 5, ... of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from devise.analysis.classifiers import fitted
from devise.analysis.metrics import hits
from devise.errors import TrainingError
from devise.progress import Progress
from devise.training.assembly import Assembly, assemble, learner_of
from devise.training.classifier import rows_of
from devise.training.loop import learn_epoch
from devise.training.options import CLASSIFIERS, TrainOptions
from devise.training.validate import validated

COUNTS = (1, 2, 5, 10, 50)
DRAWS = 3  # of the photos: with one or two a label, which ones they are decides much
STEPS = 200  # of the words head at least: a few photos are few batches an epoch


@dataclass(frozen=True)
class FewRow:
    """hit@1 on the validation photos by who learnt from `count` photos a label: the mean of three draws."""

    count: int
    photos: int
    words: float
    classifiers: dict[str, float]


def few_shots(
    options: TrainOptions, progress: Progress | None = None, counts: Sequence[int] = COUNTS, steps: int = STEPS
) -> list[FewRow]:
    """A row for each count, up to the first that is more than any label has; steps: of the words head at least.

    Raises TrainingError as training does.
    """
    assembly = assemble(replace(options, objectives=("words",), force=True), progress or Progress())
    if not len(assembly.validation) or options.unfreeze:
        raise TrainingError("accuracy against photos a label needs photos for validation and frozen features")
    truth = assembly.lessons.truth[assembly.training]
    most = int((truth.sum(1, keepdim=True) == 1).float().mul(truth).sum(0).max())
    found: list[FewRow] = []
    for count in counts:
        if found and count > most:
            break
        draws = [_drawn(assembly, count, draw) for draw in range(DRAWS)]
        each = [_learnt(replace(assembly, training=rows), steps) for rows in draws]
        mean = {name: float(np.mean([one[name] for one in each])) for name in each[0]}
        found.append(FewRow(count, len(draws[0]), mean.pop("words"), mean))
        (progress or Progress()).worked(len(found), len(counts))
    return found


def _drawn(assembly: Assembly, count: int, draw: int) -> torch.Tensor:
    """Rows of up to `count` photos of each label, of those with one label."""
    truth = assembly.lessons.truth[assembly.training].numpy()
    random, single = np.random.default_rng([assembly.options.seed, draw]), truth.sum(1) == 1
    chosen = [random.permutation(np.flatnonzero(single & (truth[:, label] > 0)))[:count]
              for label in range(truth.shape[1])]  # fmt: skip
    return assembly.training[torch.from_numpy(np.sort(np.concatenate(chosen)))]


def _learnt(assembly: Assembly, steps: int) -> dict[str, float]:
    rows, judged, lessons = assembly.training, assembly.validation, assembly.lessons
    truth, named = lessons.truth[judged].numpy(), lessons.truth[judged].any(1).numpy()
    found = {}
    for kind in CLASSIFIERS:
        weights = fitted(kind, rows_of(assembly, rows), lessons.truth[rows].numpy(), lessons.known[rows].numpy())
        found[kind] = hits((rows_of(assembly, judged) @ weights.T)[named], truth[named], at=(1,))[1]
    torch.manual_seed(assembly.options.seed)
    for objective in assembly.objectives:
        for name, head in objective.heads(assembly.checkpoint.backbone.config.num_features).items():
            assembly.checkpoint.add_head(head, name).to(lessons.targets.device)
    epochs = max(assembly.options.epochs, math.ceil(steps / math.ceil(len(rows) / assembly.options.batch)))
    assembly = replace(assembly, options=replace(assembly.options, epochs=epochs))
    learner = learner_of(assembly)
    for learner.epoch in range(epochs):
        learn_epoch(learner, assembly, Progress())
    return found | {"words": validated(assembly)[0].get("hit@1", float("nan"))}
