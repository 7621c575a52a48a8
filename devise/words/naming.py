"""What a person would call it: one name a thing, and "dog" before "beagle", unless it surely is a beagle.

What is a kind of what comes from WordNet (kinds.tsv, made by recipes.class_synonyms) and from same.tsv, whose first
names are the usual ones. A specific name is given beside the general one only where it is likely and far ahead of the
other kinds: a simple form of Deng, Krause, Berg and Fei-Fei, "Hedging your bets", CVPR 2012, which gives up being
specific where that would too often be wrong.

Words of seldom.txt are learnt from collections that show little else, such as contests, and are claimed of photos that
no such collection is like: "bull riding" of cows, "ottoman" of a cat's cushion. They have to be as likely as a specific
name, unless such words are what a model is for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from devise.results import WordMatch

# Kinds that are no name for a thing: given only where nothing more is known of it
BROAD = frozenset(("animal", "apparel", "building", "clothing", "food", "furniture", "insect", "musical instrument",
                   "person", "plant", "sport", "store", "vehicle"))  # fmt: skip

MANY = 0.25  # share of a model's words that are seldom, from which on it is made for such photos


@dataclass(frozen=True)
class Named:
    """The words of a vocabulary by what they are kinds of and what else they are called."""

    kinds: dict[str, tuple[str, ...]]
    usual: dict[str, str]
    seldom: frozenset[str] = frozenset()

    @classmethod
    @cache
    def shipped(cls) -> Named:
        usual = {other: first for first, *others in _rows("same.tsv") for other in others}
        kinds = {word: tuple(kinds) for word, *kinds in _rows("kinds.tsv")}
        return cls(kinds, usual, frozenset(word for (word,) in _rows("seldom.txt")))

    def for_vocabulary(self, words: Collection[str]) -> Named:
        """The same for a model that knows those words: with many of the seldom ones, none is doubted."""
        is_for_them = len(self.seldom.intersection(words)) > MANY * len(words)
        return replace(self, seldom=frozenset()) if is_for_them else self

    def of(self, matches: Iterable[WordMatch], sure: float, specific: float) -> list[WordMatch]:
        """What to say of a photo, likeliest first, of words with probabilities in any order.

        sure: least probability of a name. specific: least one of a name beside what it is a kind of; the next of that
        kind must then be half as likely or less. A general name is as likely as the likeliest of its kinds.
        """
        best = self._best(matches)
        lifted = dict(best)
        for word, match in best.items():
            for kind in self._kinds(word):
                if kind in best and lifted[kind].worth < match.worth:
                    lifted[kind] = replace(best[kind], score=match.score, probability=match.probability)
        said = {word: match for word, match in lifted.items() if match.worth >= sure}
        said = {word: match for word, match in said.items() if self._is_sure(word, lifted, specific)}
        above = {kind for word in said for kind in self._kinds(word)}
        order = sorted(said, key=lambda word: (-said[word].worth, len(self._kinds(word)), word))
        return [said[word] for word in order if not (word in BROAD and word in above)]

    def _best(self, matches: Iterable[WordMatch]) -> dict[str, WordMatch]:
        """Of all names of a thing the usual one, where it is among them, with the best of their probabilities."""
        best: dict[str, WordMatch] = {}
        for match in sorted(matches, key=lambda match: -match.worth):
            usual = self.usual.get(match.word, match.word)
            if usual not in best:
                best[usual] = match
            elif match.word == usual:
                best[usual] = replace(best[usual], word=usual)
        return best

    def _kinds(self, word: str) -> tuple[str, ...]:
        return tuple(self.usual.get(kind, kind) for kind in self.kinds.get(word, ()))

    def _is_sure(self, word: str, lifted: dict[str, WordMatch], specific: float) -> bool:
        narrow = {kind for kind in self._kinds(word) if kind in lifted and kind not in BROAD}
        worth = lifted[word].worth
        if not narrow:
            return word not in self.seldom or worth >= specific
        alike = (other for other in lifted if other != word and narrow <= set(self._kinds(other)))
        others = (lifted[other].worth for other in alike if word not in self._kinds(other))
        return worth >= specific and max(others, default=0.0) <= worth / 2


def _rows(name: str) -> Iterator[list[str]]:
    text = resources.files("devise.words").joinpath(name).read_text("utf-8")
    return (line.split("\t") for line in text.splitlines() if line)
