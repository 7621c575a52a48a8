"""Write docs/cli.md from `--help`, so that the two cannot differ.

python -m recipes.cli_docs
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from typer.main import get_command
from typer.testing import CliRunner

from devise.cli.main import app

FILE = Path(__file__).parent.parent / "docs" / "cli.md"
INTRODUCTION = """# The command line

Written by `make docs` from `devise --help`. What programs may rely on (exit status, JSON) is in the
[README](../README.md#for-programs).
"""


def commands() -> list[list[str]]:
    """Every command as its words: [[], ["index"], ..., ["vectors", "import"], ...]."""
    return list(_below(get_command(app), []))


def text() -> str:
    return "\n".join([INTRODUCTION, *(_section(words) for words in commands())])


def _below(command: object, words: list[str]) -> Iterator[list[str]]:
    yield words
    for name, inner in getattr(command, "commands", {}).items():
        yield from _below(inner, [*words, name])


def _section(words: list[str]) -> str:
    # The runner fixes the width at 80 columns and strips colours
    result = CliRunner(env={"NO_COLOR": "1"}).invoke(app, [*words, "--help"], prog_name="devise")
    assert result.exit_code == 0, result.output
    return f"## `{' '.join(['devise', *words])}`\n\n```text\n{result.stdout.strip()}\n```\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
