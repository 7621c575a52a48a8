"""What a query asks of each photo: how the scores of its terms become one score and one probability.

All terms have to be in the photo. A term with cosine s is there with probability p = sigmoid(scale * s + bias), so a
photo is what was asked for with the product of the p of what is wanted and the 1 - p of what is pushed away. What is
pushed away thus costs nothing where it is absent, and does not drag the query anywhere.

Of things of which either will do, the likelier one counts. A word that the model has not learnt says little of photos:
its logarithms count as far as they can be trusted (devise.search.trust), so that it puts those in order that show the
other words, and turns none of them away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from devise import config
from devise.results import TermScore
from devise.spaces import Space
from devise.vectors import Ids, Vector
from devise.words.queries import Term

if TYPE_CHECKING:
    from devise.search.class_words import NamedClasses

Floats = NDArray[np.float64]


_NO_IDS = np.empty(0, np.int64)


@dataclass(frozen=True)
class Feedback:
    """What people said of answers: the means (dim,) of the words vectors of good and of bad photos, None without any.

    bad_ids, good_ids: contents that are bad and good answers to this very query, whatever their probability.
    weight: of the cosines to those means.
    """

    good: Vector | None = None
    bad: Vector | None = None
    bad_ids: Ids = field(default_factory=lambda: _NO_IDS)
    good_ids: Ids = field(default_factory=lambda: _NO_IDS)
    weight: float = config.SearchConfig.feedback

    def weighted_means(self) -> list[tuple[float, Vector]]:
        """What judgements add to a score: weights, and the vectors (dim,) that they are for."""
        both = ((self.weight, self.good), (-self.weight, self.bad))
        return [(weight, vector) for weight, vector in both if vector is not None]


@dataclass(frozen=True)
class Scoring:
    """How a photo is scored for all terms of a query.

    vectors: (terms, dim) unit rows; weights: (terms,), negative ones push away; is_photo, is_open: (terms,), whether it
    is a photo, or a word that was not learnt. trust: (terms,), of which the highest is 1. groups: of each group the
    terms of each of its sides, of which the best one counts. is_colour: (terms,), whether it is a colour, whose score
    is no cosine but the share of the photo that looks so; palette: (colours, 64), how much each colour of the palette
    counts as that. shades: of each term the word for a colour that it is, which the colours of a photo tell as well.
    classes: of each term those of the model that it names, which the features of a photo tell as well.

    is_average: the weighted mean of the terms' scores instead, which one term alone can win. feedback: adds to each
    score its weight times the cosine to the good photos less that to the bad ones: <q + b g - c b', x> of Rocchio
    ("Relevance feedback in information retrieval", 1971) with b = c, on calibrated scores. Probabilities stay as
    they are. space_name: where all of them live.
    """

    texts: tuple[str, ...]
    vectors: Vector
    weights: Floats
    is_photo: NDArray[np.bool_]
    is_open: NDArray[np.bool_]
    trust: Floats
    groups: tuple[tuple[tuple[int, ...], ...], ...]
    is_colour: NDArray[np.bool_]
    palette: Vector
    shades: tuple[str | None, ...] = ()
    classes: tuple[NamedClasses | None, ...] = ()
    is_average: bool = False
    feedback: Feedback = field(default_factory=Feedback)
    space_name: str = "words"

    @classmethod
    def of(
        cls, terms: Sequence[Term], is_average: bool = False, feedback: Feedback | None = None, space: str = "words"
    ) -> Scoring:
        return cls(
            tuple(term.text for term in terms),
            np.stack([term.vector for term in terms]),
            np.array([term.weight for term in terms]),
            np.array([term.is_photo for term in terms]),
            np.array([not (term.is_photo or term.is_learnt) for term in terms]),
            _relative([term.trust for term in terms], [term.weight > 0 for term in terms]),
            _groups(terms),
            np.array([term.colour is not None for term in terms]),
            _palette([term.colour for term in terms if term.colour is not None]),
            tuple(term.shade for term in terms),
            tuple(term.classes for term in terms),
            is_average,
            feedback or Feedback(),
            space,
        )

    @property
    def wanted(self) -> Vector:
        """The vectors of what is not pushed away."""
        return self.vectors[self.weights > 0]

    @property
    def toward(self) -> Vector:
        """Vectors near to which answers are: of what is wanted, else opposite to what is pushed away."""
        return self.vectors[(self.weights > 0) & ~self.is_colour] if len(self.wanted) else -self.vectors

    @property
    def wanted_palette(self) -> Vector:
        """Of the colours that are not pushed away."""
        return self.palette[self.weights[self.is_colour] > 0]

    @property
    def directions(self) -> Vector:
        """(n, features): near to which photos are that show what is wanted, where the words head alone is no guide."""
        wanted = [named for named, weight in zip(self.classes, self.weights, strict=False) if named and weight > 0]
        found = [named.directions for named in wanted if not named.is_learnt]
        return np.concatenate(found) if found else np.empty((0, 0), np.float32)

    def default_min_probability(self, min_term: float) -> float:
        """The probability from which on a photo is a likely answer, however many terms it has to show.

        Where something is only pushed away, a photo that is likely to show it is no likely answer.
        """
        return 0.0 if self.is_average else min_term if len(self.wanted) else 1 - min_term

    def scores(self, cosines: Vector, space: Space) -> Floats:
        """(terms, n) -> (n,): with one term its cosine; else the cosine that stands for the mean log probability.

        That mean, the sum of w log p and of |w| log(1 - p) over the sum of the positive w, is turned back into the
        cosine of a word as probable as that: a soft minimum (a quasi-arithmetic mean, Kolmogorov, 1930). It may lie
        below -1 where much weight pushes something away; where all is pushed away, it is the cosine with a minus.
        Where the model knows no probabilities, the mean.
        Feedback is not in it.
        """
        if len(self.weights) == 1 and self.weights[0] > 0:
            alone: Floats = cosines[0].astype(np.float64)
            return alone
        if self.is_average or not self.knows(space):
            return self._mean(cosines.astype(np.float64), np.abs(self.weights))
        counting = self.weights > 0 if len(self.wanted) else np.ones(len(self.weights), bool)
        logs = self._mean(self._logs(cosines, space), np.abs(self.weights) * self.trust, counting)
        scale, bias = self._line(space)
        # the logit of exp(logs), kept from infinity where a photo is certain
        logits = logs - np.log(-np.expm1(np.minimum(logs, -1e-12)))
        soft: Floats = (logits - bias) / scale if len(self.wanted) else (logits + bias) / scale
        return soft

    def probabilities(self, cosines: Vector, space: Space) -> Floats | None:
        """(terms, n) -> (n,): that all wanted terms are there and no other, were they independent; None if unknown."""
        if not self.knows(space):
            return None
        logs = self.trust[:, None] * self._logs(cosines, space)
        best: Floats = np.sum([self._best(sides, logs) for sides in self.groups], axis=0)
        return np.exp(best)

    def _mean(self, values: Floats, weights: Floats, counting: NDArray[np.bool_] | None = None) -> Floats:
        """(terms, n) -> (n,): the weighted mean of the groups, each by its best side; below, only what counts."""
        signs = np.sign(self.weights) if counting is None else np.ones(len(weights))
        total, over = np.zeros(values.shape[1]), 0.0
        for sides in self.groups:
            sums = [float(weights[list(side)].sum()) for side in sides]
            most = max(sums)
            means = [
                (signs * weights)[list(side)] @ values[list(side)] / whole
                for side, whole in zip(sides, sums, strict=True)
            ]
            total += most * np.max(means, axis=0)
            over += most if counting is None or counting[sides[0][0]] else 0.0
        return total / over

    @property
    def has_sides(self) -> bool:
        """Whether either of several things will do."""
        return any(len(sides) > 1 for sides in self.groups)

    def sides(self, cosines: Vector, space: Space) -> NDArray[np.int64]:
        """(terms, n) -> (n,): which of the things of which either will do a photo most likely shows, by their number.

        Of several such groups the number is of one side of each.
        """
        logs, found = self.trust[:, None] * self._logs(cosines, space), np.zeros(cosines.shape[1], np.int64)
        for sides in self.groups:
            found = found * len(sides) + np.argmax([logs[list(side)].sum(0) for side in sides], axis=0)
        return found

    @staticmethod
    def _best(sides: Sequence[Sequence[int]], logs: Floats) -> Floats:
        best: Floats = np.max([logs[list(side)].sum(0) for side in sides], axis=0)
        return best

    def shown(self, cosines: Vector, space: Space) -> Floats | None:
        """(terms, n): the probability that a term is in what has that cosine; None if unknown."""
        return 0.5 * (1 + np.tanh(self._logits(cosines, space) / 2)) if self.knows(space) else None

    def terms(self, cosines: Vector, space: Space) -> list[tuple[TermScore, ...]]:
        """(terms, n) -> n times what each term gives; probabilities are of what the photo shows, wanted or not."""
        known = np.where(self.is_photo, space.calibration.photo_scale, space.calibration.scale) > 0
        logits = self._logits(cosines, space)
        shown = 0.5 * (1 + np.tanh(logits / 2))
        return [
            tuple(
                TermScore(text, float(weight), float(cosines[i, j]), float(shown[i, j]) if known[i] else None)
                for i, (text, weight) in enumerate(zip(self.texts, self.weights, strict=True))
            )
            for j in range(cosines.shape[1])
        ]

    def _logits(self, cosines: Vector, space: Space) -> Floats:
        """(terms, n): of the probability that a term is in the photo."""
        known = space.calibration
        scales = np.where(self.is_photo, known.photo_scale, known.scale)
        biases = np.where(self.is_photo, known.photo_bias, known.bias)
        if known.open_scale:
            scales = np.where(self.is_open, known.open_scale, scales)
            biases = np.where(self.is_open, known.open_bias, biases)
        logits: Floats = scales[:, None] * cosines.astype(np.float64) + biases[:, None]
        if len(self.palette):
            from devise.search import colours

            logits[self.is_colour] = colours.logits(cosines[self.is_colour])
        return logits

    def _logs(self, cosines: Vector, space: Space) -> Floats:
        """(terms, n): the logarithm of each term's probability to be as wished."""
        return -np.logaddexp(0.0, -np.sign(self.weights)[:, None] * self._logits(cosines, space))

    def knows(self, space: Space) -> bool:
        """Whether the model tells probabilities of all terms."""
        return bool(
            (space.calibration.photo_scale or not self.is_photo.any())
            and (space.calibration.scale or self.is_photo.all())
        )

    def _line(self, space: Space) -> tuple[float, float]:
        """Scale and bias of the scores that are shown: those of words, where the query has any that is wanted."""
        if self.is_photo[self.weights > 0 if len(self.wanted) else slice(None)].all():
            return space.calibration.photo_scale, space.calibration.photo_bias
        return space.calibration.scale, space.calibration.bias


def _palette(asked: Sequence[str]) -> Vector:
    if not asked:
        return np.empty((0, 0), np.float32)
    from devise.search.colours import palette_weights  # which few searches need

    return np.stack([palette_weights(colour) for colour in asked])


def _groups(terms: Sequence[Term]) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """The places of the terms, by group and side; what is in no group is one of its own."""
    found: dict[object, dict[int, list[int]]] = {}
    for at, term in enumerate(terms):
        group, side = term.clause or (("alone", at), 0)
        found.setdefault(group, {}).setdefault(side, []).append(at)
    return tuple(tuple(map(tuple, sides.values())) for sides in found.values())


def _relative(trust: Sequence[float], is_wanted: Sequence[bool]) -> Floats:
    """Trust beside that of the term that is trusted most: where nothing was learnt, all count as they are."""
    most = max((one for one, wanted in zip(trust, is_wanted, strict=True) if wanted), default=1.0)
    return np.minimum(1.0, np.array(trust) / most)
