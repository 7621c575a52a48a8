"""What `--like` means: a class that the model tells apart, by name, by another name, or by the words nearest to it.

Class-weighted reranking (Ameisen, "Building an image search service from scratch", 2018): with w the class's weights,
photos are compared by cos(w * q, w * x) on their features, so that what tells the class from others counts most.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from devise.errors import LibraryError, WordError
from devise.results import Note
from devise.vectors import Vector, unit
from devise.words import WordVectors
from devise.words.aliases import alias_key, alias_note, aliases

if TYPE_CHECKING:
    from devise.descriptors.network.classes import Classes

NEAREST = 3  # classes that stand in for a word that is none
LEAST = 0.1  # cosine of a word and a class: less is no likeness
ALIKE = 0.85  # of the cosine of the nearest class: those that are less like the word are left out


@dataclass(frozen=True)
class ClassWeights:
    """What tells a class apart. names: of the classes; weights: (features,), the direction of the mean of theirs.

    is_class: whether the model tells apart what was asked for, or the classes are only the nearest to that word.
    alias: the word of the user's own that stands for text, if one was asked with.
    """

    text: str
    names: tuple[str, ...]
    weights: Vector
    is_class: bool
    alias: str | None = None

    def notes(self) -> list[Note]:
        """What has to be said: that the name is no class, or that of several, or a word of the user's own."""
        own = [] if self.alias is None else [alias_note(self.alias, self.text)]
        if self.is_class and len(self.names) == 1:
            return own
        what = "is the name of several classes" if self.is_class else "is no class of the model; the nearest to it"
        data = {"asked": self.text, "names": list(self.names), "is_class": self.is_class}
        return [*own, Note("classes", f'"{self.text}" {what}: {", ".join(self.names)}', data)]


def class_weights(text: str, classes: Classes, vectors: WordVectors | None) -> ClassWeights:
    """Raises LibraryError with the nearest names for what is neither a class nor a word near to one."""
    if (meaning := aliases().get(alias_key(text))) is not None:
        return replace(_class_weights(meaning, classes, vectors), alias=text.strip())
    return _class_weights(text, classes, vectors)


def _class_weights(text: str, classes: Classes, vectors: WordVectors | None) -> ClassWeights:
    numbers = classes.numbers(text)
    if numbers:
        return _of(text, classes, numbers, is_class=True)
    if not text.strip():
        raise LibraryError(f'no class is named; give one that "{classes.model}" knows, such as {classes.names[0]}')
    numbers = _nearest(text, classes, vectors) if vectors else []
    if not numbers:
        near = _nearest_spelt(text, classes)
        raise LibraryError(f'"{text}" is no class of "{classes.model}" nor a word near to one; {near}')
    return _of(text, classes, numbers, is_class=False)


def _nearest(text: str, classes: Classes, vectors: WordVectors) -> list[int]:
    """The classes whose names are nearest to a word; none for what is no word, or is like no class."""
    known = [i for i, name in enumerate(classes.names) if _has_vector(vectors, name)]
    try:
        vector = vectors.vector(text)
        scores = np.stack([vectors.vector(classes.names[i]) for i in known]) @ vector
    except (WordError, ValueError):
        return []
    best = np.argsort(-scores, kind="stable")[:NEAREST]
    return [known[i] for i in best if scores[i] >= max(ALIKE * scores[best[0]], LEAST)]


def _of(text: str, classes: Classes, numbers: list[int], *, is_class: bool) -> ClassWeights:
    names = tuple(classes.names[i] for i in numbers)
    try:  # of length 1, so that no later product overflows or vanishes; a length changes no cosine
        weights = unit(unit(classes.weights[numbers].astype(np.float64)).mean(0))
    except ValueError:
        raise LibraryError(f'the class "{names[0]}" of "{classes.model}" has no weights; train it anew') from None
    return ClassWeights(text, names, weights, is_class)


def _nearest_spelt(text: str, classes: Classes) -> str:
    from difflib import get_close_matches

    folded = {name.lower(): name for name in classes.names}
    near = [folded[name] for name in get_close_matches(text.lower(), folded, n=5, cutoff=0.5)]
    return f"the nearest names are: {', '.join(near)}" if near else f"it knows classes such as {classes.names[0]}"


def _has_vector(vectors: WordVectors, name: str) -> bool:
    return name in vectors or all(word in vectors for word in name.split())
