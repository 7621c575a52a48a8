"""Make devise/words/kinds.tsv, what is a kind of what: WordNet's of ImageNet's classes, then everyday words of ours.

    python -m recipes.kinds

A general name that stands beside a broad one in all rows of WordNet's ("dog" beside "animal") gets a row of its own.
"""

from __future__ import annotations

from pathlib import Path

from devise.words.naming import BROAD
from recipes.shipped_model import as_label

HERE = Path(__file__).parent
OUT = HERE.parent / "devise/words/kinds.tsv"


def rows(name: str) -> dict[str, set[str]]:
    lines = (HERE / name).read_text("utf-8").splitlines()
    return {as_label(word).lower(): set(kinds) for word, *kinds in (line.split("\t") for line in lines)}


def made() -> dict[str, set[str]]:
    """Words and the kinds above them.

    >>> sorted(made()["beagle"]), made()["dog"]
    (['animal', 'dog', 'hound'], {'animal'})
    """
    wordnet = rows("kinds.tsv")
    for kind in {kind for kinds in wordnet.values() for kind in kinds} - BROAD - set(wordnet):
        broad = set.intersection(*(kinds & BROAD for kinds in wordnet.values() if kind in kinds))
        if broad:
            wordnet[kind] = broad
    return wordnet | rows("everyday_kinds.tsv")


def main() -> None:
    OUT.write_text("".join("\t".join([word, *sorted(kinds)]) + "\n" for word, kinds in sorted(made().items())))
    print(f"{OUT}: {OUT.read_text().count(chr(10))} words")


if __name__ == "__main__":
    main()
