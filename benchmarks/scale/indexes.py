"""Indices of Milvus beside exact search: how many of the ten nearest each finds, in what time, and how long to build.

    python -m recipes.servers python -m benchmarks.scale.indexes --data DIR --rows 100000 --space words

Vectors as real photos have them (benchmarks/synthetic.py). The words space is asked with words, features with photos
that are in no library; features-128 holds their projections, as the graph of an embedded library does, and recall is of
the nearest by all 1,280 numbers. "As named" is Milvus' own ten; "candidates" what devise makes of it: so many are
asked for, and exact scores choose the ten. core-ms is what a query costs the server, of 100 in one request.

    ... --kinds HNSW --build     only build and look at recall; what was found is kept
    ... --time                   only ask the index that is there, one query after the other: for quiet moments
    ... --show                   the table of what was kept, no server needed
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, TypeVar

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import grown
from benchmarks.data import parser
from benchmarks.scale.milvus_costs import cpu_seconds, resident_mb
from benchmarks.synthetic import HELD_OUT, SEED, Growth, cache
from devise.index.pca import Projection
from devise.vectors import Vector
from devise.words.embeddings import WordVectors

QUERIES = 100
CHUNK = 10_000
CANDIDATES = {"words": 1_000, "features": 40, "features-128": 40}  # as devise.config.SearchConfig asks for
DIMS = {"words": 300, "features": 1_280, "features-128": 128}
PUT = 1_000
TIMEOUT_SECONDS = 3_600
NEAREST = 10
TRIES = 5
T = TypeVar("T")


class Kind(NamedTuple):
    name: str
    build: Mapping[str, int]
    search: str
    values: tuple[int, ...]


KINDS = (
    Kind("FLAT", {}, "level", (1,)),
    Kind("IVF_SQ8", {"nlist": 1024}, "nprobe", (16, 32, 64, 128, 256, 512)),
    Kind("HNSW", {"M": 16, "efConstruction": 200}, "ef", (64, 128, 256, 512, 1024, 2048, 4096, 8192)),
    Kind("DISKANN", {}, "search_list", (100, 200, 400, 1024, 2048)),
)


class Rows:
    """Think of it as a table of vectors on the disk, with queries and the ten nearest of each: made once."""

    def __init__(self, data: Path | None, space: str, count: int) -> None:
        self.space, self.count = space, count
        growth = Growth(grown.read_base(data))
        self._projection = Projection.fit(growth.base.rows["features"], 128)
        name = f"rows-{space}-{count}-of-{growth.base.name}"
        self._file, self._asked = cache() / f"{name}.npy", cache() / f"{name}.npz"
        if not self._asked.exists():
            self._make(growth)
        self.rows = np.load(self._file, mmap_mode="r")
        with np.load(self._asked) as kept:
            self.asked, self.wanted, self.exact_ms = kept["asked"], kept["wanted"], float(kept["ms"])

    def _make(self, growth: Growth) -> None:
        whole = self._queries(growth)
        rows = np.lib.format.open_memmap(self._file, "w+", np.float32, (self.count, DIMS[self.space]))
        best, scores, at, spent = np.zeros((QUERIES, 0), np.int64), np.zeros((QUERIES, 0), np.float32), 0, 0.0
        for made in self._chunks(growth):
            begun = time.process_time()
            found = whole @ made.T
            spent += time.process_time() - begun
            scores = np.concatenate([scores, found], 1)
            best = np.concatenate([best, np.broadcast_to(np.arange(at, at + len(made)), found.shape)], 1)
            chosen = np.argpartition(-scores, NEAREST - 1, axis=1)[:, :NEAREST]
            best, scores = np.take_along_axis(best, chosen, 1), np.take_along_axis(scores, chosen, 1)
            rows[at : at + len(made)] = self._held(made)
            at += len(made)
        rows.flush()
        np.savez(self._asked, asked=self._held(whole), wanted=best, ms=spent / QUERIES * 1000)

    def _held(self, rows: Vector) -> Vector:
        return self._projection.project(rows) if self.space == "features-128" else rows

    def _chunks(self, growth: Growth) -> Iterator[Vector]:
        """The real ones first."""
        name = self.space.removesuffix("-128")
        real = growth.base.rows[name][: self.count]
        yield real
        for number, at in enumerate(range(len(real), self.count, CHUNK)):
            rng = np.random.default_rng([SEED, number])
            a, b, t = growth._pairs(rng, min(CHUNK, self.count - at))
            yield growth._moved(name, a, b, t, rng, growth.steps[name])

    def _queries(self, growth: Growth) -> Vector:
        """Words that the model has learnt, or photos that are in no library."""
        if self.space != "words":
            return growth.more(HELD_OUT, QUERIES)[1]["features"]
        spaces = {space.name: space for space in growth.base.model.spaces}
        words = WordVectors.open(spaces["words"].vectors)
        known = [word for word in growth.base.labels if word in words]
        return np.stack([words.vector(word) for word in known[:: max(1, len(known) // QUERIES)][:QUERIES]])


class Server:
    """One collection with one index after another."""

    def __init__(self, rows: Rows) -> None:
        from pymilvus import MilvusClient

        self._client, self._rows = MilvusClient(f"http://{os.environ['DEVISE_TEST_MILVUS']}"), rows
        self.name = f"devise_bench_{rows.space.replace('-', '_')}_{rows.count}"

    def fill(self) -> None:
        """Unless it holds all rows already."""
        from pymilvus import DataType, MilvusException

        client, rows = self._client, self._rows.rows
        if client.has_collection(self.name):
            if int(client.get_collection_stats(self.name)["row_count"]) == len(rows):
                return
            client.drop_collection(self.name)
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("row", DataType.FLOAT_VECTOR, dim=rows.shape[1])
        client.create_collection(self.name, schema=schema)
        for at in range(0, len(rows), PUT):
            data = [{"id": at + i, "row": row} for i, row in enumerate(rows[at : at + PUT])]
            try:
                client.insert(self.name, data, timeout=TIMEOUT_SECONDS)
            except MilvusException:  # nobody knows whether they are there
                patiently(lambda data=data: client.upsert(self.name, data, timeout=TIMEOUT_SECONDS))
        patiently(lambda: client.flush(self.name, timeout=TIMEOUT_SECONDS))
        self._compact()

    def _compact(self) -> None:
        """Few large segments, as a library that has stood for a day has them."""
        job = patiently(lambda: self._client.compact(self.name))
        end = time.monotonic() + TIMEOUT_SECONDS
        while patiently(lambda: self._client.get_compaction_state(job)) != "Completed" and time.monotonic() < end:
            time.sleep(2)

    def build(self, kind: Kind) -> tuple[float, float]:
        """Seconds, and seconds of the server's processors, until the whole index is there; then it is loaded."""
        client, name = self._client, self.name
        client.release_collection(name)
        for old in client.list_indexes(name):
            client.drop_index(name, old)
        params = client.prepare_index_params()
        params.add_index("row", index_type=kind.name, metric_type="IP", params=dict(kind.build))
        begun, cpu = time.monotonic(), cpu_seconds()
        client.create_index(name, params, timeout=TIMEOUT_SECONDS, sync=False)
        while True:
            state = patiently(lambda: client.describe_index(name, "row"))
            if state["state"] == "Failed":
                raise RuntimeError(state.get("index_state_fail_reason") or "failed")
            if state["state"] == "Finished" and not state.get("pending_index_rows"):
                break
            if time.monotonic() > begun + TIMEOUT_SECONDS:
                raise TimeoutError(f"{state}")
            time.sleep(1)
        took = time.monotonic() - begun, cpu_seconds() - cpu
        patiently(lambda: client.load_collection(name, timeout=TIMEOUT_SECONDS))
        return took

    def drop(self) -> None:
        self._client.drop_collection(self.name)

    def named(self, kind: Kind, queries: Vector, value: int, k: int) -> list[list[int]]:
        params = {"metric_type": "IP", "params": {kind.search: value}}
        found = patiently(lambda: self._client.search(
            self.name, data=[*queries], limit=k, search_params=params, consistency_level="Eventually",
            timeout=TIMEOUT_SECONDS,
        ))  # fmt: skip
        return [[hit["id"] for hit in hits] for hits in found]


