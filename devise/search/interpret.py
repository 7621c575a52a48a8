"""A query is read here, once: text, photos and choices go in, and a `Request` comes out that nothing looks behind.

    interpret    understood -> read -> texts -> class weights      each step hands on what it made, and its notes
    understood   words.understanding: quotes, signs, phrases, photos, "without" and "or", words of one's own
    read         words.queries: the vector of each word, phrase and photo; what only names and captions know
    texts        words that only those know become a part of the filter

The notes of all steps come with the answer, to Python and to the command line alike.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from devise.errors import CheckpointError, DeviseError, LibraryError
from devise.results import Note
from devise.search.blend import Asked
from devise.search.trust import trusted
from devise.store.filter import Filter, quoted
from devise.vectors import Vector
from devise.words.colours import colour_name, colour_word
from devise.words.grammar import Query, written
from devise.words.queries import Reading, Term, TextWord, only_pushes, read, says_nothing
from devise.words.understanding import understood

if TYPE_CHECKING:
    from devise.photos.inputs import PhotoInput
    from devise.search.class_weights import ClassWeights
    from devise.search.class_words import ClassWords
    from devise.words import WordVectors


class Options(NamedTuple):
    """How a query is to be answered, as the caller chose.

    is_average: the mean of the terms' scores counts, so that one may do; else all have to be in a photo.
    min_probability: of an answer; None: as the settings say. class_name: photos are ranked by what tells that class
    apart. filter: which photos are asked. space: in which photos and words are compared.
    """

    is_average: bool = False
    min_probability: float | None = None
    class_name: str | None = None
    filter: Filter = Filter()
    space: str = "words"


class Sources(NamedTuple):
    """Where the things that a query names are found; each is asked only when one does.

    photo: the words vector of a photo, or of a photo's name. num_photos: how many have a word in their texts.
    learnt: the words that the model has learnt, in lower case. has_colours: whether photos are known by their colours.
    class_words: which words name classes of the model; None where nobody knows.
    """

    words: Callable[[], WordVectors]
    photo: Callable[[PhotoInput], Vector]
    num_photos: Callable[[str], int]
    class_weights: Callable[[str], ClassWeights]
    learnt: Callable[[], Collection[str]] = tuple
    has_colours: Callable[[], bool] = bool
    class_words: Callable[[], ClassWords | None] = lambda: None


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked for, read to the end.

    text: the query in one line. terms: what is to be seen, with vectors and weights; none where only texts are asked.
    text_words: what is to be read in names and captions. filter: that of the options, with those words in it.
    """

    text: str
    terms: tuple[Term, ...]
    text_words: tuple[TextWord, ...]
    filter: Filter
    options: Options
    class_weights: ClassWeights | None = None
    notes: tuple[Note, ...] = ()


class PhotoRequest(NamedTuple):
    """Photos like a photo, in one space or in several.

    asked: its rows there. content_id: its own, where it is in the library: neither it nor its copies are answers.
    order: another space and its row there, by which those near to it in the first space are put in order.
    factor: what scores are multiplied by.
    """

    name: str
    asked: tuple[Asked, ...]
    content_id: int | None
    filter: Filter
    class_weights: ClassWeights | None = None
    order: Asked | None = None
    factor: float = 1.0


def interpret(query: Query, options: Options, sources: Sources) -> Request:
    """Raises WordError, PhotoError, LibraryError, CheckpointError.

    >>> interpret("sofa cat -dog", Options(), sources).terms
    (Term('sofa', ...), Term('cat', ...), Term('dog', ..., weight=-1.0))
    """
    text, notes = written(query), list[Note]()
    if not text and options.filter.text is not None:
        reading = Reading([], [])
    else:
        words = sources.words()
        items, notes = understood(query, lambda word: word in words)
        learnt = sources.learnt()
        reading = read(words, items, sources.photo, lambda word: sources.num_photos(quoted(word)), learnt)
        _check(query, reading, options)
        reading = _classed(reading, sources.class_words)
        reading = reading._replace(terms=trusted(reading.terms, words, learnt))
        if any(term.colour for term in reading.terms):
            reading = _coloured(reading, sources.has_colours())
        reading = reading._replace(terms=_shaded(reading.terms, sources.has_colours))
    weights = None if options.class_name is None else sources.class_weights(options.class_name)
    return Request(
        text=text,
        terms=tuple(reading.terms),
        text_words=tuple(reading.text_words),
        filter=_with_texts(options.filter, reading.text_words),
        options=options,
        class_weights=weights,
        notes=(
            *notes,
            *reading.notes,
            *_only_notes(reading, options),
            *(weights.notes() if weights else ()),
            *_text_notes(reading.text_words),
        ),
    )


