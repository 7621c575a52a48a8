"""Write docs/api.md from docstrings, so that the two cannot differ.

python -m recipes.api_docs
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import devise

FILE = Path(__file__).parent.parent / "docs" / "api.md"
COLUMNS = 100  # a signature that is longer is written with a parameter a line
INTRODUCTION = """# The Python API

Written by `make docs` from the docstrings of what `devise.__all__` names. These names stay as they are; all else may
change. How queries are written stands in [queries](queries.md), what files look like in [formats](formats.md).
"""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def names() -> list[str]:
    """Every public name, but for the version, which is a text."""
    return [name for name in devise.__all__ if name != "__version__"]


def text() -> str:
    listed = [f"- [`{name}`](#{name.lower()}): {_first_sentence(name)}" for name in names()]
    listed.append("- `__version__`: which devise this is, as text\n")
    lines = (textwrap.fill(line, 120, subsequent_indent="  ", break_long_words=False) for line in listed)
    return "\n".join([INTRODUCTION, *lines, "", *(_section(name) for name in names())])


def documented() -> Iterator[tuple[str, str]]:
    """Each class and method, dotted, and its docstring."""
    for name in names():
        yield name, ast.get_docstring(_node(getattr(devise, name))) or ""
        for method in _methods(getattr(devise, name)):
            yield f"{name}.{method.name}", ast.get_docstring(method) or ""


def _section(name: str) -> str:
    kind = getattr(devise, name)
    parts = [f"## {name}", _code(_head(kind)), _prose(ast.get_docstring(_node(kind)))]
    for method in _methods(kind):
        parts += [f"### {name}.{method.name}", _code(_signature(method)), _prose(ast.get_docstring(method))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _lines(kind: Any) -> list[str]:
    return textwrap.dedent(inspect.getsource(kind)).splitlines()


def _node(kind: Any) -> ast.ClassDef | ast.FunctionDef:
    node = ast.parse("\n".join(_lines(kind))).body[0]
    assert isinstance(node, ast.ClassDef | ast.FunctionDef)
    return node


def _head(kind: Any) -> str:
    """A function as it is called; a class as it is made: a dataclass with its fields, others as their constructor."""
    node = _node(kind)
    if isinstance(node, ast.FunctionDef):
        return _signature(node)
    lines = [f"@{ast.unparse(mark)}" for mark in node.decorator_list]
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    lines.append(f"class {node.name}({bases}):" if bases else f"class {node.name}:")
    for child in node.body:
        if isinstance(child, ast.AnnAssign) and _is_public(ast.unparse(child.target)):
            lines += _lines(kind)[child.lineno - 1 : child.end_lineno]
        elif isinstance(child, Function) and child.name == "__init__":
            lines += textwrap.indent(_signature(child), "    ").splitlines()
    return "\n".join(lines).removesuffix(":")


def _methods(kind: Any) -> Iterator[Function]:
    """Those of the class and of our own classes that it stands on, each once, as they stand in the source."""
    seen, owners = {"__init__"}, kind.__mro__ if isinstance(kind, type) else ()
    for owner in (each for each in owners if each.__module__.startswith("devise")):
        for node in _node(owner).body:
            if isinstance(node, Function) and _is_public(node.name) and node.name not in seen:
                seen.add(node.name)
                yield node


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name in ("__len__", "__contains__")


def _signature(node: Function) -> str:
    """As it stands in the source; a property without its def."""
    marks = [ast.unparse(mark).rpartition(".")[2] for mark in node.decorator_list]
    returns = ast.unparse(node.returns) if node.returns else "None"
    if {"property", "cached_property"} & {*marks}:
        return f"{node.name}: {returns}"
    lines, parameters = [f"@{mark}" for mark in marks], _parameters(node.args)
    whole = f"def {node.name}({', '.join(parameters)}) -> {returns}"
    if len(whole) <= COLUMNS:
        return "\n".join([*lines, whole])
    return "\n".join([*lines, f"def {node.name}(", *(f"    {each}," for each in parameters), f") -> {returns}"])


def _parameters(arguments: ast.arguments) -> list[str]:
    """Each parameter with its type and its default."""
    places = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(places) - len(arguments.defaults)) + [*arguments.defaults]
    found = [_parameter(place, default) for place, default in zip(places, defaults, strict=True)]
    if arguments.vararg:
        found.append(f"*{_parameter(arguments.vararg, None)}")
    elif arguments.kwonlyargs:
        found.append("*")
    found += [_parameter(*pair) for pair in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    return found + ([f"**{_parameter(arguments.kwarg, None)}"] if arguments.kwarg else [])


def _parameter(place: ast.arg, default: ast.expr | None) -> str:
    return _plain(place) + (f" = {_plain(default)}" if default else "")


def _plain(node: ast.AST) -> str:
    """Source with the quotes that we type."""
    return ast.unparse(node).replace("'", '"')


def _prose(doc: str | None) -> str:
    """Paragraphs as they are; what is typed at Python's prompt, and what stands further in, as code."""
    blocks = re.split(r"\n\s*\n", doc or "")
    return "\n\n".join(_code(block) if block.startswith(">>>") else block for block in blocks if block)


def _code(block: str) -> str:
    return f"```python\n{block}\n```"


def _first_sentence(name: str) -> str:
    first = (ast.get_docstring(_node(getattr(devise, name))) or "").partition("\n\n")[0].replace("\n", " ")
    return first.partition(". ")[0].removesuffix(".")


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
