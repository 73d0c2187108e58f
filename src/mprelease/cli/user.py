"""`mprelease user`: recovery when no administrator can log in."""

from typing import Annotated

import typer

from mprelease.cli.startup import me, opening
from mprelease.cli.translation import t

commands = typer.Typer(help=t("cli.user"), no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help=t("option.user"))]


@commands.command("reset-password", help=t("cli.user.reset"))
def reset_password(name: Name) -> None:
    """Set a random password for a user and show it once."""
    from mprelease.services import users

    with opening() as application:
        with application.services.database.reading() as db:
            user = users.by_name(db, name)
        password = users.reset_password(application.services, me(), user.id)
    typer.echo(t("cli.user.password", name=name, password=password))


@commands.callback()
def _group() -> None:
    """Make `reset-password` a subcommand, although it is the only one."""
