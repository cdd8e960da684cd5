"""Groups of commands that answer a mistyped command with the nearest one and the way to all of them."""

from __future__ import annotations

import click


class Group(click.Group):
    """As click's, whose older versions name no other command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first of `args` names; click.UsageError where there is none."""
        name, others = args[0], self.list_commands(ctx)
        if name in others or name.startswith("-"):  # what looks like an option is told as one
            return super().resolve_command(ctx, args)
        from difflib import get_close_matches

        near = "".join(f" Did you mean `{ctx.command_path} {one}`?" for one in get_close_matches(name, others, 1))
        raise click.UsageError(f"No such command {name!r}.{near} `{ctx.command_path} --help` lists them all.", ctx)
