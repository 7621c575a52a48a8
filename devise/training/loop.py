"""The training loop: heads (and unfrozen blocks) against word vectors, resumable after any interruption."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from devise import config
from devise.analysis.metrics import hits, probability
from devise.descriptors.network.checkpoint import Checkpoint, load, save
from devise.descriptors.network.config import HeadConfig
from devise.descriptors.network.format import SUFFIX
from devise.descriptors.network.weights import load_backbone
from devise.errors import TrainingError
from devise.files import replacing
from devise.training import data
from devise.training.data import Example
from devise.training.features import features_of
from devise.training.feedback import judged
from devise.training.objectives.losses import LOSSES, cosines, masked_cross_entropy
from devise.training.options import TrainOptions
from devise.training.quantize import let_be_in_bytes
from devise.training.report import EpochReport, TrainProgress, TrainReport
from devise.training.sources import Cached, Photos, Source
from devise.words import WordVectors

DAMAGED = "is damaged; delete it and train anew without --resume"
PAIRED = 512  # validation photos that are compared with each other: a quarter of a million pairs fit two numbers


@dataclass(frozen=True)
class Lessons:
    """All that stays the same: rows are numbers of photos in `source` and `truth`.

    rows, checked: photos to train on and to validate on; targets: (labels, dim) unit rows;
    truth, known: (photos, labels), whether a label is true of a photo, and whether anybody said so;
    weights: (photos,), how often each is looked at.
    """

    source: Source
    rows: Tensor
    checked: Tensor
    targets: Tensor
    truth: Tensor
    known: Tensor
    weights: Tensor


@dataclass
class Learner:
    """All that changes while training."""

    checkpoint: Checkpoint
    loss: nn.Module
    optimizer: torch.optim.Optimizer
    best: EpochReport | None = None
    epoch: int = 0  # epochs done

    def modules(self) -> dict[str, nn.Module]:
        return {**self.checkpoint.modules(), "loss": self.loss}


def train(options: TrainOptions, progress: TrainProgress | None = None) -> TrainReport:
    """Train heads on labelled photos and keep the best checkpoint.

    Equal options and photos give equal checkpoints on one machine, interrupted and resumed or not.
    Raises TrainingError, FolderError, VectorsError, CheckpointError, WriteError; nothing is half-written.
    """
    progress = progress or TrainProgress()
    options.check()
    begun = time.monotonic()
    path = checkpoint_path(options.out)
    if path.exists() and not options.force and not options.resume:
        raise TrainingError(f"{path} exists; choose another --out, go on with --resume, or replace it with --force")
    vectors = WordVectors.open(options.vectors)
    examples = data.read(options.data)
    said = judged(options.feedback, vectors) if options.feedback else []
    labels = data.check_labels([*examples, *said], vectors)
    training, validation = data.split(examples, options.validation, options.seed)
    training += said
    if len(training) < 2:
        raise TrainingError(f"{len(training)} photos to train on; at least 2 are needed")
    torch.manual_seed(options.seed)
    checkpoint = _new_checkpoint(options, path.stem, labels, vectors)
    ordered = [*training, *validation]
    source, good = _source(options, checkpoint, ordered, progress)
    is_training = np.arange(len(ordered)) < len(training)
    rows = torch.from_numpy(np.flatnonzero(good & is_training))
    mixed = np.random.default_rng(0).permutation(np.flatnonzero(good & ~is_training))  # the first few are of all labels
    checked = torch.from_numpy(mixed)
    if len(rows) < 2:
        raise TrainingError(
            f"{len(rows)} readable photos to train on; first trouble: {next(iter(source.skipped.values()), 'none')}"
        )
    learner = _learner(options, checkpoint, source)
    state, key = path.with_suffix(".training"), _key(options, [*examples, *said], vectors)
    if options.resume and state.exists():
        _restore(learner, state, key)
    elif options.resume and path.exists():
        return _finished(path, key, labels, begun)
    else:
        _keep(learner, state, key)  # a checkpoint without it would be taken for a finished one
    targets = torch.from_numpy(np.stack([vectors.vector(label) for label in labels])).to(source.device)
    lessons = Lessons(source, rows, checked, targets, *data.truth(ordered, labels),
                      torch.tensor([example.weight for example in ordered]))  # fmt: skip
    while learner.epoch < options.epochs:
        report = _next_epoch(learner, lessons, options, progress)
        if report.is_best:
            checkpoint.training = {**_about(options, report, len(rows), len(checked)), "key": key}
            save(checkpoint, path)
        _keep(learner, state, key)
        progress.epoch(report)
    let_be_in_bytes(path, [example.path for example in ordered])
    state.unlink(missing_ok=True)
    assert learner.best is not None
    return TrainReport(path=path, best=learner.best, num_training=len(rows), num_validation=len(checked), labels=labels,
                       skipped=tuple(source.skipped.values()), seconds=time.monotonic() - begun)  # fmt: skip


def _next_epoch(learner: Learner, lessons: Lessons, options: TrainOptions, progress: TrainProgress) -> EpochReport:
    """One more epoch, what it gives on the validation photos, and whether it is the best so far."""
    total = _epoch(learner, lessons, options, progress)
    found, fitted = _validated(learner, lessons, options.batch) if len(lessons.checked) else ({}, {})
    # of equal epochs the later one: it has seen more
    is_best = learner.best is None or not found or _rank(found) >= _rank(learner.best.hits)
    learner.epoch += 1
    report = EpochReport(epoch=learner.epoch, loss=total, hits=found, is_best=is_best)
    if is_best:
        learner.best = report
        configs = learner.checkpoint.configs
        configs["words"] = configs["words"].with_probabilities(fitted)
    return report


def checkpoint_path(out: str) -> Path:
    """A bare name goes to the user's checkpoints; anything with a folder is taken as it is."""
    path = Path(out)
    if path.name in ("", ".", "..") or out.endswith(os.sep):
        raise TrainingError(f"--out {out!r} is a folder, not a name; give one such as checkpoints/pets")
    folder = path.parent if len(path.parts) > 1 else config.own_folder("checkpoints")
    file = folder / (path.name if path.suffix == SUFFIX else path.name + SUFFIX)
    if os.path.isdir(file):
        raise TrainingError(f"{file} is a folder; choose another --out")
    return file


