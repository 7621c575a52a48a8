"""How long `devise serve` takes to answer: one client alone, eight that never rest, eight that read what they got.

    python -m benchmarks.serving --data DIR [--photos 100000]

A server of its own process, a library of benchmarks/grown.py, keep-alive connections on this machine; JSON without
thumbnails, k = 9 as the command line and 60 as the page. Read what they got: each client asks every half second.
CPU ms: what the server computes for one answer, which other programs on the machine hardly change.
"""

from __future__ import annotations

import http.client
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import data, grown

WORDS = (
    *("cat", "dog", "car", "boat", "person", "horse", "sofa", "bird", "train", "bottle", "beach", "snow", "red car"),
    *("dog grass", "night city", "birthday cake", "man guitar", "children beach", "sofa cat", "horse -person"),
)
CLIENTS = 8
REST_SECONDS = 0.5


def main() -> None:
    parser = data.parser((__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=300, help="of each line")
    options = parser.parse_args()
    place = grown.library(options.photos, options.data)
    command = [sys.executable, "-m", "devise", "serve", "--no-open", "--library", str(place)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            port = int(server.stderr.readline().rstrip("/\n").rpartition(":")[2])
            table = Table(
                "asked", "p50 ms", "p95 ms", "p99 ms", "a second", "CPU ms", title=f"{options.photos:,} photos"
            )
            asked(port, 9, 1, 600, 0)  # until indices and vectors are in memory
            for k in (9, 60):
                for clients, rest in ((1, 0.0), (CLIENTS, REST_SECONDS), (CLIENTS, 0.0)):
                    begun, cpu = time.perf_counter(), cpu_seconds(server.pid)
                    times = 1_000 * np.array(asked(port, k, clients, options.requests, rest))
                    rate = len(times) / (time.perf_counter() - begun)
                    each = 1_000 * (cpu_seconds(server.pid) - cpu) / len(times)
                    name = f"k = {k}, {clients} client{'s' * (clients > 1)}{', resting' * bool(rest)}"
                    table.add_row(
                        name, *(f"{np.percentile(times, p):.1f}" for p in (50, 95, 99)), f"{rate:.0f}", f"{each:.1f}"
                    )
            Console(width=110).print(table)
            print(f"memory of the server: {memory_mb(server.pid):.0f} MB")
        finally:
            server.terminate()


def asked(port: int, k: int, clients: int, count: int, rest: float) -> list[float]:
    """Seconds of each of `count` requests, shared by the clients. rest: seconds between two of one client."""
    times: list[float] = []

    def client(number: int) -> None:
        chosen = random.Random(number)
        connection = http.client.HTTPConnection("127.0.0.1", port)
        if rest:
            time.sleep(chosen.random() * rest)
        for _ in range(count // clients):
            path = f"/api/search?q={quote(chosen.choice(WORDS))}&k={k}"
            begun = time.perf_counter()
            connection.request("GET", path)
            reply = connection.getresponse()
            body = reply.read()
            times.append(time.perf_counter() - begun)
            assert reply.status == 200, body
            if rest:
                time.sleep(rest * (0.5 + chosen.random()))

    threads = [threading.Thread(target=client, args=[number]) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def cpu_seconds(pid: int) -> float:
    """What the process has computed, whatever else the machine has to do."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return int(fields["Pss"].split()[0]) / 1_000


if __name__ == "__main__":
    main()
