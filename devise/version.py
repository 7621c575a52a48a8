"""Which devise this is: in a room of its own, so that nobody imports the package's root for it."""

from __future__ import annotations

from importlib.metadata import version as of_package


def version() -> str:
    """As in pyproject.toml, "0.1.0"; imports the metadata of packages, which a search never needs."""
    return of_package("devise")
