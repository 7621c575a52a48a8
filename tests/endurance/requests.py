"""A server under fire: ten thousand odd requests, then clients that search while photos come and go.

python -m tests.endurance.requests [--full | --minutes N] [--odd N]     # minutes of the second; --full: half an hour

Fails where an answer is wrong, and where memory still grows in the second half.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("..", "", "web", "library")]

from fakes import FakeEncoder  # noqa: E402
from odd_requests import fuzzed  # noqa: E402
from PIL import Image  # noqa: E402
from serving import SETTINGS, Client, serving  # noqa: E402
from test_library import write_words  # noqa: E402

from devise.library import Library  # noqa: E402
from tests.endurance.memory import MemoryWatch  # noqa: E402

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 40), "blue": (30, 50, 210)}
CLIENTS = 8
PATIENCE_SECONDS = 600.0  # a machine that does other things may stop all of this for minutes


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--full", action="store_const", dest="minutes", const=30.0, help="half an hour")
    asked.add_argument("--minutes", type=float, default=0.5)
    asked.add_argument("--odd", type=int, default=10_000, help="odd requests before")
    options = asked.parse_args()
    seconds = round(60 * options.minutes)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for word, colour in COLOURS.items():
            (folder / "album").mkdir(exist_ok=True)
            Image.new("RGB", (32, 24), colour).save(folder / "album" / f"{word}.png")
        with Library(folder / "library", settings=SETTINGS) as library:
            library.index([folder / "album"], model=FakeEncoder(vectors_fingerprint=write_words()))
            with serving(library, folder / "thumbnails") as quick:
                client = replace(quick, timeout_seconds=PATIENCE_SECONDS)
                begun = time.monotonic()
                broken = fuzzed(client, options.odd, random.Random(1))
                print(
                    f"{options.odd:,} odd requests in {time.monotonic() - begun:.0f} s: {len(broken)} broke something",
                    *broken[:5],
                )
                soak = Soak(client, folder / "album", seconds)
                with MemoryWatch(seconds) as memory:
                    soak.run()
                print(f"{soak.asked:,} requests of {CLIENTS} clients in {seconds} s while {soak.runs} runs indexed:")
                print(f"{len(soak.wrong)} wrong", *soak.wrong[:5])
                print(f"memory: {memory.samples[-1]}; the second half added {memory.growth_mb():.1f} MB")
    sys.exit(bool(broken or soak.wrong or memory.leaks))


class Soak:
    """The photos of three colours stay, others come and go: each answer has to have its own first."""

    def __init__(self, client: Client, album: Path, seconds: float) -> None:
        self.client, self.album, self.until = client, album, time.monotonic() + seconds
        self.asked, self.runs, self.wrong = 0, 0, list[str]()

    def run(self) -> None:
        with ThreadPoolExecutor(CLIENTS) as threads:
            clients = [threads.submit(self._search, number) for number in range(CLIENTS)]
            self._index()
        self.wrong += [f"a client broke off: {error!r}" for client in clients if (error := client.exception())]

    def _search(self, number: int) -> None:
        chosen = random.Random(number)
        while time.monotonic() < self.until:
            word = chosen.choice(list(COLOURS))
            reply = self.client.get("/api/search", q=word, k=3)
            self.asked += 1
            first = reply.json["matches"][:1] if reply.status == 200 else [{"path": reply.body.decode()}]
            if not first or not first[0]["path"].endswith(f"{word}.png"):
                self.wrong.append(f"{word}: {reply.status} {first}")
            elif chosen.random() < 0.2 and self.client.get(f"/thumbnails/{first[0]['id']}").status != 200:
                self.wrong.append(f"thumbnail of {word}")

    def _index(self) -> None:
        number = 0
        while time.monotonic() < self.until:
            for _ in range(5):
                number += 1
                shade = (number * 37 % 90 + 80,) * 2 + (number % 251,)
                Image.new("RGB", (16, 16), shade).save(self.album / f"other-{number % 200}.png")
            before = self.client.get("/api/index").json
            if before["stage"] == "failed":
                self.wrong.append(f"index: {before['error']}")
            reply = self.client.post("/api/index", {})
            if reply.status not in (202, 409):
                self.wrong.append(f"index: {reply.status} {reply.body.decode()}")
            self.runs += reply.status == 202
            time.sleep(0.3)


if __name__ == "__main__":
    main()
