"""Word vectors as devise keeps them beside gensim's KeyedVectors: to write, to open, to ask, to import from text.

    python -m benchmarks.words_index [--full]

The table holds the words that ship and others made between near ones (as benchmarks/grown.py makes photos) under
invented names: 50,000 words, with --full 400,000. Each opening is a process of its own, whose peak memory is told too.
Exits with 1 if the words found are not those of an exact scan. Needs gensim.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import child, grown, report, synthetic
from benchmarks.indexes import each_ms, exact, recall
from benchmarks.report import Figure
from devise.config import SHIPPED_VECTORS
from devise.errors import WordError
from devise.spaces import ModelInfo
from devise.vectors import Vector, unit
from devise.words import WordVectors, neighbours
from devise.words.format import write_vectors

COUNTS = {False: 50_000, True: 400_000}
TEXT = {False: 20_000, True: 100_000}  # words of the text file: 2.7 KB each
QUERIES = 300
SEVERAL = 3  # words whose mean is asked with
RUNS = 3  # of a fresh process, the median of which is told
K = 10
LEAST_RECALL = 0.95
SLACK = 1e-5
OPEN = {
    "devise": """
import sys, time
from pathlib import Path
from devise.words import WordVectors
begun = time.perf_counter()
vectors = WordVectors.open(Path(sys.argv[1]))
vectors.nearest(sys.argv[2], 10) if len(sys.argv) > 2 else vectors.slot("sofa")
seconds = time.perf_counter() - begun
""",
    "gensim": """
import sys, time
from gensim.models import KeyedVectors
begun = time.perf_counter()
vectors = KeyedVectors.load(sys.argv[1])
vectors.most_similar(sys.argv[2], topn=10) if len(sys.argv) > 2 else vectors["sofa"]
seconds = time.perf_counter() - begun
""",
    "gensim, mapped": """
import sys, time
from gensim.models import KeyedVectors
begun = time.perf_counter()
vectors = KeyedVectors.load(sys.argv[1], mmap="r")
vectors.most_similar(sys.argv[2], topn=10) if len(sys.argv) > 2 else vectors["sofa"]
seconds = time.perf_counter() - begun
""",
    "gensim, text": """
import sys, time
from gensim.models import KeyedVectors
begun = time.perf_counter()
KeyedVectors.load_word2vec_format(sys.argv[1], no_header=True)
seconds = time.perf_counter() - begun
""",
    "devise, text": """
import sys, time
from devise.words import import_vectors
begun = time.perf_counter()
import_vectors(sys.argv[1], "bench")
seconds = time.perf_counter() - begun
""",
}


def table(count: int) -> tuple[list[str], Vector]:
    """Words and their rows: those that ship first, then invented ones."""
    shipped = WordVectors.open(SHIPPED_VECTORS)
    words, rows = shipped.words(), shipped.rows(np.arange(len(shipped)))
    more = count - len(words)
    if more > 0:
        made_by = ModelInfo(name=shipped.name, fingerprint=shipped.fingerprint, spaces=())
        base = synthetic.Base(shipped.path, made_by, (), {"words": rows}, [None] * len(rows), [()] * len(rows))
        growth, made = synthetic.Growth(base), []
        for chunk, at in enumerate(range(0, more, grown.CHUNK)):
            made.append(growth.more(chunk, min(grown.CHUNK, more - at))[1]["words"])
        rows = np.concatenate([rows, *made])
        words += [f"invented{number}" for number in range(more)]
    return words[:count], rows[:count]


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def fresh(name: str, path: Path, *arguments: str) -> tuple[float, float]:
    """Seconds and megabytes of a process of its own: medians."""
    environment = {"DEVISE_EMBEDDINGS": str(path.parent / "imported")}
    command = [sys.executable, "-c", OPEN[name] + "print(seconds)", str(path), *arguments]
    ran = [child.run(command, environment) for _ in range(1 if name.endswith("text") else RUNS)]
    return statistics.median(float(run.said) for run in ran), statistics.median(run.megabytes for run in ran)


def written(folder: Path, words: list[str], rows: Vector) -> list[Figure]:
    """Writes both forms: ours with its graph, gensim's own."""
    from gensim.models import KeyedVectors

    ours, theirs = folder / "ours.safetensors", folder / "theirs.kv"
    of_file = timed(lambda: write_vectors(ours, words, rows, source="benchmark"))
    of_graph = timed(lambda: neighbours.build(WordVectors(ours)))
    vectors = KeyedVectors(rows.shape[1])
    vectors.add_vectors(words, rows)
    of_theirs = timed(lambda: vectors.save(str(theirs)))
    size, their_size = ours.stat().st_size / 1e6, sum(file.stat().st_size for file in folder.glob("theirs*")) / 1e6
    graph_size = neighbours.graph_path(ours).stat().st_size / 1e6
    return [
        Figure("written: devise", of_file, "s", of_file / of_theirs),
        Figure("graph built: devise", of_graph, "s"),
        Figure("written: gensim's own form", of_theirs, "s", 1.0),
        Figure("on the disk: devise", size, "MB", size / their_size),
        Figure("on the disk: devise's graph", graph_size, "MB", graph_size / their_size),
        Figure("on the disk: gensim", their_size, "MB", 1.0),
    ]


