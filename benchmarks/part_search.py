"""Milliseconds of `Library.search`, which scores the parts of the photos that come nearest, and what it finds.

    python -m benchmarks.part_search --data DIR [--full] [--candidates]

Libraries come from benchmarks/grown.py: 10,000 photos, with --full 100,000 and a million too. Two texts many times, and
20 class words after one another, once a program has loaded its graphs; its first searches have a column of their own.
Recall@10 is of a search that scores the parts of all photos, which takes seconds each: up to 100,000 photos.
--candidates: what fewer or more candidates would find, in a library of real photos alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import grown, report, synthetic
from benchmarks.data import VOC_WORDS
from benchmarks.report import Figure
from devise import Library
from devise.config import IndexConfig, SearchConfig, Settings
from devise.store.sqlite.store import Store

K, TOP = 10, SearchConfig.top
ROUNDS = 5
SIZES = (10_000, 100_000, 1_000_000)
SCANNED = 100_000  # largest library whose searches are compared with a scan of all parts
LEAST_RECALL = 0.9  # else something is broken: a small thing is far from the whole photo
TEXTS = ("cat", "sofa cat")
CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
NUMS = (200, 500, 1_000, 2_000)  # candidates a term
FREQUENT = 9_000  # most frequent words, that those which are no labels are drawn from
CONSOLE = Console(width=120)


def measured(place: Path, count: int) -> list[Figure]:
    """The table of a library, and its figures."""
    words = [VOC_WORDS.get(word, word) for word in CLASSES]
    asked = {f'"{text}"': [text] for text in TEXTS} | {f"{len(words)} words, one after another": words}
    shown = Table("Library.search", "p50 ms", "p99 ms", "first ms", "slowest of the first five", "recall@10", "worst")
    shown.title, figures = f"{count:,} photos, parts are scored", []
    for name, texts in asked.items():
        with Library(place) as opened:
            first = [_ms(opened, text) for text in (texts * 5)[:5]]
            taken = [_ms(opened, text) for _ in range(ROUNDS) for text in texts * (len(words) // len(texts))]
            shares = [] if count > SCANNED else [share(opened, text) for text in texts]
        if shares and np.mean(shares) < LEAST_RECALL:
            sys.exit(f"Library.search: {np.mean(shares):.3f} of the scan's answers to {name}")
        p50, p99 = float(np.percentile(taken, 50)), float(np.percentile(taken, 99))
        recalls = (f"{np.mean(shares):.3f}", f"{min(shares):.1f}") if shares else ("", "")
        shown.add_row(name, *(report.number(ms) for ms in (p50, p99, first[0], max(first))), *recalls)
        what = f"search {name}, {count:,} photos"
        figures += [Figure(f"p50, {what}", p50, "ms"), Figure(f"p99, {what}", p99, "ms")]
        figures += [Figure(f"recall@{K}, {what}", float(np.mean(shares)), "")] if shares else []
    CONSOLE.print(shown)
    return figures


def _ms(opened: Library, text: str) -> float:
    begun = time.perf_counter()
    opened.search(text, K)
    return 1e3 * (time.perf_counter() - begun)


def share(opened: Library, text: str) -> float:
    """Of the best of a scan of all parts, how many the search finds."""
    found = {match.path for match in opened.search(text, K)}
    with all_scored(opened.path) as other:
        best = {match.path for match in other.search(text, K)}
    return len(found & best) / max(1, len(best))


def all_scored(place: Path) -> Library:
    """A library that answers by scoring all photos."""
    return Library(place, settings=Settings(index=IndexConfig(exact_below=sys.maxsize)))


def nine_best(opened: Library, text: str) -> set[str]:
    """However unlikely they are."""
    return {match.path for match in opened.search(text, TOP, min_probability=0)}


def candidates(place: Path) -> None:
    """The table that SearchConfig.min_candidates_regions was chosen from."""
    with Library(place) as opened:
        words, count = opened.words(), len(opened)
        frequent = [words.word(slot) for slot in np.random.default_rng(synthetic.SEED).permutation(FREQUENT)]
        with closing(Store(place)) as store:
            labels = set(store.labels())
        learnt = [VOC_WORDS.get(word, word) for word in CLASSES][:15]
        kinds: dict[str, Sequence[str]] = {
            "learnt words": learnt,
            "other words": [word for word in frequent if word not in labels][:15],
            "pairs": [f"{a} {b}" for a, b in pairwise(learnt)],
        }
        with all_scored(place) as other:
            best = {text: nine_best(other, text) for texts in kinds.values() for text in texts}
        shown = Table(
            "candidates a term",
            *kinds,
            "ms of a word",
            title=f"{count:,} real photos, recall@{TOP}",
        )
        for number in NUMS:
            settings = Settings(search=SearchConfig(min_candidates_regions=number))
            with Library(place, settings=settings) as asked:
                cells = [
                    np.mean([len(nine_best(asked, text) & best[text]) / TOP for text in texts])
                    for texts in kinds.values()
                ]
                taken = np.median([_ms(asked, text) for _ in range(ROUNDS) for text in learnt])
            name = f"{number:,}" + (" (taken)" if number == SearchConfig.min_candidates_regions else "")
            shown.add_row(name, *(f"{cell:.3f}" for cell in cells), report.number(float(taken)))
        CONSOLE.print(shown)


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--sizes", nargs="*", type=int, help=f"photos; default: {SIZES[0]:,}, with --full {SIZES}")
    parser.add_argument("--candidates", action="store_true", help="the table of candidates instead")
    options = parser.parse_args()
    if options.candidates:
        candidates(grown.read_base(options.data, full=options.full).place)
        return
    figures: list[Figure] = []
    for count in options.sizes or (SIZES if options.full else SIZES[:1]):
        figures += measured(grown.library(count, options.data, full_base=options.full), count)
    report.save(figures, options.json)


if __name__ == "__main__":
    main()
