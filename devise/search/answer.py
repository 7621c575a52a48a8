"""A request becomes an answer: candidates, exact scores, matches, and what a person should know beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from devise.config import SearchConfig
from devise.errors import counted, listed
from devise.results import Answer, Match, Note
from devise.search.scoring import Feedback, Scoring
from devise.store.filter import Filter, quoted

if TYPE_CHECKING:
    from devise.search.interpret import PhotoRequest, Request
    from devise.search.searcher import Searcher

SAYS = {  # what a filter asks for, as it is told when nothing answers it
    "inside": "in {}",
    "after": "taken since {}",
    "before": "taken before {}",
    "kind": "of the type {}",
    "larger": "as large as {}",
    "text": "called or captioned {}",
}


def answer(
    searcher: Searcher, request: Request, k: int, feedback: Feedback | None, settings: SearchConfig
) -> Answer[Match]:
    """The k photos that answer a request best. feedback: what people said of answers to it, and to those near to it."""
    number = k if request.class_weights is None else settings.like_from
    if request.terms:
        scoring = Scoring.of(request.terms, request.options.is_average, feedback, request.options.space)
        least = request.options.min_probability or 0.0
        certain = scoring.default_min_probability(settings.min_term)
        found = searcher.showing(scoring, number, least, request.filter, certain)
    else:
        found = searcher.by_text(request.filter, number)
    if request.class_weights is not None and found:
        best = [match.path for match in found if match.is_certain is not False] or [match.path for match in found]
        weights = request.class_weights.weights
        found = searcher.weighted(searcher.mean_features(best), weights, k, where=request.filter)
    is_nothing = not any(match.is_certain is not False for match in found)
    reasons = [*_why_nothing(searcher, request, bool(found))] if is_nothing else []
    elsewhere = {request.options.space} - {"words"} | {"colour" for term in request.terms if term.colour}
    lacking = [note for space in sorted(elsewhere) for note in _unfinished_notes(searcher, space)]
    return Answer.of(found, (*request.notes, *index_notes(searcher), *lacking, *reasons))


def similar(searcher: Searcher, request: PhotoRequest, k: int) -> Answer[Match]:
    """The k photos most like one, never itself or its copies."""
    if request.class_weights is not None:
        weights, vector = request.class_weights.weights, request.asked[0].rows[0]
        found = searcher.weighted(vector, weights, k, without=request.content_id, where=request.filter)
    elif request.order is not None:
        found = searcher.in_order(request.asked[0], request.order, k, request.content_id, request.filter)
    else:
        found = searcher.like(request.asked, k, without=request.content_id, where=request.filter)
        found = [replace(match, score=match.score * request.factor) for match in found]
    notes = request.class_weights.notes() if request.class_weights else []
    notes += index_notes(searcher)
    for one in (*request.asked, *([] if request.order is None else [request.order])):
        notes += _unfinished_notes(searcher, one.space)
    if not found and request.filter:
        text = no_photo(searcher, request.filter) or "no other photo of the library is of that kind"
        notes.append(Note("nothing", text, {"reason": "filter"}))
    elif not found:
        text = f"no photo besides {request.name}; add some with: devise index FOLDER"
        notes.append(Note("nothing", text, {"reason": "alone"}))
    return Answer.of(found, notes)


def _why_nothing(searcher: Searcher, request: Request, has_some: bool) -> Iterator[Note]:
    """Why no photo was found, or none that is likely, and where a word of the query is to be read instead."""
    chosen = request.options.filter
    if not has_some and chosen and (text := no_photo(searcher, chosen)):
        is_dated = chosen.after or chosen.before
        undated = searcher.count(Filter()) - searcher.count(Filter(after="0001")) if is_dated else 0
        more = f"; {undated:,} do not say when they were taken" if undated else ""
        yield Note("nothing", f"{text}{more}", {"reason": "filter", "undated": undated})
        return
    if not has_some and not request.text:
        text = "no photo of the library has all that in its names and captions"
        yield Note("nothing", text, {"reason": "text"})
    elif not has_some:
        least = request.options.min_probability
        likely = "likely" if least is None else f"{least:.0%} likely"
        text = f'no photo is {likely} to be "{request.text}"; --min-score 0 shows the nearest ones'
        yield Note("nothing", text, {"reason": "probability"})
    else:
        yield Note("uncertain", f'no photo is likely to be "{request.text}"; the nearest follow, less certain')
    for term in request.terms:
        if (
            term.weight > 0
            and not (term.is_photo or term.is_learnt)
            and (count := searcher.count(Filter(text=quoted(term.text))))
        ):
            text = f"{counted(count, 'photo has', 'photos have')} {term.text} in their names or captions: --text"
            yield Note("text_hint", f"{text} {_shell(term.text)}", {"word": term.text, "num_photos": count})


def _shell(text: str) -> str:
    return f'"{text}"' if " " in text else text


def no_photo(searcher: Searcher, chosen: Filter) -> str | None:
    """Which parts of a filter no photo answers, each by itself, else that none answers all; None: some do."""
    if searcher.count(chosen):
        return None
    alone = [part for part in fields(chosen) if getattr(chosen, part.name) != part.default and part.name in SAYS]
    empty = [
        SAYS[part.name].format(getattr(chosen, part.name))
        for part in alone
        if not searcher.count(replace(Filter(), **{part.name: getattr(chosen, part.name)}))
    ]
    if not empty:
        parts = [SAYS[part.name].format(getattr(chosen, part.name)) for part in alone]
        return f"no photo of the library is all at once: {', '.join(parts)}; leave one out"
    more = (
        f"; its folders are {listed(searcher.roots())}"
        if "inside" in {part.name for part in alone} and _is_outside(searcher, chosen)
        else ""
    )
    return f"no photo of the library is {', and none '.join(empty)}{more}"


def _is_outside(searcher: Searcher, chosen: Filter) -> bool:
    return not searcher.count(Filter(inside=chosen.inside))


def index_notes(searcher: Searcher) -> Iterator[Note]:
    """Which indices were wanted and are of no use: searches then take longer, and nobody would know why."""
    for space, state in searcher.unusable_indices().items():
        text = f"the index of {space} is {state}; all photos were compared, which takes longer; run: devise index"
        yield Note("index", text, {"space": space, "state": state})


def _unfinished_notes(searcher: Searcher, space: str) -> Iterator[Note]:
    """That a space was added, and some photos are not in it yet."""
    known, lacking = searcher.lacking(space)
    if lacking:
        have = counted(lacking, "photo has", "photos have")
        remedy = f"devise vectors import FILE --space {space} --add" if known.is_imported else "devise index"
        text = f"{have} no {space} yet and cannot be found by it; run: {remedy}"
        yield Note("unfinished", text, {"space": space, "num_photos": lacking})
