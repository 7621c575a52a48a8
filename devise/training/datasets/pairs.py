"""Pairs of photos that are similar or not, and triplets, from a CSV: what a metric is learnt of without labels."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path

from devise.errors import TrainingError, counted, listed
from devise.training.datasets.example import Dataset, Example, Pair
from devise.training.datasets.paths import Paths
from devise.training.datasets.spreadsheet import read_sheet

PAIR, TRIPLET = ("a", "b", "similar"), ("anchor", "positive", "negative")
YES, NO = {"1", "yes", "true", "similar", "same"}, {"0", "no", "false", "dissimilar", "different"}
ONE_SIDED = "all pairs are {}: nothing tells photos {}; add pairs with {} in the column similar"


def is_pairs(file: Path) -> bool:
    """Whether the first line of a CSV names the columns of pairs or of triplets."""
    if file.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return False
    header = {cell.strip().lower() for row in read_sheet(file).rows[:1] for cell in row}
    return header.issuperset(PAIR) or header.issuperset(TRIPLET)


def from_pairs(file: Path) -> Dataset:
    """Paths are relative to the file. Raises TrainingError naming all lines that make no sense, of one kind at once."""
    sheet = read_sheet(file)
    header = [cell.strip().lower() for cell in sheet.rows[0]]
    names = PAIR if set(header).issuperset(PAIR) else TRIPLET
    at, notes = [header.index(name) for name in names], list(sheet.notes)
    rows = [tuple(row[i].strip() if i < len(row) else "" for i in at) for row in sheet.rows[1:]]
    if bad := [number for number, row in enumerate(rows, 2) if not all(row)]:
        lines = listed(map(str, bad))
        raise TrainingError(f"{file}: lines with nothing in a column of {', '.join(names)}: {lines}; fill them in")
    paths = Paths(file, notes)
    pairs = _of_triplets(rows, paths) if names == TRIPLET else _of_pairs(file, rows, paths)
    paths.check(list(dict.fromkeys(path for pair in pairs for path in pair[:2])))
    return _dataset(file, pairs, notes)


def _of_pairs(file: Path, rows: Sequence[tuple[str, ...]], paths: Paths) -> list[Pair]:
    if odd := sorted({said for _, _, said in rows if said.lower() not in YES | NO}):
        raise TrainingError(f"{file}: {listed(odd)} in the column similar; write 1 or 0")
    return [Pair(paths.find(a), paths.find(b), said.lower() in YES) for a, b, said in rows]


def _of_triplets(rows: Sequence[tuple[str, ...]], paths: Paths) -> list[Pair]:
    found = []
    for row in rows:
        anchor, positive, negative = map(paths.find, row)
        found += [Pair(anchor, positive, True), Pair(anchor, negative, False)]
    return found


def _dataset(file: Path, pairs: Sequence[Pair], notes: list[str]) -> Dataset:
    """Each pair once. Raises TrainingError for pairs that are said to be both."""
    said: dict[frozenset[str], set[bool]] = {}
    for a, b, is_similar in pairs:
        if a != b:
            said.setdefault(frozenset((a, b)), set()).add(is_similar)
    if both := [sorted(map(os.path.basename, pair)) for pair, answers in said.items() if len(answers) > 1]:
        shown = listed(" and ".join(pair) for pair in both)
        raise TrainingError(f"{file}: pairs that are said to be similar and not: {shown}; keep one line of each")
    once = {frozenset(pair[:2]): pair for pair in reversed(pairs) if pair.a != pair.b}
    if left := sum(pair.a == pair.b for pair in pairs):
        notes.append(f"{counted(left, 'pair')} of a photo with itself: left out")
    if not once:
        raise TrainingError(f"{file} names no pairs; it needs lines of {', '.join(PAIR)}, or {', '.join(TRIPLET)}")
    kept = tuple(sorted(once.values()))
    photos = dict.fromkeys(path for pair in kept for path in pair[:2])
    similar = sum(pair.is_similar for pair in kept)
    notes.append(f"{counted(len(kept), 'pair')} of {counted(len(photos), 'photo')}, {similar:,} of them similar")
    return Dataset([Example(path, ()) for path in photos], tuple(notes), (), kept)


def check_sides(pairs: Sequence[Pair], loss: str) -> None:
    """Raises TrainingError where all are similar, or none is; ntxent takes the others of a batch for dissimilar."""
    similar = sum(pair.is_similar for pair in pairs)
    if not similar:
        raise TrainingError(ONE_SIDED.format("dissimilar", "together", "1"))
    if similar == len(pairs) and loss != "ntxent":
        text = ONE_SIDED.format("similar", "apart", "0")
        raise TrainingError(f"{text}, or choose --loss ntxent, which tells a photo from all others of a batch")


def split_pairs(pairs: Sequence[Pair], share: float, seed: int) -> tuple[list[str], list[str], list[Pair]]:
    """Photos to learn from and to judge by, and the pairs within either; those of one of each are left out.

    The photos of `share` of the pairs are drawn to judge by.
    """
    drawn = random.Random(seed).sample(list(pairs), round(share * len(pairs))) if share else []
    judging = {path for pair in drawn for path in pair[:2]}
    kept = [pair for pair in pairs if (pair.a in judging) == (pair.b in judging)]
    learnt = dict.fromkeys(path for pair in kept for path in pair[:2] if path not in judging)
    if not learnt:
        raise TrainingError("every photo stands in a pair with one to judge by, so that none is left to learn from; "
                            "give more pairs, a smaller --val, or --val 0")  # fmt: skip
    return list(learnt), sorted(judging), kept
