"""How many rounds are asked for, and what came of them."""

from __future__ import annotations

import argparse
import itertools
import math
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Rounds:
    """few: rounds of each kind; None: as many as there are. only: what the deeds are called; end: when to stop."""

    few: int | None
    seed: int
    only: str
    end: float

    def some(self, all_: Sequence[T], chance: random.Random) -> Iterator[T]:
        """All of them, or a few from anywhere among them, while there is time."""
        drawn = chance.sample(list(all_), len(all_) if self.few is None else min(self.few, len(all_)))
        return itertools.takewhile(lambda _: time.monotonic() < self.end, drawn)

    def number(self, full: int) -> Iterator[int]:
        many = range(full if self.few is None else min(self.few, full))
        return itertools.takewhile(lambda _: time.monotonic() < self.end, many)


def asked(about: str, few: int) -> Rounds:
    parser = argparse.ArgumentParser(description=about.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=few, metavar="N", help=f"rounds of each kind; default {few}")
    parser.add_argument("--full", action="store_true", help="every write there is, and many random moments")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30), help="of what is random")
    parser.add_argument("--only", default="", metavar="DEED", help="those with this in their name")
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin no more rounds after so long")
    chosen = parser.parse_args()
    few = None if chosen.full else chosen.rounds
    return Rounds(few, chosen.seed, chosen.only, time.monotonic() + chosen.seconds)


class Tally:
    """What was done, how many times, what was lost: one line a round only when something is wrong."""

    def __init__(self) -> None:
        self._rounds: dict[tuple[str, str], int] = defaultdict(int)
        self._wrong: dict[tuple[str, str], int] = defaultdict(int)
        self.notes: list[str] = []

    def add(self, deed: str, what: str, which: str, problems: Sequence[str]) -> None:
        self._rounds[deed, what] += 1
        if problems:
            self._wrong[deed, what] += 1
            print(f"{deed}, {what}, {which}: {'; '.join(problems)}", flush=True)

    def note(self, text: str) -> None:
        """What was left out, and why."""
        print(text, flush=True)

    def told(self) -> int:
        """Print the table; the exit status."""
        print("| deed | what was done to it | times | wrong |\n| --- | --- | --- | --- |")
        for (deed, what), times in self._rounds.items():
            print(f"| {deed} | {what} | {times} | {self._wrong[deed, what]} |")
        lost = sum(self._wrong.values())
        print(f"{sum(self._rounds.values()):,} rounds, {lost:,} with a loss" if lost else
              f"{sum(self._rounds.values()):,} rounds, nothing lost")  # fmt: skip
        return int(bool(lost))