def _coloured(reading: Reading, has_colours: bool) -> Reading:
    """Colours are looked for in those of photos; where nobody knows those, by their names."""
    found, notes = list[Term](), [note for note in reading.notes if note.data.get("why") != "colour"]
    for term in reading.terms:
        found.append(term if has_colours else replace(term, colour=None))
        if term.colour:
            name = colour_name(term.colour)
            way = "is looked for in the colours of photos" if has_colours else f'is read as "{name}"'
            more = "" if has_colours else ", as the library knows no colours; add them with: devise index --add colour"
            data = {"asked": term.text, "read": name, "why": "colour"}
            notes.append(Note("colour" if has_colours else "read_as", f'"{term.text}" {way}{more}', data))
    return reading._replace(terms=found, notes=tuple(notes))


def _classed(reading: Reading, class_words: Callable[[], ClassWords | None]) -> Reading:
    """Words that name classes of the model: it has learnt those, and is asked for them with both heads.

    A word for a colour is none, whatever else is called so: "orange" is asked of the colours of photos.
    """
    from devise.search.class_words import may_name_classes

    def is_asked(term: Term) -> bool:
        return not (term.is_photo or term.colour or colour_word(term.text)) and may_name_classes(term.text)

    asked = [is_asked(term) for term in reading.terms]
    try:
        known = class_words() if any(asked) else None
    except (CheckpointError, LibraryError) as error:
        pairs = zip(reading.terms, asked, strict=True)
        unlearnt = [term.text for term, is_class in pairs if is_class and not term.is_learnt]
        return reading._replace(notes=(*reading.notes, *_one_head(unlearnt, error)))
    if known is None:
        return reading
    found = [
        known.of(term.text, is_learnt=term.is_learnt) if is_class else None
        for term, is_class in zip(reading.terms, asked, strict=True)
    ]
    terms = [
        term if classes is None else replace(term, classes=classes, is_learnt=True)
        for term, classes in zip(reading.terms, found, strict=True)
    ]
    return reading._replace(terms=terms)


def _one_head(words: list[str], error: DeviseError) -> Iterator[Note]:
    """That the head that knows words which were not learnt cannot be asked, and why."""
    if words:
        yield Note("one_head", f"{', '.join(words)}: asked of the words head alone; {error}", {"words": words})


def _shaded(terms: list[Term], has_colours: Callable[[], bool]) -> list[Term]:
    """Words for colours that the model has learnt: photos whose colours are known are asked for those as well."""
    words = [colour_word(term.text) if term.is_learnt and not term.is_photo else None for term in terms]
    if not any(words) or not has_colours():
        return terms
    return [replace(term, shade=word) for term, word in zip(terms, words, strict=True)]


def _check(query: Query, reading: Reading, options: Options) -> None:
    """Raises WordError for a query that says nothing, or only which names and captions are not wanted."""
    terms, words = reading.terms, reading.text_words
    if not terms and not words:
        raise says_nothing(query)
    is_wanted = options.filter.text is not None or any(word.is_wanted for word in words)
    if not terms and not is_wanted:
        raise only_pushes(query)


def _with_texts(filter_: Filter, words: list[TextWord]) -> Filter:
    """The filter that also asks for the words that only texts know."""
    wanted = [filter_.text] if filter_.text is not None else []
    wanted += [quoted(word.text) for word in words if word.is_wanted]
    unwanted = [quoted(word.text) for word in words if not word.is_wanted]
    return replace(filter_, text=" ".join(wanted) if wanted else None, without=(*filter_.without, *unwanted))


def _only_notes(reading: Reading, options: Options) -> Iterator[Note]:
    """That nothing is left to look for but what a photo does not show."""
    if reading.terms and all(term.weight < 0 for term in reading.terms) and options.filter.text is None:
        names = ", ".join(term.text for term in reading.terms)
        yield Note("only_without", f"nothing else is asked for: photos that show least of {names} come first")


def _text_notes(words: list[TextWord]) -> Iterator[Note]:
    """Which words are not seen, but read in names and captions; each once."""
    for word in {(word.text, word.is_wanted): word for word in words}.values():
        which = "only those" if word.is_wanted else "without those"
        found = f'"{word.text}" has no word vector; it is in the names or captions of {word.num_photos:,} photos'
        data = {"word": word.text, "num_photos": word.num_photos, "is_wanted": word.is_wanted}
        yield Note("text_word", f"{found}: {which}", data)