def _new_checkpoint(options: TrainOptions, name: str, labels: tuple[str, ...], vectors: WordVectors) -> Checkpoint:
    checkpoint = Checkpoint(name=name, backbone=load_backbone(options.backbone, options.weights))
    num_features = checkpoint.backbone.config.num_features
    checkpoint.add_head(HeadConfig(kind="words", num_features=num_features, num_out=vectors.dim, labels=labels,
                                   vectors=vectors.name, fingerprint=vectors.fingerprint, input="power"))  # fmt: skip
    checkpoint.add_head(HeadConfig(kind="classes", num_features=num_features, num_out=len(labels), labels=labels))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for module in checkpoint.modules().values():
        module.to(device)
    return checkpoint


def _source(
    options: TrainOptions, checkpoint: Checkpoint, examples: Sequence[Example], progress: TrainProgress
) -> tuple[Source, np.ndarray]:
    """Where features come from, and which photos are known to be readable."""
    paths = [example.path for example in examples]
    if options.unfreeze:
        source = Photos(paths, checkpoint, options.unfreeze, options.threads)
        return source, np.ones(len(paths), bool)
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        progress.features(done, len(paths))

    features, good, skipped = features_of(paths, checkpoint, progress=advance)
    for trouble in skipped:
        progress.note(f"skipping {trouble}")
    device = next(checkpoint.backbone.parameters()).device
    return Cached(torch.from_numpy(features), device, {trouble.path: trouble for trouble in skipped}), good


