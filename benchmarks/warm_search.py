"""Milliseconds of the nearest photos in an open library, beside raw indexes of other libraries on the same vectors.

    python -m benchmarks.warm_search --data DIR [--full] [--peers hnswlib faiss ...]
    python -m benchmarks.warm_search --data DIR --tune [--full]

Asked with 300 words (learnt by the model, frequent, rarer) and with 100 photos that are not in the library
(benchmarks/grown.py). All graphs have M 16 and efConstruction 200, and each peer for words and for photos the smallest
ef that finds 0.99 of the ten nearest; devise is taken as it is; raw hnswlib also runs with the ef that gives it
devise's recall. One query at a time by one thread in rounds that take turns, then all at once by all cores. The peers
need: pip install faiss-cpu usearch voyager annoy. Exits with 1 if devise's scores are not exact or too few of its
answers are the exact scan's.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks import engines, grown, report, synthetic, tuning
from benchmarks.engines import Asked, Engine, Run
from benchmarks.indexes import ENOUGH, Annoy, Faiss, Hnswlib, Ids, Index, Usearch, Voyager, each_ms, exact
from benchmarks.report import Figure
from devise import Library
from devise.config import IndexConfig
from devise.index.pca import SAMPLE, Projection
from devise.index.quantized import QuantizedIndex
from devise.results import Match
from devise.store.base import together
from devise.store.sqlite.store import Store
from devise.vectors import Vector

K = 10
ROUNDS = {10_000: 5, 100_000: 5, 1_000_000: 3}  # of all queries, from which the 99th percentile is taken
NUM = 100  # queries of a kind
FREQUENT = 5_000  # so many words are frequent, the others rarer
LEAST_RECALL = 0.95  # of devise, else something is broken
SLACK = 1e-5  # of a cosine
TUNED = 20_000  # photos in the tables of M: sixty graphs
PEERS: dict[str, tuple[str, Callable[[], Index]]] = {
    "hnswlib": ("hnswlib", Hnswlib),
    "faiss": ("faiss", Faiss),
    "faiss-flat": ("faiss", lambda: Faiss(m=None)),
    "usearch": ("usearch", Usearch),
    "voyager": ("voyager", Voyager),
    "annoy": ("annoy", Annoy),
}
NAMES = {"faiss": "faiss IndexHNSWFlat", "faiss-flat": "faiss IndexFlatIP, exact"}
CONSOLE = Console(width=150)


def word_queries(opened: Library) -> Asked:
    """Words that the model has learnt, frequent ones and rarer ones; what is near them `asked_with` says."""
    rng, words = np.random.default_rng(synthetic.SEED), opened.words()
    with closing(Store(opened.path)) as store:
        labels = [label for label in store.labels() if label in words]
    slots = {"frequent": range(FREQUENT), "rarer": range(FREQUENT, len(words))}
    chosen = {"learnt": [str(label) for label in rng.permutation(labels)[:NUM]]}
    chosen |= {kind: [words.word(int(slot)) for slot in rng.choice(some, NUM, False)] for kind, some in slots.items()}
    rows, kinds, at = [], {}, 0
    for kind, names in chosen.items():
        rows += [words.vector(name) for name in names]
        kinds[kind], at = slice(at, at + len(names)), at + len(names)
    return Asked("words", np.stack(rows), np.empty((0, K), np.int64), kinds)


def asked_with(opened: Library, rows: Vector, data: Path | None, *, full: bool) -> list[Asked]:
    """Words, and photos that are in no library, with the places of their nearest by an exact scan."""
    words = word_queries(opened)
    photos = grown.held_out(NUM, data, full_base=full)["words"]
    return [
        Asked("words", words.queries, exact(rows, words.queries, K), words.kinds),
        Asked("photos", photos, exact(rows, photos, K), {"photos": slice(None)}),
    ]


def all_rows(folder: Path) -> Vector:
    """(photos, 300): content i in row i - 1."""
    with closing(Store(folder)) as store:
        return together(store.vectors.rows(store.space("words")))[1]


def places(matches: list[Match]) -> Ids:
    return np.array([grown.content_of(match.path) - 1 for match in matches], np.int64)


def check(opened: Library, rows: Vector, queries: Vector) -> None:
    """Exits where scores are not exact or not in order, or where many at once get other answers than one by one."""
    one_by_one = [opened.nearest(query, K) for query in queries]
    for query, matches in zip(queries, one_by_one, strict=True):
        scores = np.array([match.score for match in matches])
        near = rows[places(matches)] @ query
        if len(matches) != K or np.any(np.diff(scores) > 0) or np.abs(near - scores).max() > SLACK:
            sys.exit("Library.nearest: scores are not the exact cosines, best first")
    if opened.nearest_to_each(queries, K) != one_by_one:
        sys.exit("Library.nearest_to_each: other answers than Library.nearest")


def runs(opened: Library, rows: Vector, asked: list[Asked], peers: list[str]) -> Iterator[Run]:
    for queries in asked:
        check(opened, rows, queries.queries)
    ask, ask_all = partial(opened.nearest, k=K), partial(opened.nearest_to_each, k=K)
    own = Engine("devise, Library.nearest", ask, ask_all, own_build_seconds(opened.path), ids_of=places)
    ours = [Run(own.name, own, queries) for queries in asked]
    for run in ours:
        if run.recall < LEAST_RECALL:
            sys.exit(
                f"Library.nearest: recall@{K} of {run.asked.name} {run.recall:.3f}, and {LEAST_RECALL} is the least"
            )
    yield from ours
    for name in peers:
        module, make = PEERS[name]
        if find_spec(module) is None:
            CONSOLE.print(f"{module} is not installed: left out")
            continue
        sys.stderr.write(f"building {name}\n")
        index, begun = make(), time.perf_counter()
        index.build(rows)
        title, seconds = NAMES.get(name, name), time.perf_counter() - begun
        engine = engines.of_peer(title, index, K, seconds)
        wanted = {title: [ENOUGH] * len(asked)}
        if name == "hnswlib":
            wanted["hnswlib, devise's recall"] = [run.recall for run in ours]
        if name == "faiss-flat":
            yield from (Run(title, engine, queries) for queries in asked)
        else:
            yield from engines.runs_of(engine, index, asked, wanted)


def own_build_seconds(folder: Path) -> float:
    """The index of words as devise.search.maintain makes it, from the store on."""
    begun = time.perf_counter()
    with closing(Store(folder)) as store, store.snapshot():
        model = store.model()
        (dim,) = (space.dim for space in model.spaces if space.name == "words") if model else (0,)
        ids = store.ids()
        sample = together(store.vectors.rows(store.space("words"), ids[:: -(-len(ids) // SAMPLE)]))[1]
        projection = Projection.fit(sample, IndexConfig.dim)
        index = QuantizedIndex(projection.dim_of(dim))
        for ids, rows in store.vectors.rows(store.space("words")):
            index.add(ids, projection.project(rows))
    return time.perf_counter() - begun


def first_searches(place: Path, queries: Vector) -> str:
    """What a program waits for that has just opened the library, whose files are in memory."""
    with Library(place) as opened:
        taken = each_ms(lambda query: opened.nearest(query, K), queries[: IndexConfig.scans + 2])
    *scans, loads, next_one = (report.number(ms) for ms in taken)
    return f"first searches of an opened library, in ms: {', '.join(scans)}; {loads} loads the index; then {next_one}"


def tune(folder: Path | None, full: bool, num: int) -> None:
    """The tables of benchmarks/tuning.py on real photos, a few of which are left out to ask with."""
    base = grown.read_base(folder, full=full)
    order = np.random.default_rng(synthetic.SEED).permutation(len(base))
    cases = []
    held, kept = order[: 2 * NUM], np.sort(order[2 * NUM :][:num])
    for space, vectors in base.rows.items():
        rows, queries, num_words = np.ascontiguousarray(vectors[kept]), vectors[held], 0
        if space == "words":
            with Library(base.place) as opened:
                words = word_queries(opened).queries
            num_words, queries = len(words), np.concatenate([words, queries[:NUM]])
        cases.append(tuning.Case(space, rows, queries, exact(rows, queries, K), num_words))
    tuning.tune(cases)


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    sizes = list(ROUNDS)
    parser.add_argument("--sizes", nargs="*", type=int, help=f"photos; default: {sizes[0]:,}, with --full {sizes}")
    parser.add_argument("--tune", action="store_true", help="tables of M, efConstruction, ef and projections instead")
    parser.add_argument("--photos", type=int, default=TUNED, help="with --tune: how many at most")
    options = parser.parse_args()
    if options.tune:
        tune(options.data, options.full, options.photos)
        return
    figures: list[Figure] = []
    for count in options.sizes or (sizes if options.full else sizes[:1]):
        place = grown.library(count, options.data, full_base=options.full)
        rows = all_rows(place)
        with Library(place) as opened:
            asked = asked_with(opened, rows, options.data, full=options.full)
            running = list(runs(opened, rows, asked, options.peers))
            engines.take_turns(running, ROUNDS.get(count, min(ROUNDS.values())))
        for queries in asked:
            title = f"{count:,} photos, the {K} nearest to {len(queries.queries)} {queries.name}"
            table, more = engines.shown(title, [run for run in running if run.asked is queries], "hnswlib")
            CONSOLE.print(table)
            figures += more
        CONSOLE.print(first_searches(place, asked[0].queries), soft_wrap=True)
    report.save(figures, options.json)


if __name__ == "__main__":
    main()
