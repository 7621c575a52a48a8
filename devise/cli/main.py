"""The `devise` command: its subcommands, and the one place that turns errors into exit statuses."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import devise
from devise.cli import show
from devise.cli.commands import Commanding
from devise.errors import DeviseError

INTERRUPTED = 130  # 128 + SIGINT, as shells count


class Stopped(BaseException):
    """Somebody sent a signal: what is open is closed on the way out."""

    def __init__(self, number: int) -> None:
        self.number = number


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
            show.note(f"error: {error}")
            raise typer.Exit(1) from error
        except KeyboardInterrupt as interrupt:
            show.note("interrupted")
            raise typer.Exit(INTERRUPTED) from interrupt
        except Stopped as stopped:
            show.note("stopped; what was stored stays, and the next run goes on")
            raise typer.Exit(128 + stopped.number) from stopped
        except BrokenPipeError:  # the reader, such as `head`, has all that it wanted
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except (OSError, MemoryError) as error:  # an unlucky machine, not a bug of ours
            show.note(f"error: {_unlucky(error)}")
            raise typer.Exit(1) from error


def _unlucky(error: OSError | MemoryError) -> str:
    """What the machine refused, and what to do."""
    if isinstance(error, MemoryError):
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
        typer.echo(f"devise {devise.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Find photos by words and words for photos, on your own machine."""


def _stop(number: int, frame: object) -> None:
    raise Stopped(number)


def main() -> None:
    """The entry point of the `devise` command."""
    for name in ("SIGTERM", "SIGHUP"):  # whoever runs us under nohup wants no SIGHUP
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) == signal.SIG_DFL:
            signal.signal(getattr(signal, name), _stop)
    app(prog_name="devise")


if __name__ == "__main__":
    main()
