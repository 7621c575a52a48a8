"""Words that name classes of the model: what its classes head says of a photo's features, beside its words head.

The words head has learnt 483 labels and finds other things by how their words lie to those: of 16 names of Caltech-101
that it never learnt, with an average precision of 0.18. The layer that tells ImageNet's 1,000 classes apart knows those
as well (0.60), and the words that the head has learnt are found better by both (docs/queries.md).

What counts is how far the logit of the class lies above the mean logit of all classes: the centred log-ratio of their
probabilities (Aitchison, "The statistical analysis of compositional data", 1982). It orders photos as their softmax
does, and a photo takes one product instead of a thousand. Of several classes (a general name, a word of two meanings)
it is the logarithm of their sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property, lru_cache
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from devise.search.snapshot import Snapshot
from devise.spaces import Calibration
from devise.vectors import Ids, Vector, unit
from devise.words.forms import inflections
from devise.words.naming import Named

if TYPE_CHECKING:
    from devise.descriptors.network.classes import Classes

FEATURE_NORM = 11.0  # a library keeps features at length 1; with 8 or 14 photos are found as well
CACHED_WORDS = 16  # whose log ratios stay in memory: 4 bytes a photo and word
MAX_CLASSES = 64  # of a general name: of more ("dog": 118) the words head knows as much, and they take longer
MAX_DIRECTIONS = 2  # in which photos are looked for; of more classes, in that of their mean


class Fusion(NamedTuple):
    """The logit of the probability that a photo shows a word, by what both heads say."""

    by_word: float
    by_class: float
    bias: float

    def logits(self, by_word: Vector, by_class: Vector) -> Vector:
        made: Vector = (self.by_word * by_word + self.by_class * by_class + self.bias).astype(np.float32)
        return made


# Of words that the head has learnt: chosen on held-out photos, where words gain most without loss to pairs of them and
# to colours (with 0.31 by class words have 0.555, but pairs 0.525). Of others: fitted (benchmarks.quality.class_words
# --fit), the word counting 0.4 of the class: the loss is 0.0184, the least 0.0183 with 0.05, and by that ratio learnt
# names of Caltech-101 would be found with 0.58 instead of 0.56.
LEARNT, OPEN = Fusion(1.0, 0.2, -1.4), Fusion(0.45, 1.13, -6.1)


class NamedClasses:
    """The classes that a word names, and what they say of photos that have been looked at: those never change."""

    def __init__(self, weights: Vector, biases: Vector, is_learnt: bool = False) -> None:
        """weights: (classes, features), biases: (classes,), both less those of all classes.

        is_learnt: whether the words head has learnt the word as well.
        """
        self.weights, self.biases, self.is_learnt = weights, biases, is_learnt
        rows = weights if len(weights) <= MAX_DIRECTIONS else weights.mean(0, keepdims=True)
        self.directions = unit(rows)  # near to which the features are of photos that show one of the classes
        self._cache = np.empty(0, np.float32)  # log ratios by content id, NaN where unknown
        self._lock = Lock()

    def log_ratios(self, features: Vector) -> Vector:
        """(n, features) of length 1 -> (n,). Rounded, as the last digits of a matrix product depend on all its rows."""
        logits = np.round(FEATURE_NORM * (features @ self.weights.T) + self.biases, 3)
        highest = logits.max(1)
        found: Vector = highest + np.log(np.exp(logits - highest[:, None]).sum(1))
        return found

    def cosines(self, cosines: Vector, log_ratios: Vector, calibration: Calibration) -> Vector:
        """The cosines (n,) of a learnt word that is as probable as this word by both heads."""
        known = calibration
        is_open = bool(known.open_scale) and not self.is_learnt
        scale, bias = (known.open_scale, known.open_bias) if is_open else (known.scale, known.bias)
        fusion = LEARNT if self.is_learnt else OPEN
        found: Vector = (fusion.logits(scale * cosines + bias, log_ratios) - known.bias) / known.scale
        return found

    def cached(self, ids: Ids) -> Vector:
        """The log ratios of photos, (n,); NaN for those that have not been looked at."""
        cache = self._cache
        found, known = np.full(len(ids), np.nan, np.float32), ids < len(cache)
        found[known] = cache[ids[known]]
        return found

    def put(self, ids: Ids, log_ratios: Vector) -> None:
        """ids: ascending. Any thread may."""
        with self._lock:
            if len(ids) and len(self._cache) <= ids[-1]:
                grown = np.full(max(2 * len(self._cache), int(ids[-1]) + 1), np.nan, np.float32)
                grown[: len(self._cache)] = self._cache
                self._cache = grown
            self._cache[ids] = log_ratios


class ClassWords:
    """Which words name classes. Think of it as a dictionary from words to the rows of a layer."""

    def __init__(self, classes: Classes, named: Named | None = None) -> None:
        self._classes = classes
        self._named = named or Named.shipped()
        self._kinds = self._by_kind()
        self.of = lru_cache(CACHED_WORDS)(self._of)

    def _of(self, word: str, *, is_learnt: bool) -> NamedClasses | None:
        """None for a word that names no class, or too many."""
        numbers = self.numbers(word)
        if not 0 < len(numbers) <= MAX_CLASSES:
            return None
        weights, biases = self._centred
        return NamedClasses(weights[numbers], biases[numbers], is_learnt)

    def names(self) -> frozenset[str]:
        """Of the classes, in lower case."""
        return frozenset(name.lower() for name in self._classes.names)

    def numbers(self, word: str) -> list[int]:
        """Of the classes that are called so, or by another name for it; else of those that are kinds of it.

        >>> [classes.names[i] for i in ClassWords(classes).numbers("couches")]
        ['studio couch']
        """
        return next((found for names in _spellings(word, self._named.usual) if (found := self._numbers(names))), [])

    def _numbers(self, names: set[str]) -> list[int]:
        called = {number for name in names for number in self._classes.numbers(name)}
        return sorted(called or {number for name in names for number in self._kinds.get(name, ())})

    def _by_kind(self) -> dict[str, list[int]]:
        """Kinds of things, and the classes of each."""
        found: dict[str, list[int]] = {}
        for number, name in enumerate(self._classes.names):
            for kind in self._named.kinds.get(name.lower(), ()):
                found.setdefault(kind, []).append(number)
        return found

    @cached_property
    def _centred(self) -> tuple[Vector, Vector]:
        weights, biases = self._classes.weights, self._classes.biases
        biases = biases if len(biases) else np.zeros(len(weights), np.float32)  # a layer without
        return weights - weights.mean(0), biases - biases.mean()


def may_name_classes(word: str) -> bool:
    """Whether it names ImageNet's classes: told by tables alone, as no checkpoint has to be opened for most words."""
    return any(names & _imagenet_words() for names in _spellings(word, Named.shipped().usual))