def opened(folder: Path) -> list[Figure]:
    """Fresh processes, after their imports: to one vector, and to the first nearest words."""
    paths = {
        "devise": folder / "ours.safetensors",
        "gensim": folder / "theirs.kv",
        "gensim, mapped": folder / "theirs.kv",
    }
    figures = []
    for what, arguments in (("one vector", ()), ("first nearest words", ("sofa",))):
        found = {name: fresh(name, path, *arguments) for name, path in paths.items()}
        seconds, megabytes = found["gensim"]
        for name, (ours, memory) in found.items():
            figures.append(Figure(f"opened to {what}: {name}", ours, "s", ours / seconds))
            figures.append(Figure(f"peak memory of that: {name}", memory, "MB", memory / megabytes))
    return figures


def asked(folder: Path, words: list[str], rows: Vector) -> list[Figure]:
    """One word after another by both, and devise's answers beside those of an exact scan."""
    from gensim.models import KeyedVectors

    ours, theirs = WordVectors.open(folder / "ours.safetensors"), KeyedVectors.load(str(folder / "theirs.kv"))
    slots = np.random.default_rng(synthetic.SEED).choice(len(words), QUERIES, replace=False)
    slots = slots[[_is_term(ours, words[slot]) for slot in slots]]
    queries = [words[slot] for slot in slots]
    reached = _checked(ours, queries, slots, rows)
    theirs.most_similar(queries[0], topn=K)  # computes the lengths of all rows once
    times = {
        "devise": each_ms(lambda word: ours.nearest(word, K), queries),
        "gensim": each_ms(lambda word: theirs.most_similar(word, topn=K), queries),
    }
    figures = [Figure(f"recall@{K}: devise", reached, "")]
    for share in (50, 99):
        of_theirs = float(np.percentile(times["gensim"], share))
        for name, taken in times.items():
            value = float(np.percentile(taken, share))
            figures.append(Figure(f"nearest words, p{share}: {name}", value, "ms", value / of_theirs))
    return figures + asked_with_several(ours, theirs, slots, rows)


def _is_term(vectors: WordVectors, word: str) -> bool:
    """Whether a query of that word is the word, and not "onto", which says nothing to look for."""
    try:
        return len(vectors.terms(word)) == 1
    except WordError:
        return False


