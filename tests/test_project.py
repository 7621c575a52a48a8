"""The project itself: who imports whom, what is public, what is documented, how fast it starts."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import devise
from recipes import cli_docs

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "devise"
FILES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 350

# docs/architecture.md: module -> what it may import of ours
MAY_IMPORT = {
    "errors": set(),
    "config": {"errors"},
    "disk": set(),
    "files": {"errors"},
    "vectors": {"errors", "config"},
    "graph": {"errors", "config", "vectors", "files"},
    "words": {"errors", "config", "vectors", "disk", "files", "graph"},
    "photos": {"errors", "config", "disk"},
    "model": {"errors", "config", "files", "vectors", "photos"},
    "training": {"errors", "config", "disk", "files", "vectors", "words", "photos", "model", "library"},
    "library": {"errors", "config", "disk", "files", "vectors", "words", "photos", "graph", "model"},
}
MAY_IMPORT["cli"] = {*MAY_IMPORT}
MAY_IMPORT["__main__"] = {"cli"}
LAZILY = {("library", "model")}  # only inside functions
HOMES = {
    "platformdirs": {"config"},
    "gensim": {"words"},
    "snowballstemmer": {"words"},
    "hnswlib": {"graph"},
    "PIL": {"photos"},
    "pillow_heif": {"photos"},
    "rawpy": {"photos"},
    "pathspec": {"photos"},
    "torch": {"model", "training"},
    "torchvision": {"model", "training"},
    "openvino": {"model"},
    "safetensors": {"model", "training", "words"},
    "sqlite3": {"library"},
    "filelock": {"library", "words"},
    "typer": {"cli"},
    "rich": {"cli"},
}
HEAVY = {"torch", "torchvision", "gensim", "scipy", "PIL", "numpy", "hnswlib", "rich", "safetensors"}
PUBLIC = {"Library", "Encoder", "WordVectors", "Match", "WordMatch", "DeviseError"}


def part(path: Path) -> str:
    """The module of ours that a file belongs to: "words" for devise/words/store.py."""
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports(path: Path) -> list[tuple[str, bool]]:
    """(dotted name, whether it is imported whenever the file is), without those for the type checker."""
    found = []

    def walk(node: ast.AST, at_import: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                found.extend((alias.name, at_import) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}: relative import"
                found.append((child.module or "", at_import))
                if child.module == "devise":
                    found.extend((f"devise.{alias.name}", at_import) for alias in child.names)
            walk(
                child,
                at_import and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda),
            )

    walk(ast.parse(path.read_text(encoding="utf-8")), True)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    own = part(path)
    if own == "__init__":
        return
    for name, at_import in imports(path):
        top, _, rest = name.partition(".")
        if top == "devise" and rest:
            other = rest.split(".")[0]
            assert other == own or other in MAY_IMPORT[own], f"{own} must not import {other}"
            assert not (at_import and (own, other) in LAZILY) or own == other, f"{own} may import {other} only lazily"
        elif top in HOMES:
            assert own in HOMES[top], f"{top} is not at home in {own}"


def test_every_module_stands_in_the_table() -> None:
    assert {part(path) for path in FILES} <= {*MAY_IMPORT, "__init__"}
    architecture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert [name for name in MAY_IMPORT if f"`devise.{name}`" not in architecture] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_stay_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_says_what_it_is(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not tree.body or ast.get_docstring(tree), f"{path} needs one sentence on top"


def test_public_names() -> None:
    assert set(devise.__all__) >= PUBLIC
    assert [name for name in devise.__all__ if not hasattr(devise, name)] == []


def test_command_line_docs_are_up_to_date() -> None:
    assert cli_docs.FILE.read_text(encoding="utf-8") == cli_docs.text(), "run: make docs"


def test_every_command_is_documented() -> None:
    documented = cli_docs.FILE.read_text(encoding="utf-8")
    for words in cli_docs.commands():
        assert f"## `{' '.join(['devise', *words])}`" in documented


@pytest.mark.parametrize("statement", ["import devise", "import devise.cli.main"])
def test_starting_imports_nothing_heavy(statement: str) -> None:
    code = f"{statement}; import sys; print(*sorted({HEAVY!r} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == ""


def test_help_imports_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "devise.cli.main", "search", "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "Find photos by words" in done.stdout
    assert imported & HEAVY == set()


def test_a_word_search_imports_no_network_and_no_pictures() -> None:
    """The query itself runs in test_cli.py; here it is enough that the modules it needs are light."""
    code = (
        "import devise.library, devise.words, sys;"
        "print(*sorted({'torch', 'gensim', 'PIL', 'devise.training', 'scipy'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == ""


def test_the_lock_file_names_no_server_and_no_machine() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert "--index" not in lock
    assert "--find-links" not in lock
    assert "torch==" in lock
    assert "--hash=sha256:" in lock


def test_no_path_of_a_machine_in_the_text_files() -> None:
    texts = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        ROOT / "Makefile",
        ROOT / "pyproject.toml",
        ROOT / ".ci/run",
    ]
    for path in texts:
        text = path.read_text(encoding="utf-8")
        assert "/root/" not in text, path
        assert "/tmp/" not in text, path
