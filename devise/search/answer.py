"""A request becomes an answer: candidates, exact scores, matches, and what a person should know beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from devise.config import SearchConfig
from devise.errors import counted
from devise.results import Answer, Match, Note
from devise.search.scoring import Feedback, Scoring
from devise.store.filter import Filter

if TYPE_CHECKING:
    from devise.search.interpret import PhotoRequest, Request
    from devise.search.searcher import Searcher


def answer(
    searcher: Searcher, request: Request, k: int, feedback: Feedback | None, settings: SearchConfig
) -> Answer[Match]:
    """The k photos that answer a request best. feedback: what people said of answers to it, and to those near to it."""
    number = k if request.class_weights is None else settings.like_from
    if request.terms:
        scoring = Scoring.of(request.terms, request.options.is_average, feedback)
        chosen = request.options.min_probability
        least = scoring.default_min_probability(settings.min_term) if chosen is None else chosen
        found = searcher.showing(scoring, number, least, request.filter)
    else:
        found = searcher.by_text(request.filter, number)
    if request.class_weights is not None and found:
        mean = searcher.mean_features(match.path for match in found)
        found = searcher.weighted(mean, request.class_weights.weights, k, where=request.filter)
    nothing = () if found else [_nothing(searcher, request)]
    return Answer.of(found, (*request.notes, *index_notes(searcher), *nothing))


def similar(searcher: Searcher, request: PhotoRequest, k: int) -> Answer[Match]:
    """The k photos most like one, never itself or its copies."""
    if request.class_weights is not None:
        weights = request.class_weights.weights
        found = searcher.weighted(request.vector, weights, k, without=request.content_id, where=request.filter)
    else:
        found = searcher.nearest(
            request.vector, k, space=request.space, without=request.content_id, where=request.filter
        )
    notes = request.class_weights.notes() if request.class_weights else []
    notes += [*index_notes(searcher), *_unfinished_notes(searcher, request.space)]
    if not found and request.filter:
        notes.append(Note("nothing", "no other photo of the library is of that kind", {"reason": "filter"}))
    elif not found:
        text = f"no photo besides {request.name}; add some with: devise index FOLDER"
        notes.append(Note("nothing", text, {"reason": "alone"}))
    return Answer.of(found, notes)


def _nothing(searcher: Searcher, request: Request) -> Note:
    """Why no photo was found."""
    chosen = request.options.filter
    if chosen and not searcher.count(chosen):
        is_dated = chosen.after or chosen.before
        undated = searcher.count(Filter()) - searcher.count(Filter(after="0001")) if is_dated else 0
        more = f"; {undated:,} do not say when they were taken" if undated else ""
        text = f"no photo of the library is of that folder, time, type, size and text{more}"
        return Note("nothing", text, {"reason": "filter", "undated": undated})
    if not request.text:
        return Note("nothing", "no photo of the library has all that in its names and captions", {"reason": "text"})
    least = request.options.min_probability
    likely = "likely" if least is None else f"{least:.0%} likely"
    text = f'no photo is {likely} to be "{request.text}"; --min-score 0 shows the nearest ones'
    return Note("nothing", text, {"reason": "probability"})


def _unfinished_notes(searcher: Searcher, space: str) -> Iterator[Note]:
    """That a space was added, and some photos are not in it yet."""
    if lacking := searcher.num_lacking(space):
        have = counted(lacking, "photo has", "photos have")
        text = f"{have} no {space} yet and cannot be found by it; run: devise index"
        yield Note("unfinished", text, {"space": space, "num_photos": lacking})


def index_notes(searcher: Searcher) -> Iterator[Note]:
    """Which indices were wanted and are of no use: searches then take longer, and nobody would know why."""
    for space, state in searcher.unusable_indices().items():
        text = f"the index of {space} is {state}; all photos were compared, which takes longer; run: devise index"
        yield Note("index", text, {"space": space, "state": state})
