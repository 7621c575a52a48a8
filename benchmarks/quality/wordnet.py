"""WordNet's hierarchy of nouns, for hierarchical precision. Its files come with Debian's package wordnet-base."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PLACES = ("/usr/share/wordnet", "/usr/local/share/wordnet", "/opt/homebrew/share/wordnet/dict")


def data_file(folder: Path | None = None) -> Path:
    files = [Path(place) / "data.noun" for place in ([folder] if folder else PLACES)]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        sys.exit("no WordNet: install the package wordnet-base, or say with --wordnet where data.noun lies")
    return file


@cache
def hypernyms(folder: Path | None = None) -> dict[str, tuple[str, ...]]:
    """Synset such as "n02123045" (WordNet 3.0, as ImageNet names it) -> what it is a kind of. Exits without files."""
    found = {}
    for line in data_file(folder).read_text("utf-8", errors="replace").splitlines():
        if not line.startswith(" "):  # the licence
            fields = line.split("|")[0].split()
            at = 4 + 2 * int(fields[3], 16)  # after the words: how many pointers, four fields each
            pointers = [fields[i : i + 4] for i in range(at + 1, at + 1 + 4 * int(fields[at]), 4)]
            found[f"n{fields[0]}"] = tuple(f"n{p[1]}" for p in pointers if p[0] in ("@", "@i"))
    return found


def distances(synsets: list[str], folder: Path | None = None) -> NDArray[np.int64]:
    """(n,) synsets -> (n, n) edges on the shortest way between two through what both are a kind of."""
    up = hypernyms(folder)
    above = [_ancestors(synset, up) for synset in synsets]
    far = 99
    return np.array([[min((a[x] + b[x] for x in a.keys() & b.keys()), default=far) for b in above] for a in above])


def ancestors(synset: str, folder: Path | None = None) -> list[str]:
    """Everything that a synset is a kind of, and itself."""
    return list(_ancestors(synset, hypernyms(folder)))


def _ancestors(synset: str, up: dict[str, tuple[str, ...]]) -> dict[str, int]:
    """Everything above a synset and how many edges away; itself too."""
    found, front = {synset: 0}, [synset]
    while front:
        front = [parent for child in front for parent in up.get(child, ()) if parent not in found]
        step = max(found.values()) + 1
        found |= dict.fromkeys(front, step)
    return found


def hierarchical_precision(
    order: NDArray[np.int64], right: NDArray[np.int64], apart: NDArray[np.int64], k: int
) -> float:
    """DeViSE's appendix B: share of the k best that lie in the smallest ball around the right label with k labels.

    order: (n, labels) best first; right: (n,); apart: (labels, labels) distances.
    """
    nearest = np.sort(apart, axis=1)[:, k - 1]  # the radius at which k labels are within
    inside = apart <= nearest[:, None]  # (labels, labels): the ball of each label
    return float(np.take_along_axis(inside[right], order[:, :k], axis=1).mean())
