"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from mprelease.cli.words import say
from mprelease.domain.apps import Environment

Json = Annotated[bool, typer.Option("--json", help=say("option.json"))]
Follow = Annotated[bool, typer.Option("--follow", "-f", help=say("option.follow"))]
AppName = Annotated[str, typer.Argument(metavar="NAME", help=say("option.app"))]
ProjectName = Annotated[str, typer.Argument(metavar="NAME", help=say("option.project"))]
ReleaseId = Annotated[int, typer.Argument(metavar="ID", min=1, help=say("option.release"))]

Ref = Annotated[str | None, typer.Option("--ref", help=say("option.ref"))]
Description = Annotated[str | None, typer.Option("--description", help=say("option.description"))]
EnvironmentName = Annotated[Environment, typer.Option(help=say("option.environment"))]
Robot = Annotated[int | None, typer.Option("--robot", help=say("option.robot"))]
QrCode = Annotated[
    Path | None, typer.Option("--qr-code", metavar="FILE", help=say("option.qr_code"))
]
Page = Annotated[str | None, typer.Option("--page", help=say("option.page"))]
Query = Annotated[str | None, typer.Option("--query", help=say("option.query"))]
Scene = Annotated[int | None, typer.Option("--scene", help=say("option.scene"))]
Version = Annotated[str | None, typer.Option("--version", help=say("option.version"))]
Priority = Annotated[int, typer.Option("--priority", help=say("option.priority"))]
