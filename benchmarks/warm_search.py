"""Milliseconds of a search in an open library, beside raw indexes of other libraries on the same vectors.

    python -m benchmarks.warm_search --data DIR [--full] [--peers hnswlib faiss ...]
    python -m benchmarks.warm_search --data DIR --tune [--full]

Half of the queries are vectors of words, half those of photos that are not in the library (benchmarks/grown.py). All
graphs have M 16 and efConstruction 200, and each peer the smallest ef that finds 0.99 of the ten nearest; devise is
taken as it is; raw hnswlib also runs with the ef that gives it devise's recall. One query at a time by one thread in
rounds that take turns, then all at once by all cores. The peers need: pip install faiss-cpu usearch voyager. Exits with
1 if devise's scores are not exact or too few of its answers are the exact scan's.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import grown, report, synthetic, tuning
from benchmarks.data import VOC_WORDS
from benchmarks.indexes import ENOUGH, Faiss, Hnswlib, Ids, Index, Usearch, Voyager, each_ms, exact, least_ef, recall
from benchmarks.report import Figure
from devise import Library, config
from devise.library.store import Store
from devise.vectors import Match, Vector

K = 10
ROUNDS = 5  # of all queries: a thousand times from which the 99th percentile is taken
NUM_WORDS = 100  # queries that are words, and as many that are photos
FREQUENT = 5_000  # of the most frequent words, that half of them are drawn from
SIZES = (10_000, 100_000, 1_000_000)
SCANNED = 100_000  # largest library whose searches are compared with a scan of all parts: seconds each
LEAST_RECALL = 0.95  # of devise, else something is broken
LEAST_SEARCH_RECALL = 0.9  # the same where parts are scored: a small thing is far from the whole photo
SLACK = 1e-5  # of a cosine
TUNED = 20_000  # photos in the tables of M: sixty graphs
KINDS = ("", " of words", " of photos")
SEARCHES = ("cat", "sofa cat")
PEERS: dict[str, tuple[str, Callable[[], Index]]] = {
    "hnswlib": ("hnswlib", Hnswlib),
    "faiss": ("faiss", Faiss),
    "faiss-flat": ("faiss", lambda: Faiss(m=None)),
    "usearch": ("usearch", Usearch),
    "voyager": ("voyager", Voyager),
}
NAMES = {"faiss": "faiss IndexHNSWFlat", "faiss-flat": "faiss IndexFlatIP, exact"}
CONSOLE = Console(width=160)


@dataclass
class Engine:
    """One that answers, what was set for it, and how long each query took. recall: all queries, words, photos."""

    name: str
    ask: Callable[[Vector], Any]
    ask_all: Callable[[Vector], object] | None = None
    set_up: Callable[[], None] = lambda: None
    ids_of: Callable[[Any], Ids] = lambda found: found
    ef: int | None = None
    build_seconds: float = 0.0
    recall: tuple[float, float, float] = (0.0, 0.0, 0.0)
    times: list[float] = field(default_factory=list)
    batched: list[float] = field(default_factory=list)

    def measure_recall(self, queries: Vector, truth: Ids) -> None:
        self.set_up()
        found = [self.ids_of(self.ask(query)) for query in queries]
        halves = recall(found[:NUM_WORDS], truth[:NUM_WORDS]), recall(found[NUM_WORDS:], truth[NUM_WORDS:])
        self.recall = (recall(found, truth), *halves)

    @property
    def p50(self) -> float:
        return float(np.percentile(self.times, 50))

    @property
    def p50_each(self) -> tuple[float, float]:
        """Of words, of photos."""
        rounds = np.array(self.times).reshape(-1, 2, NUM_WORDS)
        return float(np.median(rounds[:, 0])), float(np.median(rounds[:, 1]))

    @property
    def p99(self) -> float:
        return float(np.percentile(self.times, 99))


def word_queries(opened: Library, count: int) -> Vector:
    """Half words that the model has learnt, half frequent ones."""
    rng, words = np.random.default_rng(synthetic.SEED), opened.words()
    with _store(opened.path) as store:
        labels = [label for label in store.labels() if label in words]
    frequent = [words.word(slot) for slot in rng.permutation(min(FREQUENT, len(words)))]
    chosen = [*rng.permutation(labels)[: count // 2], *frequent]
    return np.stack([words.vector(str(word)) for word in chosen[:count]])


def all_rows(folder: Path) -> Vector:
    """(photos, 300): content i in row i - 1."""
    with _store(folder) as store:
        return np.concatenate([rows for _, rows in store.scan("words")])


def places(matches: list[Match]) -> Ids:
    return np.array([grown.content_of(match.path) - 1 for match in matches], np.int64)


def check(opened: Library, rows: Vector, queries: Vector) -> None:
    """Exits where scores are not exact or not in order."""
    for query in queries:
        matches = opened.nearest(query, K)
        scores = np.array([match.score for match in matches])
        near = rows[places(matches)] @ query
        if len(matches) != K or np.any(np.diff(scores) > 0) or np.abs(near - scores).max() > SLACK:
            sys.exit("Library.nearest: scores are not the exact cosines, best first")


def engines(opened: Library, rows: Vector, queries: Vector, peers: list[str]) -> Iterator[Engine]:
    truth = exact(rows, queries, K)
    check(opened, rows, queries)
    devise = Engine("devise, Library.nearest", lambda query: opened.nearest(query, K), ids_of=places)
    devise.measure_recall(queries, truth)
    if devise.recall[0] < LEAST_RECALL:
        sys.exit(f"Library.nearest: recall@{K} {devise.recall[0]:.3f}, and {LEAST_RECALL} is the least")
    devise.ask_all = lambda many: opened.nearest_to_each(many, K)
    if devise.ask_all(queries) != [devise.ask(query) for query in queries]:
        sys.exit("Library.nearest_to_each: other answers than Library.nearest")
    yield devise
    for name in peers:
        module, make = PEERS[name]
        if find_spec(module) is None:
            CONSOLE.print(f"{module} is not installed: left out")
            continue
        sys.stderr.write(f"building {name}\n")
        index, begun = make(), time.perf_counter()
        index.build(rows)
        seconds, wanted = time.perf_counter() - begun, {NAMES.get(name, name): ENOUGH}
        if name == "hnswlib":
            wanted["hnswlib, devise's recall"] = devise.recall[0]
        for title, enough in wanted.items():
            engine = of_peer(title, index, None if name == "faiss-flat" else least_ef(index, queries, truth, enough))
            engine.build_seconds = seconds
            engine.measure_recall(queries, truth)
            yield engine


def of_peer(title: str, index: Index, ef: int | None) -> Engine:
    def set_up() -> None:
        if ef is not None:
            index.set_ef(ef)

    return Engine(title, lambda query: index.ask(query, K), lambda many: index.ask_all(many, K), set_up, ef=ef)


def take_turns(running: list[Engine], queries: Vector) -> None:
    sys.stderr.write("timing\n")
    for number in range(ROUNDS + 1):
        for engine in running:
            engine.set_up()
            times = each_ms(engine.ask, queries)
            engine.times += times if number else []  # the first round warms up
            if engine.ask_all:
                begun = time.perf_counter()
                engine.ask_all(queries)
                engine.batched += [1e3 * (time.perf_counter() - begun) / len(queries)] if number else []


def shown_nearest(count: int, running: list[Engine]) -> list[Figure]:
    """The table, and its figures; ratios are to raw hnswlib."""
    raw = next((engine for engine in running if engine.name == "hnswlib"), None)
    columns = ("p50 ms", "of words", "of photos", "p99 ms", "p50 / hnswlib", "batched ms", "/ hnswlib", "build s")
    shown = Table("index", "ef", "recall@10", "words", "photos", *columns)
    shown.title = f"{count:,} photos, the {K} nearest of 300 numbers"
    figures = []
    for engine in running:
        ratios = engine.p50 / raw.p50 if raw else None, engine.p99 / raw.p99 if raw else None
        batched = float(np.median(engine.batched)) if engine.batched else None
        of_batched = batched / float(np.median(raw.batched)) if batched is not None and raw else None
        cells = (engine.p50, *engine.p50_each, engine.p99, ratios[0], batched, of_batched, engine.build_seconds or None)
        texts = ("" if cell is None else report.number(cell) for cell in cells)
        shown.add_row(engine.name, str(engine.ef or ""), *(f"{share:.3f}" for share in engine.recall), *texts)
        what = f"{engine.name}, {count:,} photos"
        figures += [
            Figure(f"p50, {what}", engine.p50, "ms", ratios[0]),
            *(Figure(f"p50{of}, {what}", p50, "ms") for of, p50 in zip(KINDS[1:], engine.p50_each, strict=True)),
            Figure(f"p99, {what}", engine.p99, "ms", ratios[1]),
            *(Figure(f"recall@{K}{of}, {what}", share, "") for of, share in zip(KINDS, engine.recall, strict=True)),
        ]
        if batched is not None:
            figures.append(Figure(f"a query of {NUM_WORDS * 2} at once, {what}", batched, "ms", of_batched))
    CONSOLE.print(shown)
    return figures


def searches(opened: Library, count: int) -> list[Figure]:
    """Searches that score parts: two often asked ones, and all class words of VOC after one another."""
    words = [VOC_WORDS.get(word, word) for word in VOC_CLASSES]
    asked = {f'"{text}"': [text] * len(words) for text in SEARCHES} | {"20 words, one after another": words}
    shown = Table("Library.search", "p50 ms", "p99 ms", "recall@10", title=f"{count:,} photos, parts are scored")
    figures = []
    for name, texts in asked.items():
        reached = search_recall(opened, texts if name.startswith("20") else texts[:1], count)
        taken = [_ms(opened, text) for _ in range(ROUNDS) for text in texts]
        p50, p99 = np.percentile(taken, 50), np.percentile(taken, 99)
        shown.add_row(name, report.number(p50), report.number(p99), "" if reached is None else f"{reached:.3f}")
        what = f"search {name}, {count:,} photos"
        figures += [Figure(f"p50, {what}", float(p50), "ms"), Figure(f"p99, {what}", float(p99), "ms")]
        figures += [] if reached is None else [Figure(f"recall@{K}, {what}", reached, "")]
    CONSOLE.print(shown)
    return figures


VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)


def _ms(opened: Library, text: str) -> float:
    begun = time.perf_counter()
    opened.search(text, K)
    return 1e3 * (time.perf_counter() - begun)


def search_recall(opened: Library, texts: list[str], count: int) -> float | None:
    """Share of the best ten of a scan of all parts that a search finds; None where that would take too long."""
    if count > SCANNED:
        return None
    shares = []
    for text in texts:
        found = {match.path for match in opened.search(text, K)}
        with scanning(), Library(opened.path) as other:
            best = {match.path for match in other.search(text, K)}
        shares.append(len(found & best) / max(1, len(best)))
    if np.mean(shares) < LEAST_SEARCH_RECALL:
        sys.exit(f"Library.search: {np.mean(shares):.3f} of the scan's answers to {texts}")
    return float(np.mean(shares))


@contextmanager
def scanning() -> Iterator[None]:
    """Within it libraries answer by scoring all photos."""
    before, config.EXACT_BELOW = config.EXACT_BELOW, sys.maxsize
    try:
        yield
    finally:
        config.EXACT_BELOW = before


@contextmanager
def _store(folder: Path) -> Iterator[Store]:
    store = Store(folder)
    try:
        yield store
    finally:
        store.close()


def tune(folder: Path | None, full: bool, num: int) -> None:
    """The tables of benchmarks/tuning.py on real photos, a few of which are left out to ask with."""
    base = grown.read_base(folder, full=full)
    order = np.random.default_rng(synthetic.SEED).permutation(len(base))
    cases = []
    held, kept = order[: 2 * NUM_WORDS], np.sort(order[2 * NUM_WORDS :][:num])
    for space, vectors in base.rows.items():
        rows, queries, num_words = np.ascontiguousarray(vectors[kept]), vectors[held], 0
        if space == "words":
            num_words = NUM_WORDS
            with Library(base.place) as opened:
                queries = np.concatenate([word_queries(opened, NUM_WORDS), queries[:NUM_WORDS]])
        cases.append(tuning.Case(space, rows, queries, exact(rows, queries, K), num_words))
    tuning.tune(cases)


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--sizes", nargs="*", type=int, help=f"photos; default: {SIZES[0]:,}, with --full {SIZES}")
    parser.add_argument("--tune", action="store_true", help="tables of M, efConstruction, ef and projections instead")
    parser.add_argument("--photos", type=int, default=TUNED, help="with --tune: how many at most")
    options = parser.parse_args()
    if options.tune:
        tune(options.data, options.full, options.photos)
        return
    figures: list[Figure] = []
    for count in options.sizes or (SIZES if options.full else SIZES[:1]):
        place = grown.library(count, options.data, full_base=options.full)
        with Library(place) as opened:
            photos = grown.held_out(NUM_WORDS, options.data, full_base=options.full)["words"]
            queries = np.concatenate([word_queries(opened, NUM_WORDS), photos])
            figures += searches(opened, count)
            running = list(engines(opened, all_rows(place), queries, options.peers))
            take_turns(running, queries)
            figures += shown_nearest(count, running)
    report.save(figures, options.json)


if __name__ == "__main__":
    main()
