"""From what people type to what is asked for: each step hands on the query, and a note of what it put otherwise.

    tidied      quotes of all languages, dashes, emoji, "photos of ..."      devise.words.wording
    parse       signs, weights, phrases, photos                             devise.words.grammar
    connected   "without", "not", "or"                                      devise.words.connectives
    expanded    words of one's own                                          devise.words.aliases

What each word means is looked up behind that (devise.words.queries).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from devise.results import Note
from devise.words.aliases import alias_key, alias_note, aliases, expanded
from devise.words.connectives import Known, connected
from devise.words.grammar import Query, QueryItem, parse, pieces_of
from devise.words.wording import tidied


def understood(query: Query, is_known: Known) -> tuple[list[QueryItem], list[Note]]:
    """What a query asks for, in order, and what was put otherwise. is_known: whether a word or phrase is one entry.

    >>> understood("my dog without a hat", lambda word: False)[0]
    [QueryItem('my dog'), QueryItem('hat', -1.0)]

    Raises WordError as `parse` does.
    """
    own = aliases()
    pieces, notes = tidied(pieces_of(query))
    items, more = connected(parse(pieces), lambda word: is_known(word) or alias_key(word) in own)
    notes += more
    return (_with_own(items, own, notes) if own else items), notes


def _with_own(items: Sequence[QueryItem], own: Mapping[str, str], notes: list[Note]) -> list[QueryItem]:
    """Words of one's own put in place."""
    return [made for item in items for made in _replaced(item, own, notes)]


def _replaced(item: QueryItem, own: Mapping[str, str], notes: list[Note]) -> Iterator[QueryItem]:
    if item.is_photo:
        yield item
        return
    is_run = item.is_plain
    found = expanded(item.text.split() if is_run else [item.text], own)
    for meaning, name in found:
        if name is not None:
            note = alias_note(name, meaning)
            notes += [] if note in notes else [note]
    text = " ".join(meaning for meaning, _ in found)
    yield replace(item, text=text, is_quoted=item.is_quoted or (not is_run and " " in text))
