"""The forms that a result can be printed in."""

from __future__ import annotations

from enum import Enum


class Form(Enum):
    """How a result is printed. AUTO is a table on a terminal and tab-separated lines elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CSV = "csv"
    PATHS = "paths"
    NULL = "null"
