"""Tags: the words of a vocabulary nearest to a photo's vector, each thing named once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from importlib import resources

import numpy as np

from devise.config import TagConfig
from devise.errors import WordError, listed
from devise.results import Answer, WordMatch
from devise.spaces import Space
from devise.vectors import Vector, pooled
from devise.words.embeddings import WordVectors
from devise.words.naming import Named

FEW = 5  # views whose nearest words are looked for: each takes a scan of all words
ASKED = 4  # times k of the words are looked at: a word has rarely more than three inflections among the nearest
MOST = 100  # likeliest words that are looked at for what a person would call it


class Tagger:
    """Think of it as `nearest` among the words of a vocabulary, where "dog" and "dogs" count once.

    >>> tagger = Tagger(vectors, visible_words(vectors))
    >>> tagger.tags(photo_vector, 2)
    Answer of 2 matches
      WordMatch('dog', score=0.712)
      WordMatch('puppy', score=0.554)

    vocabulary: words or phrases with a vector (None: every word of `vectors`). Raises WordError with all words
    that have none. space: what turns scores into probabilities. specific: least probability of a name such as "beagle"
    beside its kind.
    """

    def __init__(
        self, vectors: WordVectors, vocabulary: Iterable[str] | None, space: Space | None = None,
        *, specific: float = TagConfig.specific,
    ) -> None:  # fmt: skip
        self._vectors, self._space, self._specific = vectors, space, specific
        self._words: list[str] | None = None
        self._named = Named.shipped()
        if vocabulary is not None:
            self._words = list(dict.fromkeys(vocabulary))
            self._rows = _rows(vectors, self._words)
            self._named = self._named.for_vocabulary(self._words)

    def tags(
        self, views: Vector, k: int = 5, sure: float = 0.0, better: Callable[[str], str] | None = None
    ) -> Answer[WordMatch]:
        """Up to k words, best first, each with a probability of at least `sure`, where probabilities are known.

        Above a `sure` of 0 a thing is named once, by its usual name, and before more special ones by the general one
        (devise.words.naming); with 0 words stand as the model ranks them.
        views: (dim,) a photo's vector, or (1 + parts, dim) with those of its parts. The score is that of the best
        inflection: its cosine to the whole photo, or the mean of it and its cosine to the parts that fit best.
        better: a second look at the best word; the word that it gives instead changes places with it, not the scores.
        Raises WordError for k below 1.
        """
        if k < 1:
            raise WordError(f"k must be at least 1, not {k}; leave it out to get 5 tags")
        matches = self._nearest(np.atleast_2d(views), k)
        if better and matches:
            matches = _exchanged(matches, better(matches[0].word))
        if self._space and self._space.calibration.scale:
            calibration = self._space.calibration
            matches = [replace(match, probability=calibration.probability(match.score)) for match in matches]
            if sure > 0:
                matches = self._named.of(matches[:MOST], sure, self._specific)
        found: dict[str, WordMatch] = {}
        for match in matches:
            if len(found) == k:
                break
            found.setdefault(stem(match.word), match)
        return Answer.of(found.values())

    def _nearest(self, views: Vector, k: int) -> list[WordMatch]:
        if self._words is None:
            near = (match.word for view in _few(views) for match in self._vectors.nearest(view, ASKED * k))
            words = list(dict.fromkeys(near))
            rows = _rows(self._vectors, words)
        else:
            words, rows = self._words, self._rows
        if not words:
            return []
        scores = rows @ views.T
        scores = pooled(scores[:, 0], scores[:, 1:])
        return [WordMatch(words[i], float(scores[i])) for i in np.argsort(-scores, kind="stable")]


def _exchanged(matches: list[WordMatch], word: str) -> list[WordMatch]:
    """That word in the place of the best one, and the best one in its."""
    best = matches[0].word
    words = [{word: best, best: word}.get(match.word, match.word) for match in matches]
    return [replace(match, word=other) for match, other in zip(matches, words, strict=True)]


def _few(views: Vector) -> Vector:
    """Some that say most of what all say: the whole photo, and each next one that is least like those before."""
    chosen = [0]
    nearest = views @ views[0]
    while len(chosen) < min(FEW, len(views)):
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, views @ views[chosen[-1]])
    rows: Vector = views[chosen]
    return rows


@cache
def stem(word: str) -> str:
    """What the inflections of a word share; of a phrase, its last word is inflected.

    >>> stem("golden retrievers") == stem("Golden_Retriever")
    True
    """
    import snowballstemmer

    *front, last = word.lower().replace("_", " ").replace("-", " ").split() or [""]
    return " ".join([*front, snowballstemmer.stemmer("english").stemWord(last)])


def visible_words(vectors: WordVectors) -> list[str]:
    """Words for what photos show (visible.txt), those that `vectors` know."""
    text = resources.files("devise.words").joinpath("visible.txt").read_text("utf-8")
    return [word for word in text.splitlines() if word in vectors]


def _rows(vectors: WordVectors, words: list[str]) -> Vector:
    """(n,) words -> (n, dim). Most are entries, read in one go; the rest are phrases."""
    slots = [vectors.slot(word) for word in words]
    rows = vectors.rows([slot or 0 for slot in slots])
    unknown = []
    for i, slot in enumerate(slots):
        if slot is None:
            try:
                rows[i] = vectors.vector(words[i])
            except WordError:
                unknown.append(words[i])
    if unknown:
        raise WordError(
            f"no word vector for these words of the vocabulary: {listed(unknown)}; leave them out",
            {word: vectors.hints(word) for word in unknown[:20]},
        )
    return rows
