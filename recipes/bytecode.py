"""Compile what a search and an indexing run import: where nobody may write, Python would compile it at every start.

python -m recipes.bytecode

devise and the packages that it needs without extras. torch, gensim and the tools of developers are left out: they are
six times as many files, and whoever trains waits for other things.
"""

from __future__ import annotations

import compileall
import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

UNSAID = "packaging"  # openvino imports it without requiring it
PACKAGE = Path(__file__).parents[1] / "devise"


def needed(name: str) -> dict[str, Distribution]:
    """The package and all that it needs without extras, as far as it is installed, by name."""
    found: dict[str, Distribution] = {}
    waiting = [name]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # for another system, or another Python
        requirements = found[name].requires or ()
        waiting += [re.split(r"[^\w.-]", text)[0] for text in requirements if "extra ==" not in text]
    return found


def compiled() -> int:
    """How many files are compiled now; what was compiled before is left alone."""
    packages = (needed("devise") | needed(UNSAID)).values()
    files = {str(file.locate()) for package in packages for file in package.files or () if file.suffix == ".py"}
    files |= {str(path) for path in PACKAGE.rglob("*.py")}
    return sum(compileall.compile_file(file, quiet=2) for file in sorted(files))


if __name__ == "__main__":
    print(f"{compiled():,} files have bytecode")
