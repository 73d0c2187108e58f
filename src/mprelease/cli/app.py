"""`mprelease app …`: mini programs, their build settings and credentials."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mprelease.cli import opening, show
from mprelease.cli.asking import ask
from mprelease.cli.options import (
    AppId,
    AppName,
    AppOptions,
    CredentialFile,
    Json,
    NewAppId,
    NewCredentialFile,
    spread,
)
from mprelease.cli.words import say
from mprelease.domain.apps import App
from mprelease.domain.errands import Errand, ErrandKind
from mprelease.domain.errors import StageFailed
from mprelease.domain.platforms import Platform

if TYPE_CHECKING:
    from mprelease.services.apps import AppChange

commands = typer.Typer(no_args_is_help=True, help=say("cli.app"))


@commands.command(help=say("cli.app.add"))
@spread
def add(
    name: AppName,
    project: Annotated[str, typer.Option("--project", "-p", help=say("option.of_project"))],
    app_id: AppId,
    credential_file: CredentialFile,
    platform: Annotated[Platform, typer.Option(help=say("option.platform"))] = Platform.WECHAT,
    *,
    given: AppOptions,
) -> None:
    """Add an app to a project."""
    from mprelease.services import apps

    new = _change(given, name, app_id, credential_file)
    with opening.opening() as application:
        app = apps.add(application.house, opening.me(), project, platform, new)
    _done("cli.app.added", app, json=given.json)


@commands.command(help=say("cli.app.edit"))
@spread
def edit(
    name: AppName,
    new_name: Annotated[str | None, typer.Option("--name", help=say("option.new_name"))] = None,
    app_id: NewAppId = None,
    credential_file: NewCredentialFile = None,
    *,
    given: AppOptions,
) -> None:
    """Change an app."""
    from mprelease.services import apps

    change = _change(given, new_name, app_id, credential_file)
    with opening.opening() as application:
        app = apps.edit(application.house, opening.me(), name, change)
    _done("cli.app.edited", app, json=given.json)


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


@commands.command("last-version", help=say("cli.app.last_version"))
def last_version(name: AppName, json: Json = False) -> None:
    """Ask the platform for the newest version that it has of an app."""
    from mprelease.services import apps

    with opening.opening() as application:
        with application.house.database.reading() as db:
            app = apps.found(db, name)
        facts = ask(application, app.label, Errand(ErrandKind.LAST_VERSION, name))
    version = facts["version"]
    if json:
        show.as_json({"app": name, "version": version})
    else:
        typer.echo(version or say("cli.app.no_version", platform=app.platform))


def _change(
    given: AppOptions, name: str | None, app_id: str | None, credential_file: Path | None
) -> "AppChange":
    from mprelease.services.apps import AppChange

    return AppChange(
        name=name,
        platform_app_id=app_id,
        project_type=given.type_,
        directory=given.directory,
        install_command=given.install_command,
        build_command=given.build_command,
        dev_build_command=given.dev_build_command,
        output=given.output,
        node_memory=given.node_memory,
        compile_settings=_settings(given),
        install_inputs=given.install_inputs,
        private_dependencies=given.private_dependencies,
        fresh_install=given.fresh_install,
        default_page=given.default_page,
        robot=given.robot,
        proxy=given.proxy,
        label=given.label,
        credential=opening.content(credential_file) if credential_file else None,
    )


def _settings(given: AppOptions) -> Mapping[str, str | None]:
    from mprelease.services.input import setting

    return {name: value or None for name, value in map(setting, given.setting or ())}


def _done(message: str, app: App, *, json: bool) -> None:
    if json:
        show.as_json(show.plain(app))
    else:
        typer.echo(say(message, name=app.name))