@cache
def _imagenet_words() -> frozenset[str]:
    """Names of ImageNet's classes, their other names, and what they are kinds of."""
    from devise.descriptors.network.classes import synonyms

    kinds = Named.shipped().kinds
    own = {name.lower() for name in synonyms()}
    return frozenset(own.union(*synonyms().values(), *(kinds.get(name, ()) for name in own)))


def _spellings(word: str, usual: Mapping[str, str]) -> Iterator[set[str]]:
    """The word, then its other forms, each with the other names of the same thing; usual: its first name, by others."""
    folded = word.lower().replace("_", " ")
    for form in (folded, *inflections(folded)):
        first = usual.get(form, form)
        yield {form, first, *(other for other, its_first in usual.items() if its_first == first)}


def look_at_classes(
    snapshot: Snapshot, ids: Ids, cosines: Vector, terms: Sequence[tuple[int, NamedClasses]], calibration: Calibration
) -> None:
    """Words for classes: the cosines (terms, n) of those terms become those of what both heads say. ids: ascending.

    Photos without features stay as they are. What is cached of a photo is not read again: of 100,000 photos the
    features of the candidates take longer to read than all else.
    """
    ratios = [named.cached(ids) for _, named in terms]
    unknown = np.isnan(ratios).any(0)
    if unknown.any():
        for some, rows in snapshot.rows("features", ids[unknown]):
            at = np.searchsorted(ids, some)
            for (_, named), mine in zip(terms, ratios, strict=True):
                mine[at] = named.log_ratios(rows)
                named.put(some, mine[at])
    for (term, named), mine in zip(terms, ratios, strict=True):
        known = np.isfinite(mine)
        cosines[term, known] = named.cosines(cosines[term, known], mine[known], calibration)
