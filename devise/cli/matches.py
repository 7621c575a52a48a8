"""Photos that were found, in every form: likely ones first, then, apart and dimmed, those that are less certain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from devise import display
from devise.cli import several
from devise.cli.output import show
from devise.cli.output.form import Form
from devise.errors import PhotoError, counted
from devise.results import Answer, Match, Note

APART = ("nothing",)  # notes that are told in the place of matches


def show_matches(answer: Answer[Match], chosen: Form, *, why: bool, relative: bool, has_all: bool) -> None:
    """Probabilities and terms in JSON and on the terminal, if there are any: CSV and lines keep their columns.

    has_all: lines, CSV and paths, which cannot say which are certain, have the others too.
    """
    matches = Answer.of(replace(match, path=show.path(match.path, relative)) for match in answer)
    told = matches if has_all else matches.certain()
    found = show.Output(
        columns=("path", "score"),
        rows=[(match.path, match.score) for match in told],
        document=matches.to_json(why),
        paths=[match.path for match in told],
        nothing="".join(_shown(note, relative) for note in answer.notes if note.kind in APART),
        **_table(matches, why),
    )
    show.output(found, chosen)
    if len(told) < len(matches) and show.has_lines(chosen):
        left = counted(len(matches) - len(told), "less certain one is", "less certain ones are")
        show.note(f"{left} left out; --all-answers has them")


def _table(matches: Answer[Match], why: bool) -> show.TableOf:
    """For people: one figure a photo, the probability where it is known."""
    terms = [term.text for term in matches[0].terms] if why and matches else []
    known = any(match.probability is not None for match in matches)
    rows: list[tuple[show.Cell, ...]] = [
        (rank, display.name(match.path), figure(match), *(_term(match, at) for at in range(len(terms))))
        for rank, match in enumerate(matches, 1)
    ]
    num_certain = len(matches.certain())
    return {
        "table_columns": ("", "photo", "likely" if known else "score", *terms),
        "table": rows,
        "parting": (num_certain, "less certain") if num_certain < len(matches) else None,
    }


def figure(match: Match) -> str:
    """What is shown beside a photo, on a terminal and on a sheet alike."""
    return display.worth(match.score, match.probability, 3)


def _term(match: Match, at: int) -> str:
    term = match.terms[at]
    return display.worth(term.score, term.probability, 3)


def show_each(
    answers: Iterable[tuple[str, Answer[Match] | PhotoError]], chosen: Form, *, relative: bool, jsonl: bool
) -> bool:
    """What is like each of several photos. Whether all of them could be read."""
    failed, documents, rows = list[PhotoError](), list[dict[str, Any]](), list[tuple[str, str, float]]()
    said = set[str]()
    for photo, answer in answers:
        if isinstance(answer, PhotoError):
            failed.append(answer)
            continue
        for note in answer.notes:
            if note.text not in said:
                said.add(note.text)
                show.note(_shown(note, relative))
        found = [replace(match, path=show.path(match.path, relative)) for match in answer]
        document = {"photo": show.path(photo, relative), "matches": [match.to_json() for match in found]}
        if jsonl:
            several.line(document)
        else:
            documents.append(document)
            rows += [(photo, match.path, match.score) for match in found]
    if not jsonl:
        table = [(display.name(photo), display.name(path), score) for photo, path, score in rows]
        columns, paths = ("photo", "path", "score"), [path for _, path, _ in rows]
        show.output(show.Output(columns=columns, rows=rows, document=documents, paths=paths, table=table), chosen)
    for error in failed:
        show.note(f"error: {show.path(error.path, relative)}: {error.reason}")
    return not failed


def tell(answer: Answer[Match], relative: bool) -> None:
    """What is to be known beside the matches; why there are none is told in their place."""
    for note in answer.notes:
        if note.kind not in APART:
            show.note(_shown(note, relative))


def nothing(answer: Answer[Match]) -> list[str]:
    """What a sheet says above its photos: why there are none, or none that is likely."""
    return [note.text for note in answer.notes if note.kind in (*APART, "uncertain", "text_hint")]


def _shown(note: Note, relative: bool) -> str:
    return show.relative_paths(note.text) if relative else note.text
