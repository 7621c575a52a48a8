"""WordNet's names of ImageNet's classes, and what each is a kind of.

wordnet.tsv is made from WordNet 3.0 (Princeton University; its licence allows this with the notice that stands in
LICENSE): the 1,000 synsets of ILSVRC-2012 and the 860 above them, a line each: synset, those above it, names.
No package is needed for it: those that are well kept (wn, nltk) carry no data and download some at first use.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import NamedTuple

WNID = re.compile(r"^(n\d{8})(?:[ _.-]+(.*))?$")


class Synset(NamedTuple):
    """above: synsets that it is a kind of."""

    above: tuple[str, ...]
    names: tuple[str, ...]


@cache
def synsets() -> dict[str, Synset]:
    """By their numbers, such as "n02123045"."""
    text = resources.files("devise.training.datasets").joinpath("wordnet.tsv").read_text("utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    return {key: Synset(tuple(above.split()), tuple(names)) for key, above, *names in rows}


@cache
def _by_name() -> dict[str, str]:
    """Name in lower case -> the synset that is called so, of several the lowest: a crane is a bird or a machine."""
    depth = {key: len(ancestors(key)) for key in synsets()}
    found: dict[str, str] = {}
    for key in sorted(synsets(), key=lambda key: (-depth[key], key)):
        for name in synsets()[key].names:
            found.setdefault(name.lower(), key)
    return found


def names_of(wnid: str) -> tuple[str, ...]:
    """Its names, the usual one first; none of a synset that the table lacks.

    >>> names_of("n02123045")
    ('tabby', 'tabby cat')
    """
    return synsets()[wnid].names if wnid in synsets() else ()


def synset_of(name: str) -> str | None:
    """The synset that a label means, where the table has one."""
    return _by_name().get(name.lower())


def ancestors(wnid: str) -> dict[str, int]:
    """Everything that a synset is a kind of and how many edges away; itself, 0 away."""
    found, front = {wnid: 0}, [wnid]
    for away in range(1, len(synsets())):
        front = [up for key in front for up in synsets()[key].above if up not in found]
        if not front:
            break
        found |= dict.fromkeys(front, away)
    return found
