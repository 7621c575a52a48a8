"""The training loop: epochs over photos, after each the best checkpoint and the state of the run."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from devise.descriptors.network.checkpoint import load, save
from devise.errors import TrainingError
from devise.progress import Progress
from devise.training.assembly import Assembly, assemble, learner_of
from devise.training.options import TrainOptions
from devise.training.quantize import quantize
from devise.training.report import EpochReport, TrainReport
from devise.training.state import Learner, keep, restore
from devise.training.validate import is_best, validated

NOT_TOLD = ("resume", "force", "threads", "photos")  # options that a checkpoint does not depend on
FOLDERS = ("out", "backbone", "data", "weights", "feedback")  # told by their last part: no folders of this machine


def train(options: TrainOptions, progress: Progress | None = None) -> TrainReport:
    """Train heads on labelled photos and keep the best checkpoint.

    Equal options and photos give equal checkpoints on one machine, interrupted and resumed or not.
    Raises TrainingError, FolderError, VectorsError, CheckpointError, WriteError; nothing is half-written.
    """
    progress = progress or Progress()
    options.check()
    begun = time.monotonic()
    assembly = assemble(options, progress)
    learner, path = learner_of(assembly), assembly.path
    state = path.with_suffix(".training")
    if options.resume and state.exists():
        restore(learner, state, assembly.key)
    elif options.resume and path.exists():
        return _finished(assembly, begun)
    else:
        keep(learner, state, assembly.key)  # a checkpoint without it would be taken for a finished one
    while learner.epoch < options.epochs:
        report = _next_epoch(learner, assembly, progress)
        if report.is_best:
            learner.checkpoint.training = _about(assembly, report)
            save(learner.checkpoint, path)
        keep(learner, state, assembly.key)
        progress.epoch(report)
    quantize(path, assembly.paths, options.photos)
    state.unlink(missing_ok=True)
    assert learner.best is not None
    return TrainReport(path=path, best=learner.best, num_training=len(assembly.training),
                       num_validation=len(assembly.validation), labels=assembly.labels,
                       skipped=tuple(assembly.source.skipped.values()), seconds=time.monotonic() - begun)  # fmt: skip


def _next_epoch(learner: Learner, assembly: Assembly, progress: Progress) -> EpochReport:
    """One more epoch, what it gives on the validation photos, and whether it is the best so far."""
    loss = _epoch(learner, assembly, progress)
    figures = validated(assembly)
    learner.epoch += 1
    report = EpochReport(epoch=learner.epoch, loss=loss, figures=figures, is_best=is_best(figures, learner.best))
    if report.is_best:
        learner.best = report
        for objective in assembly.objectives:  # with what validation has fitted
            learner.checkpoint.configs |= objective.heads(learner.checkpoint.backbone.config.num_features)
    return report


def _epoch(learner: Learner, assembly: Assembly, progress: Progress) -> float:
    """Learn from each photo that is drawn. The mean loss of the first objective; raises TrainingError for none."""
    options, objectives, heads = assembly.options, assembly.objectives, learner.checkpoint.heads
    # seeded by epoch, so a resumed run draws the same order and dropout as one that was never stopped
    torch.manual_seed(options.seed * 1_000_003 + learner.epoch)
    for head in heads.values():
        head.train()
    count = len(assembly.training)
    total, step = 0.0, learner.epoch * count
    steps = max(1, options.epochs * count)
    base = [options.learning_rate, options.learning_rate / 10]
    drawn = objectives[0].sampler(assembly.training)
    for features, rows in assembly.source.batches(drawn, options.batch, train=True):
        for group, rate in zip(learner.optimizer.param_groups, base, strict=False):
            group["lr"] = rate * (1 + math.cos(math.pi * step / steps)) / 2  # to zero over the run
        first, *others = (objective.loss(heads, features, rows) for objective in objectives)
        learner.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(sum(others, first))
        learner.optimizer.step()
        total += first.item() * len(rows)
        step += len(rows)
        progress.photos(step, steps)
    if not np.isfinite(total):
        raise TrainingError("the loss is not a number any more; try a smaller --lr")
    return total / count


def _about(assembly: Assembly, report: EpochReport) -> dict[str, Any]:
    """What a checkpoint tells of its training."""
    chosen = {name: value for name, value in asdict(assembly.options).items() if name not in NOT_TOLD}
    chosen |= {name: Path(chosen[name]).name for name in FOLDERS if chosen[name] is not None}
    return {
        **chosen,
        "best_epoch": report.epoch,
        "loss_value": report.loss,
        "hits": {name: round(value, 4) for name, value in report.figures.items()},
        "num_training": len(assembly.training),
        "num_validation": len(assembly.validation),
        "key": assembly.key,
    }


def _finished(assembly: Assembly, begun: float) -> TrainReport:
    """The report of a run that had ended before it was asked to resume."""
    path, about = assembly.path, load(assembly.path).training
    if about.get("key") != assembly.key:
        raise TrainingError(
            f"{path} was made with other options, labels or photos; choose another --out or use --force"
        )
    best = EpochReport(epoch=about["best_epoch"], loss=about["loss_value"], figures=about["hits"], is_best=True)
    return TrainReport(path=path, best=best, num_training=about["num_training"], num_validation=about["num_validation"],
                       labels=assembly.labels, skipped=(), seconds=time.monotonic() - begun)  # fmt: skip
