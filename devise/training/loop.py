"""The training loop: epochs over photos, after each the best checkpoint and the state of the run."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from devise.descriptors.network.checkpoint import load, save
from devise.display import name
from devise.errors import TrainingError, counted
from devise.progress import Progress
from devise.training.assembly import Assembly, assemble, checkpoint_path, learner_of
from devise.training.classifier import add_classifiers
from devise.training.log import RunLog
from devise.training.options import TrainOptions
from devise.training.quantize import quantize
from devise.training.rate import found_rate
from devise.training.rebuilt import draw_rebuilt
from devise.training.report import EpochReport, TrainReport
from devise.training.state import Learner, epochs_done, keep, restore
from devise.training.validate import is_best, validated
from devise.training.workers import ALONE, Losses, Workers, workers

STATE = ".training"  # beside the checkpoint, while the run has not ended
# Options that a checkpoint does not depend on
NOT_TOLD = ("resume", "force", "threads", "photos", "reading", "quantize")
# Told by their last part: no folders of this machine
FOLDERS = ("out", "backbone", "data", "weights", "feedback", "start")


def train(options: TrainOptions, progress: Progress | None = None) -> TrainReport:
    """Train heads on labelled photos and keep the best checkpoint.

    Equal options and photos give equal checkpoints on one machine, interrupted and resumed or not.
    Raises TrainingError, FolderError, VectorsError, CheckpointError, WriteError; nothing is half-written.
    """
    options.check()
    with workers(options.batch) as team:
        return _trained(options, (progress if team.is_first else None) or Progress(), team)


def _trained(options: TrainOptions, progress: Progress, team: Workers) -> TrainReport:
    begun = time.monotonic()
    _refuse_to_discard(options)
    assembly = assemble(options, progress, team)
    learner, path = learner_of(assembly), assembly.path
    state, log = path.with_suffix(STATE), RunLog(path, path.stem)
    has_state, is_done = team.first(lambda: (state.exists(), path.exists()))  # before the first process writes any
    if options.resume and has_state:
        restore(learner, state, assembly.key)
        progress.note(f"going on after epoch {learner.epoch} of {options.epochs}")
    elif options.resume and is_done:
        return _finished(assembly, begun)
    else:
        if options.resume:
            progress.note(f"there is no interrupted run of {path.stem}; this one begins at epoch 1")
        if options.find_rate:
            learner.rate = team.first(lambda: found_rate(assembly, learner))
            progress.note(f"learning rate found: {learner.rate:g}")
        if team.is_first:
            keep(learner, state, assembly.key)  # a checkpoint without it would be taken for a finished one
    if team.is_first:
        log.begin(assembly.overview, learner.history)
    _run(learner, assembly, progress, log, team)
    assert learner.best is not None
    if team.is_first:
        log.end(learner.history, learner.best)
        add_classifiers(path, assembly, progress)
        if picture := draw_rebuilt(path, assembly, log.folder):
            progress.note(f"photos rebuilt from their codes: {name(str(picture))}")
        if options.quantize:
            quantize(path, assembly.paths, options.photos)
        state.unlink(missing_ok=True)
    team.wait()
    return TrainReport(path=path, best=learner.best, num_training=len(assembly.training),
                       num_validation=len(assembly.validation), labels=assembly.labels,
                       skipped=tuple(assembly.source.skipped.values()), seconds=time.monotonic() - begun,
                       history=tuple(learner.history), folder=log.folder, held_out=assembly.held_out)  # fmt: skip


def _refuse_to_discard(options: TrainOptions) -> None:
    """Raises TrainingError where this run would begin anew over the epochs of an interrupted one."""
    state = checkpoint_path(options.out).with_suffix(STATE)
    if not options.resume and not options.force and (done := epochs_done(state)):
        raise TrainingError(f"{state} holds {counted(done, 'epoch')} of an interrupted run; "
                            "go on with --resume, or begin anew with --force")  # fmt: skip


def _run(learner: Learner, assembly: Assembly, progress: Progress, log: RunLog, team: Workers) -> None:
    """Epochs, till there are enough or no better one comes."""
    options, path = assembly.options, assembly.path
    begun, first, losses = time.monotonic(), learner.epoch, team.together(losses_of(learner, assembly))
    while learner.epoch < options.epochs:
        report = _next_epoch(learner, assembly, progress, losses, team)
        each = (time.monotonic() - begun) / (learner.epoch - first)
        report = replace(report, seconds_left=round(each * (options.epochs - learner.epoch), 1))
        learner.history.append(report)
        if team.is_first:
            if report.is_best:
                learner.checkpoint.training = _about(assembly, learner, report)
                save(learner.checkpoint, path)
            keep(learner, path.with_suffix(STATE), assembly.key)
            log.epoch(learner.history)
        progress.epoch(report)
        if options.patience and learner.best and learner.epoch - learner.best.epoch >= options.patience:
            progress.note(f"no better epoch in {options.patience}: the run ends here (--patience)")
            break


def losses_of(learner: Learner, assembly: Assembly) -> Losses:
    """What a step computes, with all that learns by it."""
    backbone = {"backbone": learner.checkpoint.backbone} if assembly.source.parameters() else {}
    return Losses(assembly.objectives, learner.checkpoint.heads, {**learner.modules, **backbone})


def _next_epoch(
    learner: Learner, assembly: Assembly, progress: Progress, losses: nn.Module, team: Workers
) -> EpochReport:
    """One more epoch, what it gives on the validation photos, and whether it is the best so far."""
    loss = learn_epoch(learner, assembly, progress, losses, team)
    figures, validation_loss = team.first(lambda: validated(assembly))
    learner.epoch += 1
    if validation_loss is not None and not math.isfinite(validation_loss):  # before it would be kept as the best
        raise _diverged(f"epoch {learner.epoch}, on the validation photos")
    better = is_best(figures, learner.best, assembly.options.best_by)
    rate = learner.optimizer.param_groups[0]["lr"]
    report = EpochReport(epoch=learner.epoch, loss=loss, figures=figures, is_best=better, learning_rate=rate,
                         epochs=assembly.options.epochs, validation_loss=validation_loss)  # fmt: skip
    if report.is_best:
        learner.best = report
        for objective in assembly.objectives:  # with what validation has fitted
            learner.checkpoint.configs |= objective.heads(learner.checkpoint.backbone.config.num_features)
    return report


def learn_epoch(
    learner: Learner, assembly: Assembly, progress: Progress, losses: nn.Module | None = None, team: Workers = ALONE
) -> float:
    """Learn from each photo that is drawn. The mean loss of the first objective; raises TrainingError where it, or that
    of another, is no number.
    """
    options, heads = assembly.options, learner.checkpoint.heads
    losses = losses or losses_of(learner, assembly)
    # seeded by epoch, so a resumed run draws the same order and dropout as one that was never stopped
    torch.manual_seed(options.seed * 1_000_003 + learner.epoch)
    for head in heads.values():
        head.train()
    count = len(assembly.training)
    total, whole, step = 0.0, 0.0, learner.epoch * count
    steps = max(1, options.epochs * count)
    base = [learner.rate, learner.rate / 10]
    drawn, batch = team.share(assembly.objectives[0].sampler(assembly.training), options.batch)
    team.seed(options.seed * 1_000_003 + learner.epoch)
    with team.joined(losses):
        for features, rows in assembly.source.batches(drawn, batch, train=True):
            for group, rate in zip(learner.optimizer.param_groups, base, strict=False):
                group["lr"] = rate * (1 + math.cos(math.pi * step / steps)) / 2  # to zero over the run
            first, *others = losses(features, rows)
            loss = sum(others, first)
            learner.optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            learner.optimizer.step()
            total, whole = total + first.item() * len(rows), whole + loss.item()
            if team.is_alone and not math.isfinite(whole):
                at = 1 + (step - learner.epoch * count) // options.batch
                raise _diverged(f"epoch {learner.epoch + 1}, step {at}")
            step = min(step + len(rows) * team.count, steps)
            progress.photos(step, steps)
    total, whole = team.sum(total, whole)
    if not (math.isfinite(whole) and all(bool(p.isfinite().all()) for p in losses.parameters())):
        raise _diverged(f"epoch {learner.epoch + 1}")
    return total / count


def _diverged(at: str) -> TrainingError:
    return TrainingError(f"the loss is not a number any more at {at}; try a smaller --lr")


def _about(assembly: Assembly, learner: Learner, report: EpochReport) -> dict[str, Any]:
    """What a checkpoint tells of its training."""
    chosen = {name: value for name, value in asdict(assembly.options).items() if name not in NOT_TOLD}
    chosen |= {name: Path(str(chosen[name])).name for name in FOLDERS if chosen[name] is not None}
    chosen["learning_rate"] = learner.rate
    chosen["hold_out"] = assembly.held_out
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
                       labels=assembly.labels, skipped=(), seconds=time.monotonic() - begun,
                       held_out=assembly.held_out)  # fmt: skip
