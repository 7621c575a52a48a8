"""The commands by name, each loaded when it is asked for: a search need not import what training takes."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from devise.cli.query_command import QueryCommand

# name -> (module, first sentence of its help, which --help thus shows without loading any)
COMMANDS = {
    "index": ("index", "Bring photos into the library."),
    "search": ("search", "Find photos by words and photos."),
    "similar": ("search", "Find photos like a photo."),
    "duplicates": ("duplicates", "Find photos that are the same picture."),
    "explain": ("explain", "Show what each term of a query gives a photo, and where."),
    "mark": ("mark", "Say which photos are good or bad answers to a query."),
    "tag": ("tag", "Name what photos show."),
    "words": ("words", "Show words near a word, and give words of your own a meaning."),
    "watch": ("watch", "Keep the library up to date while folders change."),
    "map": ("map", "Sort photos into groups with names."),
    "serve": ("serve", "Show the library in a browser, and to programs."),
    "train": ("train", "Train a model on your own photos."),
    "evaluate": ("evaluate", "Tell how good a model is on labelled photos."),
    "model": ("model", "List models, and share them."),
    "cache": ("cache", "Show or clear the cache."),
    "check": ("check", "Look whether the library is whole."),
    "info": ("info", "Show what is in use."),
    "export": ("export", "Write vectors of photos for other tools."),
    "library": ("library", "Copy, merge and move libraries."),
    "vectors": ("vectors", "Import vectors of words and of photos; list and choose those of words."),
}


ASKING = ("search", "explain")  # in which "-cat" is a word that is pushed away


class Commands(MutableMapping[str, Any]):
    """Think of it as a dict of commands that are made at first use."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _loaded(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        raise TypeError("no command goes away")


def _loaded(name: str) -> Any:
    found = getattr(import_module(f"devise.cli.{COMMANDS[name][0]}"), name)
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name, cls=QueryCommand if name in ASKING else None)(found)
        found = alone
    made = get_command(found)
    made.name = name
    return made


class Commanding(TyperGroup):
    """A group of those commands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = Commands()

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])
