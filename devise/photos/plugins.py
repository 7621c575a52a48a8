"""Readers that are installed apart: HEIC by pillow-heif. The only home of it."""

from __future__ import annotations

from functools import cache


@cache
def heif() -> bool:
    """Whether Pillow can read HEIC; from the first call on it does."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:  # also when it was compiled for another Python or processor
        return False
    register_heif_opener(thumbnails=False)
    return True
