"""The project itself: who imports whom, what is public, what is documented, how fast it starts."""

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import devise
from recipes import cli_docs

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "devise"
FILES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 350

# docs/architecture.md: room -> the rooms that it may import from. A file at the top is a room of its own.
BASE = {"errors", "config", "filestat", "files", "vectors"}
DATA = {*BASE, "spaces", "results", "reports", "progress", "display"}
STORE = {*DATA, "store", "store.sqlite", "photos", "version"}
MAY_IMPORT = {
    "errors": set(),
    "config": {"errors"},
    "filestat": set(),
    "version": set(),
    "display": set(),
    "files": {"errors"},
    "vectors": {"errors", "config"},
    "spaces": {"vectors"},
    "notebook": {"errors", "display", "photos"},
    "results": {"errors", "notebook"},
    "reports": {"errors", "spaces"},
    "progress": set(),
    "charts": {"display", "errors", "files"},
    "index": BASE,
    "photos": BASE,
    "words": {*DATA, "index"},
    "descriptors": {*DATA, "photos"},
    "descriptors.network": {*DATA, "photos", "descriptors"},
    "store": {*STORE, "store.server"},
    "store.server": {*STORE, "index"},
    "store.sqlite": {*STORE, "index"},
    "analysis": {*DATA, "index", "descriptors"},
    "search": {*STORE, "index", "words", "descriptors", "descriptors.network"},
    "library": {*STORE, "analysis", "index", "words", "descriptors", "descriptors.network", "search", "library.ingest"},
    "library.ingest": {*STORE, "descriptors", "library"},
    "library.upkeep": {*STORE, "store.server", "search", "library"},
    "library.exchange": {*STORE, "descriptors", "words", "search", "library"},
    "training.objectives": {*DATA, "analysis", "descriptors.network", "training"},
}
MAY_IMPORT["training.datasets"] = {*BASE, "photos"}
MAY_IMPORT["training"] = {*MAY_IMPORT} - {"library.ingest", "library.upkeep", "library.exchange"}
MAY_IMPORT["evaluation"] = {
    *DATA,
    "analysis",
    "charts",
    "descriptors.network",
    "library",
    "photos",
    "training",
    "training.datasets",
    "words",
}
MAY_IMPORT["sharing"] = {*DATA, "descriptors.network", "evaluation", "training", "words"}
MAY_IMPORT["web"] = {*STORE, "library", "search", "words"}
MAY_IMPORT["cli.output"] = {*STORE}
MAY_IMPORT["cli"] = {*MAY_IMPORT}
MAY_IMPORT["__main__"] = {"cli"}
LAZILY = {  # only inside functions
    ("results", "notebook"),
    ("notebook", "photos"),
    ("library", "descriptors.network"),
    ("search", "descriptors.network"),
}
HOMES = {
    "platformdirs": {"config"},
    "gensim": {"words"},
    "snowballstemmer": {"words"},
    "hnswlib": {"index"},
    "PIL": {"photos"},
    "pillow_heif": {"photos"},
    "rawpy": {"photos"},
    "cv2": {"descriptors"},
    "pathspec": {"photos"},
    "torch": {"descriptors.network", "training", "training.objectives"},
    "torchvision": {"descriptors.network", "training"},
    "openvino": {"descriptors.network"},
    "safetensors": {"descriptors.network", "training", "words"},
    "sqlite3": {"store.sqlite"},
    "psycopg": {"store.server"},
    "pymilvus": {"store.server"},
    "filelock": {"store", "store.sqlite", "words"},
    "yaml": {"training.datasets"},
    "starlette": {"web"},
    "uvicorn": {"web"},
    "watchfiles": {"library.ingest"},
    "pyarrow": {"library.exchange"},
    "sklearn": {"analysis"},
    "openTSNE": {"analysis"},
    "typer": {"cli", "cli.output"},
    "rich": {"cli", "cli.output"},
}
HEAVY = {
    "torch",
    "torchvision",
    "gensim",
    "scipy",
    "PIL",
    "numpy",
    "hnswlib",
    "rich",
    "safetensors",
    "psycopg",
    "pymilvus",
}
PUBLIC = {"Library", "Encoder", "WordVectors", "Match", "WordMatch", "DeviseError"}


def room(dotted: str) -> str:
    """The room of one of our modules: "store.sqlite" for devise.store.sqlite.codec, "errors" for devise.errors."""
    parts = dotted.split(".")[1:]
    return ".".join(parts if PACKAGE.joinpath(*parts).is_dir() else parts[:-1] or parts)


