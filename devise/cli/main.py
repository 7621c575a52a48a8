"""The `devise` command: its subcommands, and the one place that turns errors into exit statuses."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from devise.cli.commands import Commanding
from devise.cli.options import RELATIVE
from devise.cli.output import show
from devise.errors import DeviseError, lacks_memory

INTERRUPTED = 130  # 128 + SIGINT, as shells count
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class Stopped(BaseException):
    """Somebody sent a signal: what is open is closed on the way out."""


class Root(Commanding):
    """Exit status 0: done. 1: an error of the user's or the data's making. 2: wrong usage. 128 + signal: stopped."""

    def invoke(self, ctx: Any) -> Any:  # typer's Context has two homes, depending on its version
        try:
            Path.cwd()  # raises in a folder that was deleted, where torch ends the process
            result = super().invoke(ctx)
            if sys.stdout:
                sys.stdout.flush()
            return result
        except DeviseError as error:
            show.note(f"error: {_shown(str(error), ctx)}")
            raise typer.Exit(1) from error
        except KeyboardInterrupt as interrupt:
            show.note("interrupted")
            raise typer.Exit(INTERRUPTED) from interrupt
        except BrokenPipeError:  # the reader, such as `head`, has all that it wanted
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except BaseException as error:  # Rust's panics are no Exceptions
            if not isinstance(error, OSError) and not lacks_memory(error):
                raise  # a bug of ours
            show.note(f"error: {_shown(_unlucky(error), ctx)}")
            raise typer.Exit(1) from error


def _shown(text: str, ctx: Any) -> str:
    return show.relative_paths(text) if ctx.meta.get(RELATIVE) else text


def _unlucky(error: BaseException) -> str:
    """What the machine refused, and what to do."""
    if lacks_memory(error) or not isinstance(error, OSError):
        return "there is not enough memory; close other programs and run again"
    reason = (error.strerror or str(error)).lower()
    if error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {reason}; check the path, its permissions and its disk"
    if isinstance(error, FileNotFoundError):
        return "the working folder was deleted; change to another one"
    return f"{reason}; check the disk, and where the output goes"


app = typer.Typer(
    cls=Root,
    name="devise",
    help="Find photos by words and words for photos, on your own machine.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from devise.version import version

        typer.echo(f"devise {version()}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Find photos by words and words for photos, on your own machine."""


def main() -> None:
    """The entry point of the `devise` command."""
    received: list[int] = []

    def stop(number: int, frame: object) -> None:
        """The first signal ends what is under way in order. Of those that follow, Ctrl-C ends it at once."""
        if not received:
            received.append(number)
            raise Stopped
        if number == signal.SIGINT:
            leave(number, frame)

    def leave(number: int, frame: object) -> None:
        os._exit(128 + number)

    _heed(stop)
    try:
        app(prog_name="devise")
    except BaseException:  # also what goes wrong while all is closed, as when the terminal is gone
        if not received:
            raise
    finally:
        _heed(leave)  # Python is on its way out, and would show where it was
    if received:
        is_typed = received[0] == signal.SIGINT
        show.note("interrupted" if is_typed else "stopped; what was stored stays, and the next run goes on")
        sys.exit(128 + received[0])


def _heed(handler: Callable[[int, object], None]) -> None:
    """Whoever runs us under nohup wants no SIGHUP."""
    for name in SIGNALS:
        number = getattr(signal, name, None)  # not every system has all of them
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


if __name__ == "__main__":
    main()
