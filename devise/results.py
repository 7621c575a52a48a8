"""What answers are made of: one place for what programs read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WordMatch:
    word: str
    score: float  # cosine, of a photo with parts the mean of its whole's and its best parts'
    probability: float | None = None  # that it is true of the photo; None where nobody measured

    @property
    def worth(self) -> float:
        """What is shown beside the word: the probability where it is known."""
        return self.score if self.probability is None else self.probability


@dataclass(frozen=True)
class TermScore:
    """What one term of a query gives a photo."""

    text: str
    weight: float  # negative for what is pushed away
    score: float
    probability: float | None = None  # that the photo shows it


@dataclass(frozen=True)
class Match:
    path: str
    score: float  # cosine; of a search, of the whole photo and its best parts, and over its terms a soft minimum
    probability: float | None = None  # of a search: that the photo is what was asked for; None where nobody measured
    terms: tuple[TermScore, ...] = ()  # of a search
