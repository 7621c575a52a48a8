"""From which cosine of features on two photos are similar: another one for each model.

One model gives crops of a photo a cosine of 0.95 and another 0.85, and different photos likewise. What was measured
(`python -m benchmarks.similar --write`) stands in a table beside this file, by the fingerprint of the features.
"""

from __future__ import annotations

import json
from pathlib import Path

from devise.files import replacing

TABLE = Path(__file__).with_suffix(".json")
USUAL = 0.95  # of models that nobody measured: few different photos have as much


def similar_cosine(fingerprint: str) -> float | None:
    """What was measured for the features of that fingerprint; None: nothing was."""
    found = _table().get(fingerprint)
    return None if found is None else float(found["cosine"])


def remember(fingerprint: str, model: str, cosine: float) -> None:
    """model: its name, for who reads the table."""
    table = {**_table(), fingerprint: {"model": model, "cosine": round(cosine, 4)}}
    with replacing(TABLE) as temporary:
        temporary.write_text(json.dumps(table, indent=1) + "\n", "utf-8")


def _table() -> dict[str, dict[str, float | str]]:
    table: dict[str, dict[str, float | str]] = json.loads(TABLE.read_text("utf-8"))
    return table