def _learner(options: TrainOptions, checkpoint: Checkpoint, source: Source) -> Learner:
    loss = LOSSES[options.loss]().to(source.device)
    fresh = [p for module in [*checkpoint.heads.values(), loss] for p in module.parameters()]
    groups: list[dict[str, Any]] = [{"params": fresh, "lr": options.learning_rate}]
    if source.parameters():  # what is already good needs smaller steps
        groups.append({"params": source.parameters(), "lr": options.learning_rate / 10})
    return Learner(checkpoint, loss, torch.optim.AdamW(groups, weight_decay=options.weight_decay))


def _epoch(learner: Learner, lessons: Lessons, options: TrainOptions, progress: TrainProgress) -> float:
    # seeded by epoch, so a resumed run draws the same order and dropout as one that was never stopped
    torch.manual_seed(options.seed * 1_000_003 + learner.epoch)
    rows, heads = lessons.rows, learner.checkpoint.heads
    for head in heads.values():
        head.train()
    total, done = 0.0, learner.epoch * len(rows)
    steps, step = max(1, options.epochs * len(rows)), done
    base = [options.learning_rate, options.learning_rate / 10]
    for features, part in lessons.source.batches(_drawn(rows, lessons.weights[rows]), options.batch, train=True):
        for group, rate in zip(learner.optimizer.param_groups, base, strict=False):
            group["lr"] = rate * (1 + math.cos(math.pi * step / steps)) / 2  # to zero over the run
        truth, known = lessons.truth[part].to(features.device), lessons.known[part].to(features.device)
        on_words = learner.loss(heads["words"](features), lessons.targets, truth, known)
        on_classes = masked_cross_entropy(heads["classes"](features[:, 0].detach()), truth, known)
        learner.optimizer.zero_grad(set_to_none=True)
        (on_words + on_classes).backward()
        learner.optimizer.step()
        total += on_words.item() * len(part)
        step += len(part)
        progress.photos(step, steps)
    if not np.isfinite(total):
        raise TrainingError("the loss is not a number any more; try a smaller --lr")
    return total / len(rows)


def _drawn(rows: Tensor, weights: Tensor) -> Tensor:
    """An epoch's photos: each once in random order; with weights, as many drawn by them."""
    is_even = bool((weights == weights[0]).all())
    return rows[torch.randperm(len(rows)) if is_even else torch.multinomial(weights, len(rows), replacement=True)]


@torch.no_grad()
def _validated(learner: Learner, lessons: Lessons, batch: int) -> tuple[dict[int, float], dict[str, float]]:
    """hit@k on the validation photos, and the scales and biases that make probabilities of scores."""
    for head in learner.checkpoint.heads.values():
        head.eval()
    scores, seen = [], []
    views: list[Tensor] = []
    for features, part in lessons.source.batches(lessons.checked, batch, train=False):
        vectors = learner.checkpoint.heads["words"](features)
        scores.append(cosines(vectors, lessons.targets).cpu())
        views += [vectors.cpu()] if batch * len(views) < PAIRED else []
        seen.append(part)
    if not scores:
        return {}, {}
    rows, found = torch.cat(seen), torch.cat(scores)
    truth, known = lessons.truth[rows], lessons.known[rows]
    fitted = dict(zip(("scale", "bias"), _probability(lessons, rows, found), strict=True))
    some = torch.cat(views)[:PAIRED]
    fitted |= _of_photos(some, truth[: len(some)], known[: len(some)])
    named = truth.any(1)
    hit = hits(found.masked_fill(known == 0, -1)[named].numpy(), truth[named].numpy()) if named.any() else {}
    return hit, {name: round(value, 4) for name, value in fitted.items()}


def _probability(lessons: Lessons, rows: Tensor, found: Tensor) -> tuple[float, float]:
    """Of labels, on photos that count as they do in training: found (rows, labels)."""
    is_known = lessons.known[rows] > 0
    weights = lessons.weights[rows, None].expand_as(found)
    return probability(found[is_known], lessons.truth[rows][is_known], weights[is_known])


