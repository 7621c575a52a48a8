"""What answers are made of, as objects and as JSON; what a library tells of itself stands in reports.py."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from devise.errors import counted, needed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHOWN = 9  # results in a repr: with more the prompt is lost


@dataclass(frozen=True)
class Note:
    """What a person should know beside the results. kind: one of the names below, for programs; text: a line to read.

    text_word: a word without a vector is read in names and captions (data: word, count, is_wanted)
    classes: which classes of the model are meant (data: asked, names, is_class)
    index: the index of a space is missing or damaged, all photos were compared (data: space, state)
    unfinished: a space was added to the library, and some photos have no row in it yet (data: space, num_photos)
    read_as: a word is read in another form or spelling (data: asked, read); alias: one of the user's own, the same
    colour: a colour is looked for in those of photos (data: asked, and read: the nearest name of one)
    without: what is pushed away in words; either: of which things one will do; left_out: what says nothing (data:
    words)
    only_without: all is pushed away; quote: one that is not closed was left out
    uncertain: no photo is likely to be what was asked for, the nearest follow
    one_head: words for classes are asked of the words head alone, as the model is not at hand (data: words)
    text_hint: names or captions have a word of the query (data: word, num_photos)
    nothing: why nothing was found (data: reason, and undated: photos without a date that a filter asks for)
    """

    kind: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "text": self.text, **self.data}


@dataclass(frozen=True)
class WordMatch:
    """A word near to what was asked with, or true of a photo."""

    word: str
    score: float  # cosine, of a photo with parts the mean of its whole's and its best parts'
    probability: float | None = None  # that it is true of the photo; None where nobody measured

    @property
    def worth(self) -> float:
        """What is shown beside the word: the probability where it is known."""
        return self.score if self.probability is None else self.probability

    def __repr__(self) -> str:
        return f"WordMatch({self.word!r}, {_numbers(self.score, self.probability)})"

    def to_json(self) -> dict[str, Any]:
        return {"word": self.word, "score": self.score} | _known(self.probability)


@dataclass(frozen=True)
class TermScore:
    """What one term of a query gives a photo."""

    text: str
    weight: float  # negative for what is pushed away
    score: float
    probability: float | None = None  # that the photo shows it

    def __repr__(self) -> str:
        weight = "" if self.weight == 1 else f"weight={self.weight:g}, "
        return f"TermScore({self.text!r}, {weight}{_numbers(self.score, self.probability)})"

    def to_json(self) -> dict[str, Any]:
        return {"term": self.text, "weight": self.weight, "score": self.score, "probability": self.probability}


@dataclass(frozen=True)
class Match:
    """A photo that was found, by its absolute path. A higher score is nearer, whatever was asked."""

    path: str
    score: float  # cosine; of a search, of the whole photo and its best parts, and over its terms a soft minimum
    probability: float | None = None  # of a search: that the photo is what was asked for; None where nobody measured
    terms: tuple[TermScore, ...] = ()  # of a search
    is_certain: bool | None = None  # of a search: whether it is likely enough to be an answer; None where nobody knows

    def __repr__(self) -> str:
        less = ", is_certain=False" if self.is_certain is False else ""
        return f"Match({self.path!r}, {_numbers(self.score, self.probability)}{less})"

    def to_json(self, why: bool = False) -> dict[str, Any]:
        """why: with what each term gives, as `devise search --why`."""
        terms = {"terms": [term.to_json() for term in self.terms]} if why else {}
        certain = {} if self.is_certain is None else {"certain": self.is_certain}
        return {"path": self.path, "score": self.score} | _known(self.probability) | certain | terms


T = TypeVar("T", bound=Match | WordMatch)


@dataclass(frozen=True, eq=False, repr=False)
class Answer(Sequence[T], Generic[T]):
    """Think of it as a list, best first, that also says what a person should know of it: `notes`.

    >>> answer = library.search("sofa cat")
    >>> answer[0].path, len(answer), [note.text for note in answer.notes]
    ('/home/me/photos/tom.jpg', 9, [])

    It is equal to a list of the same results. A notebook shows it with thumbnails.
    """

    matches: tuple[T, ...] = ()
    notes: tuple[Note, ...] = ()

    @classmethod
    def of(cls, matches: Iterable[T], notes: Iterable[Note] = ()) -> Answer[T]:
        """One of results that come one by one."""
        return cls(tuple(matches), tuple(notes))

    def __len__(self) -> int:
        return len(self.matches)

    def __iter__(self) -> Iterator[T]:
        return iter(self.matches)

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> Answer[T]: ...
    def __getitem__(self, at: int | slice) -> T | Answer[T]:
        return Answer(self.matches[at], self.notes) if isinstance(at, slice) else self.matches[at]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Answer):
            return bool(self.matches == other.matches)
        return list(self.matches) == other if isinstance(other, list) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as a list

    def __repr__(self) -> str:
        rows = [f"  {match!r}" for match in self.matches[:SHOWN]]
        rows += [f"  ... and {len(self) - SHOWN:,} more"] if len(self) > SHOWN else []
        notes = [f"  note: {note.text}" for note in self.notes]
        return "\n".join([f"Answer of {counted(len(self), 'match', 'matches')}", *rows, *notes])

    def certain(self) -> Answer[T]:
        """Without what is less certain: photos that are unlikely to be what was asked for."""
        return Answer.of((one for one in self.matches if getattr(one, "is_certain", None) is not False), self.notes)

    def to_json(self, why: bool = False) -> list[dict[str, Any]]:
        """What `--json` prints: a list of objects. why: with what each term gives a photo, as with `--why`."""
        return [match.to_json(why) if isinstance(match, Match) else match.to_json() for match in self.matches]

    def to_pandas(self) -> Any:
        """A pandas.DataFrame, a row a result; probabilities that nobody knows are NaN.

        The terms of a search are columns of their own, named after them: the probability that the photo shows them,
        else the score. Raises DeviseError where pandas is not installed.
        """
        needed("to_pandas()", "pandas")
        import pandas  # type: ignore[import-untyped, import-not-found, unused-ignore]

        return pandas.DataFrame([_row(match) for match in self.matches], columns=self._columns())

    def _columns(self) -> list[str]:
        first = self.matches[0] if self.matches else None
        terms = [term.text for term in first.terms] if isinstance(first, Match) else []
        return [*dict.fromkeys(("word" if isinstance(first, WordMatch) else "path", "score", "probability", *terms))]

    def _repr_html_(self) -> str:
        """For a notebook: thumbnails of photos with their scores, or words."""
        from devise import notebook  # Pillow, which a search never needs

        notes = [note.text for note in self.notes]
        photos = [
            (match.path, " · ".join([f"{match.score:.3f}", *_percent(match.probability)]))
            for match in self.matches
            if isinstance(match, Match)
        ]
        if photos or not self.matches:
            return notebook.photos(photos, notes)
        return notebook.words([(match.word, match.worth) for match in self.matches if isinstance(match, WordMatch)])


@dataclass(frozen=True)
class TermHeat:
    """What a term gives a photo, and where: heat (rows, columns) from 0 to 1, laid over the whole photo."""

    term: TermScore
    heat: NDArray[np.float32]

    def __repr__(self) -> str:
        return f"TermHeat({self.term!r}, heat of {' x '.join(map(str, self.heat.shape))})"

    def to_json(self) -> dict[str, Any]:
        return self.term.to_json() | {"heat": self.heat.astype(float).round(4).tolist()}


def _known(probability: float | None) -> dict[str, float]:
    return {} if probability is None else {"probability": probability}


def _numbers(score: float, probability: float | None) -> str:
    return f"score={score:.3f}" + ("" if probability is None else f", probability={probability:.2f}")


def _or_nan(probability: float | None) -> float:
    return math.nan if probability is None else probability


def _percent(probability: float | None) -> list[str]:
    return [] if probability is None else [f"{probability:.0%}"]


def _row(match: Match | WordMatch) -> dict[str, Any]:
    """Of a table. A term never takes the place of a column of every search."""
    if isinstance(match, WordMatch):
        return {"word": match.word, "score": match.score, "probability": _or_nan(match.probability)}
    terms = {term.text: term.score if term.probability is None else term.probability for term in match.terms}
    return terms | {"path": match.path, "score": match.score, "probability": _or_nan(match.probability)}
