"""The other forms of a word under which it may be known: one for many, without accents, hyphens and possession."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

# Plurals that no rule makes, or that a rule makes wrongly
IRREGULAR = {
    "men": "man", "women": "woman", "children": "child", "feet": "foot", "teeth": "tooth", "mice": "mouse",
    "geese": "goose", "oxen": "ox", "firemen": "fireman", "policemen": "policeman", "snowmen": "snowman",
    "fishermen": "fisherman", "grandchildren": "grandchild", "cacti": "cactus", "knives": "knife", "leaves": "leaf",
    "wolves": "wolf", "loaves": "loaf", "scarves": "scarf", "calves": "calf",
}  # fmt: skip
_ODD = IRREGULAR | {"people": "person"}
_ODD_MANY = {one: many for many, one in _ODD.items() if one != "person"}
_HISSING = ("s", "x", "z", "ch", "sh")
_NO_PLURALS = ("ss", "us", "is")  # "grass", "bus" and "tennis" are one thing


def inflections(text: str) -> Iterator[str]:
    """One for many and many for one, of the last word of a phrase.

    >>> list(inflections("golden retrievers"))
    ['golden retriever']
    """
    before, space, word = text.lower().rpartition(" ")
    for form in dict.fromkeys([*_one(word), *_many(word)]):
        if form != word:
            yield f"{before}{space}{form}"


def is_irregular(one: str, other: str) -> bool:
    """Whether they are a pair that people listed: one word, however far apart vectors put "child" and "children"."""
    one, other = one.lower(), other.lower()
    return IRREGULAR.get(one) == other or IRREGULAR.get(other) == one


def _one(word: str) -> Iterator[str]:
    if word in _ODD:
        yield _ODD[word]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(_NO_PLURALS):
        if word.endswith("ies"):
            yield f"{word[:-3]}y"
        if word.endswith("ves"):
            yield from (f"{word[:-3]}f", f"{word[:-3]}fe")
        yield word[:-1]
        if word.endswith("es") and word[:-2].endswith((*_HISSING, "o")):
            yield word[:-2]
    elif word.endswith(("sses", "uses")):
        yield word[:-2]


def _many(word: str) -> Iterator[str]:
    if word in _ODD_MANY:
        yield _ODD_MANY[word]
    elif len(word) > 2 and not word.endswith("s"):
        if word.endswith("y") and word[-2] not in "aeiou":
            yield f"{word[:-1]}ies"
        yield f"{word}es" if word.endswith(_HISSING) else f"{word}s"


def others(text: str) -> Iterator[str]:
    """Spellings that say the same, nearest first: without accents, possession, hyphens.

    >>> list(others("café")), list(others("dog's")), list(others("t-shirt"))
    (['cafe'], ['dog'], ['tshirt'])
    """
    plain = without_accents(text)
    found = [plain]
    for end in ("'s", "s'", "’s", "s’"):
        if plain.lower().endswith(end):
            found.append(plain[: -len(end)] + ("s" if end[0] == "s" else ""))
    found += [form.replace("-", "").replace("'", "").replace(".", "") for form in tuple(found)]
    yield from dict.fromkeys(form for form in found if form and form != text)


def without_accents(text: str) -> str:
    """Letters without what stands above and below them; ß as ss, ø as o.

    >>> without_accents("naïve Ærø")
    'naive Aero'
    """
    if text.isascii():
        return text
    letters = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return letters.translate(
        {ord("ß"): "ss", ord("ø"): "o", ord("Ø"): "O", ord("æ"): "ae", ord("Æ"): "Ae", ord("ł"): "l"}
    )


def is_latin(text: str) -> bool:
    """Whether its letters are those that English words are written with."""
    return all(c.isascii() for c in without_accents(text) if c.isalpha())
