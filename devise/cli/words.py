"""`devise words`: words near a word, and words of one's own."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from devise.cli.options import Csv, Json, Top, form
from devise.cli.output import show

NEAR = "near"  # what a call without a command means, as in "devise words said"
NEAREST = 10  # words shown: a screenful that still fits above the prompt


class _NearByDefault(TyperGroup):
    """Words are given to `near`, unless a command is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [NEAR, *args]
        return super().parse_args(ctx, args)


words = typer.Typer(
    cls=_NearByDefault,
    help="Show words near a word, and give words of your own a meaning.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@words.command(NEAR)
def near(
    words: Annotated[list[str], typer.Argument(help="A word, a phrase, or several words that are averaged.")],
    k: Top = NEAREST,
    vectors: Annotated[
        str | None, typer.Option(metavar="NAME", show_default=False, help="Word vectors by name or path.")
    ] = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show words near a word. Each has its cosine and its distance, sqrt(2 - 2 cosine). "near" may be left out.

    devise words said -k 3
    """
    from devise.words import WordVectors

    chosen = form(json, csv)
    text = " ".join(words)
    matches = WordVectors.open(vectors).nearest(text, k)
    rows = [(match.word, match.score, math.sqrt(max(0.0, 2 - 2 * match.score))) for match in matches]
    found = show.Output(
        columns=("word", "cosine", "distance"),
        rows=rows,
        document=matches.to_json(),
        table=[(word, f"{cosine:.6f}", f"{distance:.6f}") for word, cosine, distance in rows],
        nothing=f'no words near "{text}"',
    )
    show.output(found, chosen)


@words.command("alias")
def alias(
    word: Annotated[str | None, typer.Argument(help="A word of your own, in any language.", show_default=False)] = None,
    meaning: Annotated[
        list[str] | None, typer.Argument(help="What it stands for, in English.", show_default=False)
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Forget the word.")] = False,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Give a word of your own a meaning, for all queries. Without words, those there are.

    devise words alias hund dog

    devise words alias rex brown dog

    devise words alias hund --remove
    """
    from devise.words import WordVectors
    from devise.words.aliases import aliases, put_alias, remove_alias

    chosen = form(json, csv)
    if remove and (word is None or meaning):
        raise typer.BadParameter("name the one word to forget, as in: devise words alias hund --remove")
    if word is not None and remove:
        show.note(f'"{word}" no longer stands for "{remove_alias(word)}"')
    elif word is not None and meaning:
        text = " ".join(meaning)
        WordVectors.open().vector(text)  # raises WordError for words that nobody knows
        put_alias(word, text)
        show.note(f'"{word}" now stands for "{text}"')
    else:
        known = {name: text for name, text in aliases().items() if word in (None, name)}
        found = show.Output(
            columns=("word", "meaning"),
            rows=list(known.items()),
            document=[{"word": name, "meaning": text} for name, text in known.items()],
            nothing="there are no words of your own yet; give one a meaning with: devise words alias hund dog",
        )
        show.output(found, chosen)
