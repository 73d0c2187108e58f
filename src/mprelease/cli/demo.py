"""`mprelease demo`: release a sample to a simulated WeChat, with the real tool, and show it."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mprelease.cli.words import say
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, LaunchOptions, Release, ReleaseRequest, State

if TYPE_CHECKING:
    from mprelease.application import Application

_APP_ID = "wxdec0de0000000001"
_PROJECT = "demo"
_APP = "demo-wechat"


def demo() -> None:
    """Release the sample as a preview and as a trial version, then end."""
    from mprelease.application import opened
    from mprelease.cli import release as release_command
    from mprelease.settings.knobs import load
    from mprelease.simulator.keys import make_key
    from mprelease.simulator.proxy import Simulator
    from mprelease.simulator.sample import make_sample
    from mprelease.simulator.wechat import WeChat

    settings = load()
    folder = settings.data_dir / "demo"
    wechat = WeChat(folder / "received")
    key = make_key()
    wechat.register(_APP_ID, key)
    with Simulator(folder / "simulator", [wechat]) as simulator:
        changes = {
            "data_dir": folder,
            "tools_dir": settings.tools,
            "vendor_proxy": simulator.proxy_url,
            "extra_ca_certs": simulator.ca_file,
            "database_url": None,
        }
        application = opened(settings.model_copy(update=changes))
        _prepare(application, make_sample(folder / "sample"), key.encode())
        for wanted in _REQUESTS:
            typer.echo(say(f"demo.{wanted.kind}"))
            release = release_command.run(application, wanted, lines=False)
            release_command.tell(application, release, None)
            _stop_unless_succeeded(release)
        application.house.database.close()
    typer.echo(say("demo.done", folder=str(folder)))


_REQUESTS = (
    ReleaseRequest(_APP, Kind.PREVIEW, launch=LaunchOptions("pages/about/about", "from=demo")),
    ReleaseRequest(_APP, Kind.UPLOAD, description="mprelease demo"),
)


def _prepare(application: "Application", repository: Path, key: bytes) -> None:
    from mprelease.cli.opening import me
    from mprelease.services import apps, projects
    from mprelease.storage import apps as stored_apps
    from mprelease.storage import projects as stored_projects

    house = application.house
    with house.database.reading() as db:
        has_project = stored_projects.named(db, _PROJECT)
        has_app = stored_apps.named(db, _APP)
    if not has_project:
        projects.add(house, me(), projects.ProjectChange(_PROJECT, str(repository), "main"))
    new = apps.AppChange(name=_APP, platform_app_id=_APP_ID, credential=key)
    if has_app:
        apps.edit(house, me(), _APP, new)
    else:
        apps.add(house, me(), _PROJECT, Platform.WECHAT, new)


def _stop_unless_succeeded(release: Release) -> None:
    if release.state is not State.SUCCEEDED:
        raise typer.Exit(1)
