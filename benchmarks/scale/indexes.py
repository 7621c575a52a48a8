"""Indices of Milvus beside exact search: how many of the ten nearest each finds, in what time, and how long to build.

    python -m recipes.servers python -m benchmarks.scale.indexes --photos 100000 --space words

Vectors as real photos have them (benchmarks/grown.py). The words space is asked with words, features with photos that
are in no library. "As named" is Milvus' own ten; "candidates" what devise makes of it: so many are asked for, and
exact scores choose the ten.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import grown
from devise.store.base import together
from devise.store.sqlite.store import Store
from devise.vectors import Ids, Vector
from devise.words.embeddings import WordVectors

QUERIES = 100
TIMED = 9  # of them one by one
CANDIDATES = {"words": 1_000, "features": 40}  # as devise.config.SearchConfig asks for
PUT = 1_000
TIMEOUT_SECONDS = 1_800


class Kind(NamedTuple):
    name: str
    build: Mapping[str, int]
    search: str
    values: tuple[int, ...]


KINDS = (
    Kind("FLAT", {}, "level", (1,)),
    Kind("HNSW", {"M": 16, "efConstruction": 200}, "ef", (64, 128, 256, 512, 1024)),
    Kind("IVF_SQ8", {"nlist": 1024}, "nprobe", (16, 32, 64, 128, 256)),
    Kind("DISKANN", {}, "search_list", (100, 400, 1024)),
)


def queries(space: str, store: Store) -> Vector:
    """Words that the model has learnt, or photos that are in no library."""
    if space == "features":
        return grown.held_out(QUERIES, None)["features"]
    words = WordVectors.open(store.space("words").vectors)
    known = [word for word in store.labels() if word in words]
    return np.stack([words.vector(word) for word in known[:: max(1, len(known) // QUERIES)][:QUERIES]])


def collection(client: Any, ids: Ids, rows: Vector) -> str:
    """With all rows, not indexed yet."""
    from pymilvus import DataType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("row", DataType.FLOAT_VECTOR, dim=rows.shape[1])
    if client.has_collection("devise_bench"):
        client.drop_collection("devise_bench")
    client.create_collection("devise_bench", schema=schema)
    for at in range(0, len(ids), PUT):
        pairs = zip(ids[at : at + PUT].tolist(), rows[at : at + PUT], strict=True)
        client.insert("devise_bench", [{"id": i, "row": row} for i, row in pairs])
    client.flush("devise_bench", timeout=TIMEOUT_SECONDS)
    return "devise_bench"


def built(client: Any, name: str, kind: Kind) -> float:
    """Seconds until the index is there and loaded."""
    client.release_collection(name)
    for old in client.list_indexes(name):
        client.drop_index(name, old)
    params = client.prepare_index_params()
    params.add_index("row", index_type=kind.name, metric_type="IP", params=dict(kind.build))
    begun = time.perf_counter()
    client.create_index(name, params, timeout=TIMEOUT_SECONDS)
    client.load_collection(name, timeout=TIMEOUT_SECONDS)
    return time.perf_counter() - begun


def measured(client: Any, name: str, kind: Kind, asked: Vector, wanted: list[set[int]], k: int) -> Iterator[list[Any]]:
    for value in kind.values:
        least = max(value, k) if kind.name in ("HNSW", "DISKANN") else value  # these name no more than they look at
        own = _recall(_named(client, name, kind, asked, value, 10), wanted)
        candidates = _recall(_named(client, name, kind, asked, least, k), wanted)
        took = []
        for query in asked[:TIMED]:
            begun = time.perf_counter()
            _named(client, name, kind, query[None], least, k)
            took.append(time.perf_counter() - begun)
        yield [f"{kind.search} {value}", own, candidates, median(took) * 1000]


def _recall(named: list[list[int]], wanted: list[set[int]]) -> float:
    return sum(len(best & {*ids}) for ids, best in zip(named, wanted, strict=True)) / sum(map(len, wanted))


def _named(client: Any, name: str, kind: Kind, queries: Vector, value: int, k: int) -> list[list[int]]:
    params = {"metric_type": "IP", "params": {kind.search: value}}
    found = client.search(name, data=[*queries], limit=k, search_params=params, consistency_level="Eventually")
    return [[hit["id"] for hit in hits] for hits in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--space", choices=[*CANDIDATES], default="words")
    parser.add_argument("--kinds", default=",".join(kind.name for kind in KINDS))
    given = parser.parse_args()
    from pymilvus import MilvusClient

    with closing(Store(grown.library(given.photos, None))) as store:
        asked = queries(given.space, store)
        ids, rows = together(store.vectors.rows(store.space(given.space)))
    client, k = MilvusClient(f"http://{os.environ['DEVISE_TEST_MILVUS']}"), CANDIDATES[given.space]
    begun = time.perf_counter()
    wanted = [{*ids[np.argpartition(-(rows @ query), 10)[:10]].tolist()} for query in asked]
    exact = (time.perf_counter() - begun) / len(asked) * 1000
    name = collection(client, ids, rows)
    table = Table("index", "built in s", "asked with", "recall@10 as named", f"of {k} candidates", f"ms for {k}",
                  title=f"{given.space}, {len(ids):,} photos; exact in numpy: {exact:.0f} ms")  # fmt: skip
    for kind in [kind for kind in KINDS if kind.name in given.kinds.split(",")]:
        try:
            seconds = built(client, name, kind)
        except Exception as error:
            table.add_row(kind.name, "no: " + " ".join(str(error).split())[:60])
            continue
        for with_what, own, candidates, took in measured(client, name, kind, asked, wanted, k):
            table.add_row(kind.name, f"{seconds:.0f}", with_what, f"{own:.3f}", f"{candidates:.3f}", f"{took:.0f}")
    Console(width=120).print(table)
    client.drop_collection(name)


if __name__ == "__main__":
    main()
