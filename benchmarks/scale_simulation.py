"""Machines, memory and money for 10 million to a billion photos, computed from parts that were measured.

    python -m benchmarks.scale_simulation [--machine CORES GIB TB PRICE] [--queries N ...]
    python -m benchmarks.scale_simulation --data DIR --measure

Each part is a figure of docs/benchmarks, named where it stands. --measure compares them with what indices cost here, in
seconds of a processor, so that other programs beside it change little. What no run has measured is an assumption: the
machine, its price, how full it may be. Each formula is one function below.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, replace

from rich.console import Console
from rich.table import Table

from benchmarks.data import parser

MILLION = 1_000_000
SIZES = (MILLION, 10 * MILLION, 100 * MILLION, 1_000 * MILLION)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Measured, of the model that ships: 300 numbers of words, 1,280 of features, 64 parts of each photo.

    Bytes are of a photo. core_ms are milliseconds of one core.
    """

    # docs/benchmarks/memory-and-disk.md, a million photos
    words_bytes: float = 631
    features_bytes: float = 2_732
    parts_bytes: float = 3_279
    facts_bytes: float = 61 + 133 + 115  # hashes, paths and facts, names and captions
    graph_bytes: float = 661  # of features, in memory as on the disk
    flat_bytes: float = 264  # of words: 128 numbers of two bytes, and an id
    # --measure: 1.2, 9.8 and 109 core-ms of 100,000, a million and ten million rows
    words_core_ms: float = 10.9  # a query with words, of 16 at once, for each million photos: all are compared
    # docs/benchmarks/warm-search.md, of a million photos, many queries at once on two cores: 1.33 ms
    photo_core_ms: float = 2.66  # a query with a photo, for each million: a graph of a million
    # the same page, "With parts": Library.search of 10,000 photos, of which 1,000 candidates are scored
    candidates: int = 1_000
    scoring_core_ms: float = 18  # of a term
    # the same page: 226 s on two cores for a million
    build_core_s: float = 452
    # docs/benchmarks/indexing.md, times 1.37 for 320 pixels (docs/model.md)
    encode_core_ms: float = 15 * 1.37  # a photo of 500 pixels, 0.07 MB
    encode_large_core_ms: float = 75 + 15 * 0.37  # a photo of 12 megapixels, 3.38 MB

    @property
    def disk_bytes(self) -> float:
        return self.words_bytes + self.features_bytes + self.parts_bytes + self.facts_bytes + self.index_bytes

    @property
    def index_bytes(self) -> float:
        """In memory."""
        return self.graph_bytes + self.flat_bytes


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Assumed, not measured: what is rented, and for how much."""

    cores: int = 16
    gib: float = 128
    tb: float = 4
    price: float = 700  # a month, in whatever money
    gbit: float = 10  # of its network
    fill: float = 0.7  # of memory, disk and cores that may be in use: the rest is for peaks and for the system
    replicas: int = 2  # of all rows, so that one machine may fail


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a library of so many photos takes. by: what decides how many machines."""

    photos: int
    machines: int
    by: str
    memory_gb: float
    disk_tb: float
    words_ms: float
    photo_ms: float
    network_mb: float
    encode_days: float
    build_hours: float
    price: float


def machines_for(photos: int, queries: float, parts: Parts, machine: Machine) -> tuple[int, str]:
    """The most of what memory, disk, cores and network each ask for."""
    per_query = query_core_ms(photos, parts) + parts.scoring_core_ms
    asked = {
        "memory": photos * parts.index_bytes * machine.replicas / (machine.gib * 2**30 * machine.fill),
        "disk": photos * parts.disk_bytes * machine.replicas / (machine.tb * 1e12 * machine.fill),
        "cores": queries * per_query / 1_000 / (machine.cores * machine.fill),
        "network": queries * query_bytes(parts) * 8 / (machine.gbit * 1e9 * machine.fill),
        "replicas": machine.replicas,
    }
    by = max(asked, key=lambda name: (math.ceil(asked[name]), name != "replicas"))
    return math.ceil(asked[by]), by


def query_core_ms(photos: int, parts: Parts) -> float:
    """Of a word: each million is a shard of its own, all of which are asked."""
    return photos / MILLION * parts.words_core_ms


def query_bytes(parts: Parts) -> float:
    """The rows of a term's candidates, with their parts, that come to whoever scores them."""
    return parts.candidates * (parts.words_bytes + parts.parts_bytes)


def needs(photos: int, queries: float, parts: Parts, machine: Machine) -> Needs:
    """All figures of one size; times of a query are those of a cluster that has nothing else to do."""
    number, by = machines_for(photos, queries, parts, machine)
    at_once = number / machine.replicas * machine.cores  # cores that a query may use: one copy of each row is asked
    shards = photos / MILLION
    cores = number * machine.cores * machine.fill
    return Needs(
        photos=photos,
        machines=number,
        by=by,
        memory_gb=photos * parts.index_bytes * machine.replicas / 1e9,
        disk_tb=photos * parts.disk_bytes * machine.replicas / 1e12,
        words_ms=parts.scoring_core_ms + parts.words_core_ms * max(1.0, shards / at_once),
        photo_ms=parts.photo_core_ms * max(1.0, shards / at_once),
        network_mb=query_bytes(parts) / 1e6,
        encode_days=photos * parts.encode_core_ms / 1_000 / cores / 86_400,
        build_hours=photos / MILLION * parts.build_core_s * machine.replicas / cores / 3_600,
        price=number * machine.price,
    )


def table(found: list[Needs], queries: float) -> Table:
    made = Table(title=f"{queries:g} queries of a word a second")
    for name in ("photos", "machines", "decided by", "memory GB", "disk TB", "word ms", "photo ms", "MB a query",
                 "encode days", "build hours", "price a month"):  # fmt: skip
        made.add_column(name, justify="right")
    for each in found:
        made.add_row(f"{each.photos:,}", f"{each.machines:,}", each.by, f"{each.memory_gb:,.0f}",
                     f"{each.disk_tb:,.2f}", f"{each.words_ms:,.0f}", f"{each.photo_ms:,.1f}",
                     f"{each.network_mb:.1f}", f"{each.encode_days:,.1f}", f"{each.build_hours:,.1f}",
                     f"{each.price:,.0f}")  # fmt: skip
    return made


def main() -> None:
    options = arguments()
    parts, console = Parts(), Console(width=140)
    if options.measure:
        from benchmarks.scale_measured import compared

        console.print(compared(options.data, parts, options.sizes, options.graphs))
        return
    cores, gib, tb, price = options.machine
    machine = replace(Machine(), cores=int(cores), gib=gib, tb=tb, price=price)
    for queries in options.queries:
        console.print(table([needs(photos, queries, parts, machine) for photos in SIZES], queries))


def arguments() -> argparse.Namespace:
    usual, made = Machine(), parser((__doc__ or "").splitlines()[0])
    made.add_argument("--queries", type=float, nargs="+", default=[1, 100], metavar="N", help="a second")
    made.add_argument("--machine", type=float, nargs=4, metavar=("CORES", "GIB", "TB", "PRICE"),
                      default=(usual.cores, usual.gib, usual.tb, usual.price))  # fmt: skip
    made.add_argument("--measure", action="store_true", help="what indices cost here; needs --data")
    made.add_argument("--sizes", type=int, nargs="+", default=[100_000, MILLION, 10 * MILLION], metavar="N")
    made.add_argument("--graphs", type=int, nargs="+", default=[10_000, 100_000], metavar="N")
    return made.parse_args()


if __name__ == "__main__":
    main()
