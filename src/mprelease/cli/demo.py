"""`mprelease demo`: the platform with sample apps, the vendors' tools and simulated services."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mprelease.cli import outcome, tools
from mprelease.cli.serve import Port, run
from mprelease.cli.translation import t
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.security.private_files import create_private

if TYPE_CHECKING:
    from mprelease.application import Application
    from mprelease.platforms.driver import Account

_PROJECT = "demo"
_REQUESTS = (
    ReleaseRequest(app="", kind=Kind.PREVIEW, start_page="pages/about/about", query="from=demo"),
    ReleaseRequest(app="", kind=Kind.UPLOAD, description="mprelease demo"),
)


def demo(
    port: Port = None,
    check: Annotated[bool, typer.Option("--check", help=t("option.check"))] = False,
) -> None:
    """Serve the demo until a signal; with `--check` only release the samples, then end."""
    from pydantic import SecretStr

    from mprelease.application import opened
    from mprelease.settings.settings import load
    from mprelease.simulator.accounts import sample_accounts
    from mprelease.simulator.proxy import Simulator
    from mprelease.simulator.sample import make_samples

    settings = load()
    folder = settings.data_dir / "demo"
    services, accounts = sample_accounts(folder / "received")
    with Simulator(folder / "simulator", services) as simulator:
        changes = {
            "data_dir": folder,
            "tools_dir": settings.tools,
            "vendor_proxy": simulator.proxy_url,
            "extra_ca_certs": simulator.ca_file,
            "database_url": None,
            "redis_url": None,
            "slots": len(services),
            "admin_password": None if check else SecretStr(_password(folder / "admin-password")),
        }
        application = opened(settings.model_copy(update=changes))
        try:
            _prepare(application, make_samples(settings.data_dir / "demo-samples"), accounts)
            if check:
                _check(application)
            else:
                _show(application, port or settings.port)
        finally:
            application.close()
    typer.echo(t("demo.done", folder=str(folder)))


def _check(application: "Application") -> None:
    for wanted in _REQUESTS:
        _release(application, wanted)


def _show(application: "Application", port: int) -> None:
    from mprelease.platforms.registry import served

    for platform in served():
        tools.installed(application, platform)
    password = application.settings.admin_password
    assert password is not None
    shown = t("cli.serve.demo", name="admin", password=password.get_secret_value())
    run(application, application.settings.host, port, works=True, words=shown)


def _password(file: Path) -> str:
    """Return the password of the demo's administrator, which is stored in a file."""
    from mprelease.security.passwords import random_password

    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        create_private(file, random_password())
    return file.read_text()


def _prepare(
    application: "Application", repository: Path, accounts: Mapping[Platform, "Account"]
) -> None:
    from mprelease.cli.startup import me
    from mprelease.services import projects
    from mprelease.storage import projects as stored

    services = application.services
    change = ProjectChange(name=_PROJECT, repository=str(repository), default_branch="main")
    with services.database.reading() as db:
        is_known = stored.by_name(db, _PROJECT)
    if is_known:
        projects.edit(services, me(), _PROJECT, change)
    else:
        projects.add(services, me(), change)
    for platform, account in accounts.items():
        _prepare_app(application, platform, account)


def _prepare_app(application: "Application", platform: Platform, account: "Account") -> None:
    from mprelease.cli.startup import me
    from mprelease.schemas.apps import AppChange
    from mprelease.services import apps
    from mprelease.storage import apps as stored

    services, name = application.services, f"{_PROJECT}-{platform}"
    change = AppChange(
        name=name,
        platform_app_id=account.platform_app_id,
        directory=platform,
        credential=account.credential.encode(),
    )
    with services.database.reading() as db:
        is_known = stored.by_name(db, name)
    if is_known:
        apps.edit(services, me(), name, change)
    else:
        apps.add(services, me(), _PROJECT, platform, change)


def _release(application: "Application", wanted: ReleaseRequest) -> None:
    from mprelease.cli.release import run_all

    typer.echo(t(f"demo.{wanted.kind}"))
    ended = run_all(application, _PROJECT, wanted, lines=False)
    outcome.show_all(application, ended, json=False)
    if code := outcome.exit_code(ended):
        raise typer.Exit(code)
