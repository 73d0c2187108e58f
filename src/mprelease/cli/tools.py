"""`mprelease tools install`: install the vendors' tools, in pinned versions."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mprelease.cli.options import DEFAULT_PLATFORM, PlatformArgument
from mprelease.cli.startup import opening
from mprelease.cli.terminal import unfiltered
from mprelease.cli.translation import t
from mprelease.domain.platforms import Platform

if TYPE_CHECKING:
    from mprelease.application import Application

commands = typer.Typer(no_args_is_help=True, help=t("cli.tools"))


@commands.callback()
def _tools() -> None:
    """Make `install` a subcommand, although it is the only one."""


@commands.command(help=t("cli.tools.install"))
def install(
    platform: PlatformArgument = DEFAULT_PLATFORM,
    every: Annotated[bool, typer.Option("--all", help=t("option.tools_all"))] = False,
) -> None:
    """Install the tool of a platform, or those of all."""
    from mprelease.platforms.registry import served

    with opening() as application:
        for wanted in served() if every else (platform,):
            installed(application, wanted)
            typer.echo(t("cli.tools.installed", platform=wanted))


def installed(application: "Application", platform: Platform) -> None:
    """Install the tool of a platform if it is missing, with a progress bar."""
    if application.has_tool(platform):
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=unfiltered(sys.stderr))) as progress:
        progress.add_task(t("cli.tools.installing", platform=platform), total=None)
        application.install_tool(platform)
