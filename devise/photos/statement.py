"""One thing that a file says about a photo, and which field says it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Statement:
    """field: as in "EXIF DateTimeOriginal"; file: name of the sidecar that says so, empty for the photo itself.

    Either a text or a date, as it is written there.
    """

    field: str
    text: str = ""
    date: str = ""
    file: str = ""
