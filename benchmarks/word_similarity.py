"""How well do cosines of our word vectors follow people's judgements, beside real GloVe on the same pairs?

    python -m benchmarks.word_similarity --data ../shared/data

Spearman's rank correlation on MEN (Bruni et al., 2014), WordSim-353 (Finkelstein et al., 2002), SimLex-999 (Hill et
al., 2015) and RG-65 (Rubenstein and Goodenough, 1965), over the pairs of which both vector files know both words.
"""

from __future__ import annotations

import argparse
import gzip
import os
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from devise.vectors import Vector, unit
from devise.words import WordVectors

SETS = {
    "MEN": "EN-MEN-TR-3k.txt",
    "WordSim-353": "EN-WS-353-ALL.txt",
    "SimLex-999": "EN-SIMLEX-999.txt",
    "RG-65": "EN-RG-65.txt",
}
GLOVE = "glove.6B.300d.partial.txt.gz"
Pair = tuple[str, str, float]


def judgements(path: Path) -> list[Pair]:
    """(word, word, how alike people find them)."""
    rows = (line.split() for line in path.read_text("utf-8").splitlines() if line.strip())
    return [(first.lower(), second.lower(), float(score)) for first, second, score in rows]


def glove(path: Path) -> dict[str, Vector]:
    """Word -> vector, straight from the text: no code of ours but `unit` stands between."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = (line.rstrip().split(" ") for line in file)
        return {word: unit(np.array(numbers, np.float32)) for word, *numbers in lines}


def ours(vectors: WordVectors, pairs: list[Pair]) -> dict[str, Vector]:
    """The entries that exist as such: no phrase is put together."""
    words = {word for first, second, _ in pairs for word in (first, second)}
    slots = {word: vectors.slot(word) for word in words}
    return {word: vectors.rows([slot])[0] for word, slot in slots.items() if slot is not None}


def spearman(known: dict[str, Vector], pairs: list[Pair]) -> float:
    cosines = [float(known[first] @ known[second]) for first, second, _ in pairs]
    return float(spearmanr(cosines, [score for *_, score in pairs])[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("DEVISE_DATA", "../shared/data")))
    parser.add_argument("--vectors", help="name or path (default: those in use)")
    options = parser.parse_args()
    vectors = WordVectors.open(options.vectors)
    theirs = glove(options.data / GLOVE)
    table = Table("judgements", "pairs", "known to both", "known to us", vectors.name, "GloVe 6B", "best")
    for title, file in SETS.items():
        pairs = judgements(options.data / "word-sim" / file)
        known = ours(vectors, pairs)
        mine = [pair for pair in pairs if pair[0] in known and pair[1] in known]
        both = [pair for pair in mine if pair[0] in theirs and pair[1] in theirs]
        scores = spearman(known, both), spearman(theirs, both)
        best = vectors.name if scores[0] > scores[1] else "GloVe 6B"
        counts = (len(pairs), len(both), len(mine))
        table.add_row(title, *(f"{count}" for count in counts), *(f"{score:.3f}" for score in scores), best)
    Console().print(table)


if __name__ == "__main__":
    main()