def _of_photos(views: Tensor, truth: Tensor, known: Tensor) -> dict[str, float]:
    """Scale and bias of the scores between photos, of which some share a label: all (photos, ...)."""
    others = ~torch.eye(len(views), dtype=torch.bool)
    said = (known @ truth.T > 0) & others  # somebody said whether the labels of one are true of the other
    shared = truth @ truth.T > 0
    scores = cosines(views, views[:, 0])
    return dict(zip(("photo_scale", "photo_bias"), probability(scores[said], shared[said]), strict=True))


def _rank(found: dict[int, float]) -> tuple[float, ...]:
    return tuple(found[k] for k in sorted(found))  # hit@1 decides, then hit@5, then hit@10


def _about(options: TrainOptions, report: EpochReport, num_training: int, num_validation: int) -> dict[str, Any]:
    chosen = {key: value for key, value in asdict(options).items() if key not in ("resume", "force", "threads")}
    chosen |= {"out": Path(options.out).name, "backbone": Path(options.backbone).name}  # no folders of this machine
    chosen |= {"data": options.data.name, "weights": options.weights.name if options.weights else None}
    chosen |= {"feedback": options.feedback.name if options.feedback else None}
    return {
        **chosen,
        "best_epoch": report.epoch,
        "loss_value": report.loss,
        "hits": {f"hit@{k}": round(v, 4) for k, v in report.hits.items()},
        "num_training": num_training,
        "num_validation": num_validation,
    }


def _key(options: TrainOptions, examples: Sequence[Example], vectors: WordVectors) -> str:
    """What must be the same for a run to go on from its state."""
    same = {k: str(v) for k, v in asdict(options).items() if k not in ("resume", "force", "threads", "out")}
    photos = [asdict(example) for example in examples]
    text = json.dumps([same, photos, vectors.fingerprint], sort_keys=True)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def _finished(path: Path, key: str, labels: tuple[str, ...], begun: float) -> TrainReport:
    """The report of a run that had ended before it was asked to resume."""
    about = load(path).training
    if about.get("key") != key:
        raise TrainingError(
            f"{path} was made with other options, labels or photos; choose another --out or use --force"
        )
    found = {int(name.removeprefix("hit@")): value for name, value in about["hits"].items()}
    best = EpochReport(epoch=about["best_epoch"], loss=about["loss_value"], hits=found, is_best=True)
    return TrainReport(path=path, best=best, num_training=about["num_training"], num_validation=about["num_validation"],
                       labels=labels, skipped=(), seconds=time.monotonic() - begun)  # fmt: skip


def _keep(learner: Learner, state: Path, key: str) -> None:
    frozen = not any(p.requires_grad and p.grad is not None for p in learner.checkpoint.backbone.parameters())
    modules = {name: m.state_dict() for name, m in learner.modules().items() if not (frozen and name == "backbone")}
    best = asdict(learner.best) if learner.best else None
    saved = {
        "key": key,
        "epoch": learner.epoch,
        "best": best,
        "modules": modules,
        "optimizer": learner.optimizer.state_dict(),
    }
    with replacing(state) as temporary:
        try:
            torch.save(saved, temporary)
        except RuntimeError as error:  # what torch makes of a full disk
            raise OSError(str(error).splitlines()[0]) from error


def _restore(learner: Learner, state: Path, key: str) -> None:
    try:
        saved = torch.load(state, map_location="cpu", weights_only=True)
        said = saved["key"]
    except Exception as error:  # a damaged pickle raises whatever it likes
        raise TrainingError(f"{state} {DAMAGED}") from error
    if said != key:
        raise TrainingError(
            f"{state} was made with other options, labels or photos; "
            "repeat the same command with --resume, or start anew with --force"
        )
    try:
        for name, module in learner.modules().items():
            if name in saved["modules"]:
                module.load_state_dict(saved["modules"][name])
        learner.optimizer.load_state_dict(saved["optimizer"])
        best = saved["best"]
        learner.epoch, learner.best = saved["epoch"], EpochReport(**best) if best else None
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise TrainingError(f"{state} {DAMAGED}") from error
