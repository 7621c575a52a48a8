"""Readers that are installed apart: HEIC by pillow-heif, whose only home this is, and camera raw files by rawpy."""

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


@cache
def raw() -> bool:
    """The same of camera raw files."""
    try:
        from devise.photos.raw import register

        register()
    except ImportError:
        return False
    return True
