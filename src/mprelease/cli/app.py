"""`mprelease app …`: mini programs, their build settings and credentials."""

from pathlib import Path
from typing import Annotated

import typer

from mprelease.cli import opening, show
from mprelease.cli.asking import ask
from mprelease.cli.options import AppName, Json
from mprelease.cli.words import say
from mprelease.domain.apps import App, ProjectType
from mprelease.domain.errands import Errand, ErrandKind
from mprelease.domain.errors import StageFailed
from mprelease.domain.platforms import Platform

commands = typer.Typer(no_args_is_help=True, help=say("cli.app"))

AppId = Annotated[str | None, typer.Option("--app-id", help=say("option.app_id"))]
Type = Annotated[ProjectType | None, typer.Option("--type", help=say("option.type"))]
Directory = Annotated[str | None, typer.Option(help=say("option.directory"))]
InstallCommand = Annotated[str | None, typer.Option(help=say("option.install_command"))]
BuildCommand = Annotated[str | None, typer.Option(help=say("option.build_command"))]
DevBuildCommand = Annotated[str | None, typer.Option(help=say("option.dev_build_command"))]
Output = Annotated[str | None, typer.Option(help=say("option.output"))]
Setting = Annotated[
    list[str] | None, typer.Option("--setting", metavar="KEY=VALUE", help=say("option.setting"))
]
NodeMemory = Annotated[int | None, typer.Option(metavar="MIB", help=say("option.node_memory"))]
DefaultPage = Annotated[str | None, typer.Option(help=say("option.default_page"))]
DefaultRobot = Annotated[int | None, typer.Option("--robot", help=say("option.default_robot"))]
Proxy = Annotated[str | None, typer.Option(metavar="URL", help=say("option.proxy"))]
Label = Annotated[str | None, typer.Option("--label", help=say("option.label"))]
CredentialFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help=say("option.credential_file"))
]


@commands.command(help=say("cli.app.add"))
def add(
    name: AppName,
    project: Annotated[str, typer.Option("--project", "-p", help=say("option.of_project"))],
    app_id: Annotated[str, typer.Option("--app-id", help=say("option.app_id"))],
    credential_file: Annotated[
        Path, typer.Option(metavar="FILE", help=say("option.credential_file"))
    ],
    platform: Annotated[Platform, typer.Option(help=say("option.platform"))] = Platform.WECHAT,
    type_: Type = None,
    directory: Directory = None,
    install_command: InstallCommand = None,
    build_command: BuildCommand = None,
    dev_build_command: DevBuildCommand = None,
    output: Output = None,
    setting: Setting = None,
    node_memory: NodeMemory = None,
    default_page: DefaultPage = None,
    robot: DefaultRobot = None,
    proxy: Proxy = None,
    label: Label = None,
    json: Json = False,
) -> None:
    """Add an app to a project."""
    from mprelease.services import apps

    new = apps.AppChange(
        name=name,
        platform_app_id=app_id,
        project_type=type_,
        directory=directory,
        install_command=install_command,
        build_command=build_command,
        dev_build_command=dev_build_command,
        output=output,
        node_memory=node_memory,
        compile_settings=tuple(setting or ()),
        default_page=default_page,
        robot=robot,
        proxy=proxy,
        label=label,
        credential=opening.content(credential_file),
    )
    with opening.opening() as application:
        app = apps.add(application.house, opening.me(), project, platform, new)
    _done("cli.app.added", app, json=json)


@commands.command(help=say("cli.app.edit"))
def edit(
    name: AppName,
    new_name: Annotated[str | None, typer.Option("--name", help=say("option.new_name"))] = None,
    app_id: AppId = None,
    type_: Type = None,
    directory: Directory = None,
    install_command: InstallCommand = None,
    build_command: BuildCommand = None,
    dev_build_command: DevBuildCommand = None,
    output: Output = None,
    setting: Setting = None,
    node_memory: NodeMemory = None,
    default_page: DefaultPage = None,
    robot: DefaultRobot = None,
    proxy: Proxy = None,
    label: Label = None,
    credential_file: CredentialFile = None,
    json: Json = False,
) -> None:
    """Change an app."""
    from mprelease.services import apps

    change = apps.AppChange(
        name=new_name,
        platform_app_id=app_id,
        project_type=type_,
        directory=directory,
        install_command=install_command,
        build_command=build_command,
        dev_build_command=dev_build_command,
        output=output,
        node_memory=node_memory,
        compile_settings=tuple(setting or ()),
        default_page=default_page,
        robot=robot,
        proxy=proxy,
        label=label,
        credential=opening.content(credential_file) if credential_file else None,
    )
    with opening.opening() as application:
        app = apps.edit(application.house, opening.me(), name, change)
    _done("cli.app.edited", app, json=json)


@commands.command("list", help=say("cli.app.list"))
def list_(json: Json = False) -> None:
    """List all apps."""
    from mprelease.storage import apps

    with opening.opening() as application, application.house.database.reading() as db:
        found = apps.every(db)
    if json:
        show.as_json([show.plain(app) for app in found])
    else:
        columns = ("name", "platform", "app_id", "type")
        rows = [[app.name, app.platform, app.platform_app_id, app.project_type] for app in found]
        show.table(columns, rows)


@commands.command("show", help=say("cli.app.show"))
def show_(name: AppName, json: Json = False) -> None:
    """Show one app."""
    from mprelease.services import apps

    with opening.opening() as application, application.house.database.reading() as db:
        app = apps.found(db, name)
    show.record(show.plain(app), json=json)


@commands.command(help=say("cli.app.remove"))
def remove(name: AppName) -> None:
    """Remove an app."""
    from mprelease.services import apps

    with opening.opening() as application:
        apps.remove(application.house, opening.me(), name)
    typer.echo(say("cli.app.removed", name=name))


@commands.command(help=say("cli.app.check"))
def check(name: AppName, json: Json = False) -> None:
    """Ask the platform whether it accepts the app's id, key and address."""
    from mprelease.services import apps

    with opening.opening() as application:
        with application.house.database.reading() as db:
            app = apps.found(db, name)
        try:
            ask(application, app.label, Errand(ErrandKind.CHECK, name))
        except StageFailed as refusal:
            if not json:
                raise
            show.as_json({"accepted": False, "error": show.trouble(refusal.trouble)})
            raise typer.Exit(1) from None
    if json:
        show.as_json({"accepted": True, "error": None})
    else:
        typer.echo(say("cli.app.accepted", name=name, app_id=app.platform_app_id))


def _done(message: str, app: App, *, json: bool) -> None:
    if json:
        show.as_json(show.plain(app))
    else:
        typer.echo(say(message, name=app.name))
