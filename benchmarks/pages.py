"""The pages of tables, docs/benchmarks: each stands between marks, and what measures it puts it there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "docs" / "benchmarks"


def places() -> list[tuple[str, Path]]:
    """Each table's name and the page that has a place for it, of all marks."""
    pages = sorted(FOLDER.glob("*.md"))
    return [(name, page) for page in pages for name in re.findall(r"<!-- table: (.*?) -->", page.read_text("utf-8"))]


def write(name: str, text: str) -> None:
    """Replace the table of that name, on whichever page it stands."""
    page = dict(places()).get(name)
    if page is None:
        sys.exit(f"docs/benchmarks has no place for the table {name}: <!-- table: {name} --> ... <!-- end -->")
    marks = re.compile(rf"(<!-- table: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    page.write_text(marks.sub(lambda found: f"{found[1]}{text}\n{found[2]}", page.read_text("utf-8")), "utf-8")
