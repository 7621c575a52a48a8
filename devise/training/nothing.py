"""Examples of nothing, made of the photos of a data set, so that a model may say "none of these"."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from devise import config
from devise.photos.nothings import write_nothings
from devise.training.datasets.example import Example

LEAST, MOST = 12, 2_000  # pictures: four of each kind; and more teach nothing new


def nothings(examples: Sequence[Example], share: float, seed: int, part: str = "") -> list[tuple[str, Example]]:
    """(kind, example) of pictures that are made once and kept in the cache, `share` of the number of examples.

    Raises WriteError.
    """
    photos = sorted(example.path for example in examples)
    if not share or not photos:
        return []
    count = min(MOST, max(LEAST, round(share * len(photos))))
    told = hashlib.sha256("\n".join([*photos, f"{seed} {part}"]).encode(errors="surrogateescape")).hexdigest()[:16]
    made = write_nothings(photos, config.user_cache() / "nothing" / told, count, seed)
    return [(kind, Example(path, (), part)) for kind, path in made]
