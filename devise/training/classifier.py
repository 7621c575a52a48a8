"""After training: the layer "classes" by scikit-learn, and small layers for pairs of labels that are confused.

Both are fitted on the frozen features of the whole photos that were learnt from; photos for validation choose pairs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from devise.analysis.classifiers import fitted
from devise.descriptors.network.checkpoint import Checkpoint, load, save
from devise.descriptors.network.config import HeadConfig
from devise.descriptors.network.heads import ClassesHead
from devise.descriptors.network.specialists import SPECIALIST
from devise.errors import TrainingError
from devise.progress import Progress
from devise.training.assembly import Assembly
from devise.training.objectives.losses import cosines
from devise.training.sources import Cached
from devise.vectors import unit

Array = NDArray[np.float32]
LEAST = 2  # photos that have to be confused: one is chance


def add_classifiers(path: Path, assembly: Assembly, progress: Progress) -> None:
    """Fit what the options ask for into the checkpoint, which is written anew. Raises TrainingError, WriteError."""
    options = assembly.options
    if not options.classifier and not options.specialists:
        return
    checkpoint = load(path)
    rows = rows_of(assembly, assembly.training)
    truth, known = (part[assembly.training].numpy() for part in (assembly.lessons.truth, assembly.lessons.known))
    if options.classifier:
        weights = fitted(options.classifier, rows, truth, known)
        _set(checkpoint, "classes", assembly.labels, weights, assembly)
        checkpoint.training["classifier"] = options.classifier
        progress.note(_told(options.classifier, weights, assembly))
    pairs = _confused(checkpoint, assembly)[: options.specialists]
    for number, (a, b) in enumerate(pairs):
        either = (truth[:, [a, b]].sum(1) == 1) & (known[:, [a, b]] > 0).all(1)
        weights = fitted("logistic", rows[either], truth[either][:, [a, b]], known[either][:, [a, b]])
        labels = assembly.labels[a], assembly.labels[b]
        _set(checkpoint, f"{SPECIALIST}{number}", labels, weights, assembly)
    if options.specialists:
        named = ", ".join(f"{assembly.labels[a]} and {assembly.labels[b]}" for a, b in pairs)
        progress.note(f"specialists for {named}" if pairs else "no two labels are confused twice: no specialists")
    save(checkpoint, path)


def rows_of(assembly: Assembly, of: torch.Tensor) -> Array:
    """Features of whole photos, rows of length 1."""
    if not isinstance(assembly.source, Cached):
        raise TrainingError("--classifier and --specialists are fitted on frozen features; leave out --unfreeze")
    return unit(assembly.source.features[of, 0].float().numpy() + 1e-6)


def _set(checkpoint: Checkpoint, name: str, labels: tuple[str, ...], weights: Array, assembly: Assembly) -> None:
    """Weights for rows of length 1 as a head for features as long as they are."""
    length = float(assembly.source.features[assembly.training[:1000], 0].float().norm(dim=1).mean())  # type: ignore[attr-defined]
    num_features = weights.shape[1]
    head = HeadConfig(kind="classes", num_features=num_features, num_out=len(labels), labels=labels)
    layer = checkpoint.add_head(head, name)
    assert isinstance(layer, ClassesHead)
    with torch.no_grad():
        layer.layer.weight.copy_(torch.from_numpy(weights / max(length, 1e-6)))
        layer.layer.bias.zero_()


def _told(kind: str, weights: Array, assembly: Assembly) -> str:
    rows = assembly.validation
    truth = assembly.lessons.truth[rows].numpy()
    named = truth.any(1)
    if not named.any():
        return f"{kind}: fitted; no photo to judge it by"
    best = (rows_of(assembly, rows) @ weights.T).argmax(1)
    right = float((np.take_along_axis(truth, best[:, None], 1)[:, 0] > 0)[named].mean())
    return f"{kind}: hit@1 {right:.1%} of {int(named.sum()):,} validation photos"


@torch.no_grad()
def _confused(checkpoint: Checkpoint, assembly: Assembly) -> list[tuple[int, int]]:
    """Pairs of labels of which validation photos with one label are taken for each other, the most often first."""
    if not assembly.options.specialists:
        return []
    words = checkpoint.heads["words"].to(assembly.source.device)
    counts = np.zeros((len(assembly.labels),) * 2, int)
    for features, rows in assembly.source.batches(assembly.validation, assembly.options.batch, train=False):
        best = cosines(words(features), assembly.lessons.targets).argmax(1).cpu().numpy()
        truth = assembly.lessons.truth[rows].numpy()
        single = truth.sum(1) == 1
        np.add.at(counts, (truth[single].argmax(1), best[single]), 1)
    both = np.triu(counts + counts.T, 1)
    order = np.argsort(-both, axis=None, kind="stable")
    return [divmod(int(at), len(both)) for at in order if both.flat[at] >= LEAST]