def patiently(ask: Callable[[], T]) -> T:
    """Once more after some seconds: a server that was stopped for a moment refuses what it was at."""
    from pymilvus import MilvusException

    for _ in range(TRIES):
        try:
            return ask()
        except MilvusException as error:
            print("again:", " ".join(str(error).split())[-120:], flush=True)
            time.sleep(5)
    return ask()


def recall(named: list[list[int]], wanted: Any) -> float:
    return float(np.mean([np.isin(best, ids).mean() for ids, best in zip(named, wanted, strict=True)]))


def looked_at(server: Server, kind: Kind, rows: Rows) -> Iterator[dict[str, Any]]:
    """Recall, which does not depend on what else the machine does."""
    k = CANDIDATES[rows.space]
    for value in kind.values:
        least = max(value, k) if kind.name in ("HNSW", "DISKANN") else value  # these name no more than they look at
        own = recall(server.named(kind, rows.asked, value, NEAREST), rows.wanted)
        candidates = server.named(kind, rows.asked, least, k)
        cpu = cpu_seconds()
        server.named(kind, rows.asked, least, k)
        spent = (cpu_seconds() - cpu) / len(rows.asked) * 1000
        yield {"value": value, "own": own, "candidates": recall(candidates, rows.wanted), "core_ms": spent}


