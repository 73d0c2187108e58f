"""`mprelease user`: what must be possible when nobody can log in."""

from typing import Annotated

import typer

from mprelease.cli.opening import me, opening
from mprelease.cli.words import say

commands = typer.Typer(help=say("cli.user"), no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help=say("option.user"))]


@commands.command("reset-password", help=say("cli.user.reset"))
def reset_password(name: Name) -> None:
    """Give somebody a new random password and show it once."""
    from mprelease.services import users

    with opening() as application:
        with application.house.database.reading() as db:
            user = users.named(db, name)
        password = users.reset_password(application.house, me(), user.id)
    typer.echo(say("cli.user.password", name=name, password=password))


@commands.callback()
def _group() -> None:
    """Keep the group a group while it has one command."""
