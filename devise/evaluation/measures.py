"""Figures of scores against the truth. All take scores, truth, known: (photos, labels)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from devise.analysis.metrics import average_precision, hits
from devise.training.datasets.wordnet import ancestors, synset_of

Array = NDArray[np.float32]
HIERARCHICAL_AT = 5
BINS = 10
FAR = 99  # edges between what has nothing in common
MOST_UNKNOWN = 0.2  # share of labels that WordNet may lack


def figures(scores: Array, truth: Array, known: Array, k: int = 10) -> dict[str, float]:
    """hit@1 (and hit@5 of ten labels or more), mAP, P@k and recall@k of labels as queries."""
    named = truth.any(1)
    if not named.any():
        return {}
    masked = np.where(known > 0, scores, -np.inf)
    found = {
        f"hit@{k}": x
        for k, x in hits(masked[named], truth[named], at=(1, 5) if scores.shape[1] >= 10 else (1,)).items()
    }
    each = precisions(scores, truth, known)
    found["mAP"] = float(np.nanmean(each))
    top = np.argsort(-masked, axis=0, kind="stable")[:k]  # (k, labels)
    right = np.take_along_axis(truth, top, 0).sum(0)
    counts = truth.sum(0)
    asked = counts > 0
    found[f"P@{k}"] = float((right[asked] / np.minimum(k, counts[asked])).mean())
    found[f"recall@{k}"] = float((right[asked] / counts[asked]).mean())
    return found


def precisions(scores: Array, truth: Array, known: Array) -> list[float]:
    """Average precision of each label, NaN of one that no photo has."""
    columns = range(scores.shape[1])
    return [average_precision(scores[known[:, i] > 0, i], truth[known[:, i] > 0, i]) for i in columns]


def hierarchical_precision(scores: Array, truth: Array, labels: tuple[str, ...]) -> float | None:
    """hp@5 of DeViSE's appendix B: the share of the five best that lie in the smallest ball around the right label that
    holds five, by edges in WordNet. None where WordNet lacks too many of the labels.
    """
    synsets = [synset_of(label) for label in labels]
    chosen = [i for i, synset in enumerate(synsets) if synset]
    single = truth.sum(1) == 1
    rows = np.flatnonzero(single & truth[:, chosen].any(1))
    if len(chosen) <= HIERARCHICAL_AT or len(chosen) < (1 - MOST_UNKNOWN) * len(labels) or not len(rows):
        return None
    above = [ancestors(synsets[i] or "") for i in chosen]
    apart = np.array([[min((a[x] + b[x] for x in a.keys() & b.keys()), default=FAR) for b in above] for a in above])
    radius = np.sort(apart, axis=1)[:, HIERARCHICAL_AT - 1]
    inside = apart <= radius[:, None]
    best = np.argsort(-scores[rows][:, chosen], axis=1, kind="stable")[:, :HIERARCHICAL_AT]
    right = truth[rows][:, chosen].argmax(1)
    return float(np.take_along_axis(inside[right], best, axis=1).mean())


def confusion(scores: Array, truth: Array) -> NDArray[np.int64]:
    """(labels, labels): photos with one label by it and by the best label."""
    single = truth.sum(1) == 1
    counts = np.zeros((truth.shape[1],) * 2, np.int64)
    np.add.at(counts, (truth[single].argmax(1), scores[single].argmax(1)), 1)
    return counts


def calibration(probabilities: Array, truth: Array, known: Array) -> tuple[tuple[tuple[float, float, int], ...], float]:
    """Bins (mean probability, share true, pairs), and the expected calibration error (Guo et al., 2017)."""
    said, true = probabilities[known > 0], truth[known > 0]
    number = np.minimum((said * BINS).astype(int), BINS - 1)
    bins = tuple((float(said[number == b].mean()), float(true[number == b].mean()), int((number == b).sum()))
                 for b in range(BINS) if (number == b).any())  # fmt: skip
    return bins, sum(abs(p - share) * count for p, share, count in bins) / max(1, len(said))


def resampled(scores: Array, truth: Array, known: Array, samples: NDArray[np.int64]) -> dict[str, Array]:
    """hit@1 and mAP of resamples of the photos: samples (times, photos) -> (times,) each."""
    named: NDArray[np.bool_] = np.asarray(truth.any(1))
    masked = np.where(known > 0, scores, -np.inf)
    best = masked.argmax(1)[:, None]
    hit: NDArray[np.bool_] = (np.take_along_axis(truth, best, 1)[:, 0] > 0) & named
    counts = np.maximum(1, named[samples].sum(1))
    found = {"hit@1": hit[samples].sum(1) / counts}
    means = [np.nanmean(precisions(scores[s], truth[s], known[s])) for s in samples[: len(samples) // 5]]  # slower
    found["mAP"] = np.array(means)
    return found
