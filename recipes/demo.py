"""Show devise on a small album, or on a folder of the user's own.

python -m recipes.demo [FOLDER]
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from recipes.demo_album import make

OUT = Path("demo")
DEVISE = Path(sys.executable).with_name("devise")
QUERIES = ("cat", "motorcycle", "cup of coffee", "person", "buildings")
OWN_QUERIES = ("people", "dog", "beach", "food")


def devise(*arguments: str, quiet: bool = False) -> str:
    """Run one command as a user would. quiet: for its output, which is given back; else it is shown."""
    command = [DEVISE, *arguments, "--library", OUT / "library"]
    if not quiet:
        print(f"\n$ devise {shlex.join(arguments)}", flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE if quiet else None, text=True)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout or ""


def main() -> None:
    own = sys.argv[1:]
    album = own[0] if own else str(make(OUT / "album"))
    queries = OWN_QUERIES if own else QUERIES
    sheet, why = OUT / "contact-sheet.html", OUT / "why.png"
    devise("index", album)
    for query in queries:
        devise("search", query, "-k", "3")
    best = {query: nearest(query) for query in queries}
    devise("tag", *dict.fromkeys(best.values()))
    devise("similar", best[queries[1]], "-k", "3")
    devise("explain", best[queries[0]], queries[0], "--png", str(why))
    devise("search", queries[0], "--min-score", "0", "--html", str(sheet))
    print(f"\nThe photos: {album}\nThe contact sheet, for your browser: {sheet.resolve().as_uri()}")
    print(f"Where {queries[0]} is in the first of them: {why.resolve().as_uri()}")


def nearest(query: str) -> str:
    """The photo that comes nearest to a query, even if it is not what was asked for."""
    return devise("search", query, "-k", "1", "--min-score", "0", "-0", quiet=True).removesuffix("\0")


if __name__ == "__main__":
    main()
