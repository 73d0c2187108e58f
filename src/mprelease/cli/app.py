"""`mprelease app …`: manage mini programs, their build settings and credentials."""

from typing import Annotated

import typer

from mprelease.cli import board, show, startup
from mprelease.cli.options import (
    DEFAULT_PLATFORM,
    AppId,
    AppName,
    CredentialFile,
    Json,
    NewAppId,
    NewCredentialFile,
    PlatformOption,
    spread,
)
from mprelease.cli.translation import t
from mprelease.cli.worker_queries import ask
from mprelease.domain.errors import StageFailed
from mprelease.domain.worker_queries import WorkerQuery, WorkerQueryKind
from mprelease.schemas.apps import App, AppChange

commands = typer.Typer(no_args_is_help=True, help=t("cli.app"))


@commands.command(help=t("cli.app.add"))
@spread
def add(
    name: AppName,
    project: Annotated[str, typer.Option("--project", "-p", help=t("option.of_project"))],
    app_id: AppId,
    credential_file: CredentialFile,
    platform: PlatformOption = DEFAULT_PLATFORM,
    json: Json = False,
    *,
    given: AppChange,
) -> None:
    """Add an app to a project."""
    from mprelease.services import apps

    key = startup.content(credential_file)
    new = given.with_(name=name, platform_app_id=app_id, credential=key)
    with startup.opening() as application:
        app = apps.add(application.services, startup.me(), project, platform, new)
    _done("cli.app.added", app, json=json)


@commands.command(help=t("cli.app.edit"))
@spread
def edit(
    name: AppName,
    new_name: Annotated[str | None, typer.Option("--name", help=t("option.new_name"))] = None,
    app_id: NewAppId = None,
    credential_file: NewCredentialFile = None,
    json: Json = False,
    *,
    given: AppChange,
) -> None:
    """Change an app."""
    from mprelease.services import apps

    key = startup.content(credential_file) if credential_file else None
    change = given.with_(name=new_name, platform_app_id=app_id, credential=key)
    with startup.opening() as application:
        app = apps.edit(application.services, startup.me(), name, change)
    _done("cli.app.edited", app, json=json)


@commands.command("list", help=t("cli.app.list"))
def list_(json: Json = False) -> None:
    """List all apps."""
    from mprelease.storage import apps

    with startup.reading() as db:
        found = apps.every(db)
    if json:
        show.as_json([show.plain(app) for app in found])
    else:
        columns = ("name", "platform", "app_id", "type")
        rows = [[app.name, app.platform, app.platform_app_id, app.project_type] for app in found]
        show.table(columns, rows)


@commands.command("show", help=t("cli.app.show"))
def show_(name: AppName, json: Json = False) -> None:
    """Show one app."""
    from mprelease.services import apps

    with startup.opening() as application, application.services.database.reading() as db:
        app = apps.get(db, name)
    show.record(show.plain(app), json=json)


@commands.command(help=t("cli.app.remove"))
def remove(name: AppName) -> None:
    """Remove an app."""
    from mprelease.services import apps

    with startup.opening() as application:
        apps.remove(application.services, startup.me(), name)
    typer.echo(t("cli.app.removed", name=name))


@commands.command(help=t("cli.app.check"))
def check(name: AppName, json: Json = False) -> None:
    """Check whether the platform accepts the app's id and credential, and the worker's address."""
    from mprelease.services import apps

    with startup.opening() as application:
        with application.services.database.reading() as db:
            app = apps.get(db, name)
        try:
            ask(application, app.label, WorkerQuery(WorkerQueryKind.CHECK, name))
        except StageFailed as refusal:
            if not json:
                raise
            show.as_json({"accepted": False, "error": show.problem_detail(refusal.problem_detail)})
            raise typer.Exit(1) from None
    if json:
        show.as_json({"accepted": True, "error": None})
    else:
        typer.echo(t("cli.app.accepted", name=name, app_id=app.platform_app_id))


commands.command("board", help=t("cli.app.board"))(board.of_app)
commands.command("trial", help=t("cli.app.trial"))(board.trial)


@commands.command("last-version", help=t("cli.app.last_version"))
def last_version(name: AppName, json: Json = False) -> None:
    """Show the newest version of an app on its platform."""
    from mprelease.services import apps

    with startup.opening() as application:
        with application.services.database.reading() as db:
            app = apps.get(db, name)
        facts = ask(application, app.label, WorkerQuery(WorkerQueryKind.LAST_VERSION, name))
    version = facts["version"]
    if json:
        show.as_json({"app": name, "version": version})
    else:
        typer.echo(version or t("cli.app.no_version", platform=app.platform))


def _done(message: str, app: App, *, json: bool) -> None:
    if json:
        show.as_json(show.plain(app))
    else:
        typer.echo(t(message, name=app.name))