def module(path: Path) -> str:
    """Its dotted name."""
    return ".".join(["devise", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")


def is_module(dotted: str) -> bool:
    path = PACKAGE.joinpath(*dotted.split(".")[1:])
    return path.is_dir() or path.with_suffix(".py").is_file()


def imports(path: Path, types: bool = False) -> list[tuple[str, bool]]:
    """(dotted name, whether it is imported whenever the file is); types: with those for the type checker."""
    found = []

    def walk(node: ast.AST, at_import: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test) and not types:
                continue
            if isinstance(child, ast.Import):
                found.extend((alias.name, at_import) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}: relative import"
                inside = [f"{child.module}.{alias.name}" for alias in child.names]
                ours = child.module.split(".")[0] == "devise" if child.module else False
                found.extend((name if ours and is_module(name) else child.module or "", at_import) for name in inside)
            walk(
                child,
                at_import and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda),
            )

    walk(ast.parse(path.read_text(encoding="utf-8")), True)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    own = room(module(path))
    if own == "":
        return
    for name, at_import in imports(path):
        top, _, rest = name.partition(".")
        if top == "devise" and rest:
            other = room(name)
            assert other == own or other in MAY_IMPORT[own], f"{own} must not import {other}"
            assert not (at_import and (own, other) in LAZILY) or own == other, f"{own} may import {other} only lazily"
        elif top == "devise":
            raise AssertionError(f"{own} must not import the root: it has a name for everybody's use")
        elif top in HOMES:
            assert own in HOMES[top], f"{top} is not at home in {own}"


def test_no_circle_among_files() -> None:
    """Not even through what is imported inside functions or for types alone."""
    known = {module(path): path for path in FILES}
    graph = {
        name: {other for other, _ in imports(path, types=True) if other in known and known[other].name != "__init__.py"}
        for name, path in known.items()
    }
    graph |= {module(path): set() for path in FILES if path.name == "__init__.py"}  # they load names when asked
    with_order = TopologicalSorter(graph)
    try:
        with_order.prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


def test_every_room_stands_in_the_table() -> None:
    assert {room(module(path)) for path in FILES} - {""} <= {*MAY_IMPORT}


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_architecture_says_what_a_room_may_import(name: str) -> None:
    architecture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    row = next((line for line in architecture.splitlines() if line.startswith(f"| `devise.{name}` |")), "")
    assert [cell.strip() for cell in row.split("|")[4:5]] == [in_words(name)], f"the row of {name}"


def in_words(name: str) -> str:
    """As docs/architecture.md has it: "all but ..." of nearly all, else sets by their names, and the rest."""
    rooms, others = MAY_IMPORT[name], {*MAY_IMPORT} - MAY_IMPORT[name] - {name, "__main__"}
    if len(others) < len(rooms) / 3:
        return " but ".join(["all", *([", ".join(sorted(others))] if others else [])])
    sets = {"truth": STORE, "data": DATA, "base": BASE}
    whole = next((word for word, members in sets.items() if members <= rooms), "")
    return ", ".join([*filter(None, [whole]), *sorted(rooms - sets.get(whole, set()))])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_stay_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_says_what_it_is(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not tree.body or ast.get_docstring(tree), f"{path} needs one sentence on top"


SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|PRAGMA|VACUUM)\b[^\"']* |\.execute\w*\(|\.db\.")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_sql_is_spoken_in_its_room_alone(path: Path) -> None:
    """The rest of the program asks the protocols of devise.store.base."""
    if room(module(path)) not in ("store.sqlite", "store.server"):
        assert [line for line in path.read_text(encoding="utf-8").splitlines() if SQL.search(line)] == []


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
        *ROOT.glob("docs/**/*.md"),
        ROOT / "Makefile",
        ROOT / "pyproject.toml",
        ROOT / ".ci/run",
    ]
    for path in texts:
        text = path.read_text(encoding="utf-8")
        assert "/root/" not in text, path
        assert "/tmp/" not in text, path


def test_no_test_patches_a_constant_of_ours() -> None:
    """What a test has to change is a setting or an argument. Folders of recipes and of gensim are not the package's."""
    patched = re.compile(r"""setattr\((?!bytecode|pages|api)(?:"devise[\w.]*\.[A-Z_]{3,}"|\w+, "[A-Z_]{3,}")""")
    found = [path for path in (ROOT / "tests").rglob("test_*.py") if patched.search(path.read_text(encoding="utf-8"))]
    assert [str(path.relative_to(ROOT)) for path in found] == []