def timed(server: Server, kind: Kind, rows: Rows) -> Iterator[dict[str, Any]]:
    k = CANDIDATES[rows.space]
    for value in kind.values:
        least = max(value, k) if kind.name in ("HNSW", "DISKANN") else value
        server.named(kind, rows.asked[:4], least, k)
        took = []
        for query in rows.asked[:25]:
            begun = time.perf_counter()
            server.named(kind, query[None], least, k)
            took.append(time.perf_counter() - begun)
        yield {"value": value, "ms": median(took) * 1000}


class Kept:
    """What was found, as lines of JSON: a run that was cut off loses nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, **what: Any) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(what) + "\n")
        print(json.dumps(what), flush=True)

    def of(self, space: str, count: int) -> dict[tuple[str, int], dict[str, Any]]:
        """By kind and value; later lines add to earlier ones. Of an index itself the value is 0."""
        found: dict[tuple[str, int], dict[str, Any]] = {}
        for line in self._path.read_text().splitlines() if self._path.exists() else ():
            said = json.loads(line)
            if (said["space"], said["rows"]) == (space, count):
                found.setdefault((said["kind"], said.get("value", 0)), {}).update(said)
        return found


def table(space: str, count: int, kept: Kept) -> Table:
    k, found = CANDIDATES[space], kept.of(space, count)
    exact = found.get(("numpy", 0), {}).get("core_ms", float("nan"))
    made = Table(
        "index",
        "built in s (core-s)",
        "server MB",
        "asked with",
        "recall@10 as named",
        f"of {k} candidates",
        "core-ms",
        f"ms for {k}",
        title=f"{space}, {count:,} rows; numpy compares all in {exact:.1f} core-ms",
    )
    for kind in KINDS:
        index = found.get((kind.name, 0), {})
        if "no" in index:
            made.add_row(kind.name, f"no: {index['no']}")
        for value in kind.values:
            one = found.get((kind.name, value))
            if one:
                figures = [f"{one[name]:.{digits}f}" if name in one else "" for name, digits in
                           (("own", 3), ("candidates", 3), ("core_ms", 2), ("ms", 1))]  # fmt: skip
                made.add_row(kind.name, f"{index['seconds']:.0f} ({index['core_s']:.0f})", f"{index['mb']:.0f}",
                             f"{kind.search} {value}", *figures)  # fmt: skip
    return made


def main() -> None:
    made = parser(__doc__ or "")
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.add_argument("--rows", type=int, default=100_000)
    made.add_argument("--space", choices=[*CANDIDATES], default="words")
    made.add_argument("--kinds", default=",".join(kind.name for kind in KINDS))
    made.add_argument("--keep", type=Path, help="the file of what was found; default: in the cache")
    for name in ("build", "time", "show", "drop"):
        made.add_argument(f"--{name}", action="store_true")
    given = made.parse_args()
    kept = Kept(given.keep or cache() / "scale-indexes.jsonl")
    if not given.show:
        run(given, kept)
    Console(width=120).print(table(given.space, given.rows, kept))


def run(given: argparse.Namespace, kept: Kept) -> None:
    rows = Rows(given.data, given.space, given.rows)
    what, server = {"space": given.space, "rows": given.rows}, Server(rows)
    kept.add(**what, kind="numpy", core_ms=rows.exact_ms)
    if not given.time:
        server.fill()
    for kind in [kind for kind in KINDS if kind.name in given.kinds.split(",")]:
        if not given.time:
            try:
                seconds, core_s = server.build(kind)
            except Exception as error:  # an index that a server cannot make is told, and the next one is made
                kept.add(**what, kind=kind.name, no=" ".join(str(error).split())[:80])
                continue
            for found in looked_at(server, kind, rows):
                kept.add(**what, kind=kind.name, **found)
            kept.add(**what, kind=kind.name, seconds=seconds, core_s=core_s, mb=resident_mb())
        if not given.build:
            for found in timed(server, kind, rows):
                kept.add(**what, kind=kind.name, **found)
    if given.drop:
        server.drop()


if __name__ == "__main__":
    main()
