"""A library of photos: what is in it, how it gets there, how it is found again. The only home of sqlite3."""

from devise.library.library import Library
from devise.library.report import Encodes, IndexReport, LibraryInfo, Progress, Skipped
from devise.library.where import Where

__all__ = ["Encodes", "IndexReport", "Library", "LibraryInfo", "Progress", "Skipped", "Where"]