def asked_with_several(ours: WordVectors, theirs: Any, slots: np.ndarray, rows: Vector) -> list[Figure]:
    """The same for means of words, which no word is near to: a graph needs more effort there."""
    words = ours.words()
    groups = slots[: len(slots) // SEVERAL * SEVERAL].reshape(-1, SEVERAL)
    means = np.stack([unit(rows[group].mean(0)) for group in groups])
    truth = exact(rows, means, K)
    found = [np.array([ours.slot(match.word) for match in ours.nearest(mean, K)]) for mean in means]
    shares = [len(np.intersect1d(some, true)) / K for some, true in zip(found, truth, strict=True)]
    if np.mean(shares) < LEAST_RECALL:
        sys.exit(f"nearest words to {SEVERAL} words: recall@{K} {np.mean(shares):.3f}, at least {LEAST_RECALL} is due")
    times = {
        "devise": each_ms(lambda mean: ours.nearest(mean, K), means),
        "gensim": each_ms(lambda group: theirs.most_similar([words[slot] for slot in group], topn=K), groups),
    }
    of_theirs = float(np.median(times["gensim"]))
    figures = [
        Figure(f"{SEVERAL} words, recall@{K}: devise", float(np.mean(shares)), ""),
        Figure(f"{SEVERAL} words, recall@{K} of the worst of {len(groups)}: devise", float(min(shares)), ""),
    ]
    for name, taken in times.items():
        p50 = float(np.median(taken))
        figures.append(Figure(f"{SEVERAL} words, nearest, p50: {name}", p50, "ms", p50 / of_theirs))
    return figures


def shipped() -> list[Figure]:
    """The table that ships as it ships: halves, and no graph beside it; gensim has its rows as floats in memory."""
    from gensim.models import KeyedVectors

    ours, theirs = WordVectors.open(SHIPPED_VECTORS), KeyedVectors(300)
    theirs.add_vectors(ours.words(), ours.rows(np.arange(len(ours))))
    queries = ("cat", "house", "river", "guitar", "winter", "green", "doctor", "train", "bread", "window")
    seconds, megabytes = fresh("devise", ours.path, "sofa")
    times = {
        "devise": float(np.median(each_ms(lambda word: ours.nearest(word, K), queries))),
        "gensim": float(np.median(each_ms(lambda word: theirs.most_similar(word, topn=K), queries))),
    }
    what = f"the {len(ours):,} words that ship"
    return [
        Figure(f"{what}: opened to first nearest words: devise", seconds, "s"),
        Figure("peak memory of that: devise", megabytes, "MB"),
        *(Figure(f"{what}: nearest words, p50: {name}", ms, "ms", ms / times["gensim"]) for name, ms in times.items()),
    ]


def _checked(vectors: WordVectors, queries: list[str], slots: np.ndarray, rows: Vector) -> float:
    """Recall@10. Exits when the words found or their scores are wrong."""
    truth = exact(rows, rows[slots], K + 1)
    truth = np.array([row[row != slot][:K] for row, slot in zip(truth, slots, strict=True)])
    found = []
    for word, slot in zip(queries, slots, strict=True):
        matches = vectors.nearest(word, K)
        near = np.array([vectors.slot(match.word) for match in matches])
        found.append(near)
        if np.abs(rows[near] @ rows[slot] - [match.score for match in matches]).max() > SLACK:
            sys.exit(f"nearest words of {word}: scores are not the exact cosines")
    reached = recall(found, truth)
    if reached < LEAST_RECALL:
        sys.exit(f"nearest words: recall@{K} {reached:.3f}, and {LEAST_RECALL} is the least")
    return reached


def imported(folder: Path, words: list[str], rows: Vector) -> list[Figure]:
    """From GloVe's text form; devise checks it first, and builds its graph as well."""
    text = folder / "text.txt"
    with text.open("w", encoding="utf-8") as file:
        for word, row in zip(words, rows, strict=True):
            file.write(f"{word.replace(' ', '_')} {' '.join(f'{x:.5f}' for x in row)}\n")
    count = f"{len(words):,} words of text"
    theirs, their_memory = fresh("gensim, text", text)
    ours, memory = fresh("devise, text", text)
    return [
        Figure(f"{count}: devise vectors import, graph included", ours, "s", ours / theirs),
        Figure(f"{count}: gensim, load", theirs, "s", 1.0),
        Figure("peak memory of that: devise", memory, "MB", memory / their_memory),
        Figure("peak memory of that: gensim", their_memory, "MB", 1.0),
    ]


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument("--words", type=int, help="how many words instead")
    options = parser.parse_args()
    words, rows = table(options.words or COUNTS[options.full])
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        figures = written(folder, words, rows)
        figures += opened(folder) + asked(folder, words, rows) + shipped()
        count = TEXT[options.full]
        figures += imported(folder, words[:count], rows[:count])
    report.show(f"{len(words):,} words of {rows.shape[1]} numbers", figures, "gensim")
    report.save(figures, options.json)


if __name__ == "__main__":
    main()
