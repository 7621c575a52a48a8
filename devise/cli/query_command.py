"""A command whose words may begin with a minus: `devise search dogs -cat` pushes cats away."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class QueryCommand(TyperCommand):
    """Think of it as a command before whose words somebody has put "--", wherever its options stand.

    An option is what begins with two signs, or is one of the command's own letters, alone or with a number behind it
    (-k 9, -k9). All else that begins with a minus belongs to the query.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        takes_value = {
            name: not getattr(option, "is_flag", False) and not getattr(option, "count", False)
            for option in self.get_params(ctx)
            if option.param_type_name == "option"
            for name in (*option.opts, *option.secondary_opts)
        }
        options: list[str] = []
        words: list[str] = []
        rest = iter(args)
        for arg in rest:
            if arg == "--":
                words += rest
            elif arg in takes_value:
                options.append(arg)
                if takes_value[arg]:
                    options += [value for value in [next(rest, None)] if value is not None]
            elif arg.startswith("--") or (arg[:2] in takes_value and takes_value[arg[:2]] and arg[2:].isdigit()):
                options.append(arg)
            else:
                words.append(arg)
        return super().parse_args(ctx, [*options, "--", *words] if words else options)
