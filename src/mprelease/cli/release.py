"""`mprelease preview`, `upload` and `again`: queue releases and follow them to their end."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mprelease.cli import options, outcome, remote
from mprelease.cli.acceptance import accepted, after_acceptance
from mprelease.cli.follow import FollowedRelease, View, follow, views_of
from mprelease.cli.options import Without, spread
from mprelease.cli.output_file import refuse_unwritable
from mprelease.cli.startup import me, opening
from mprelease.cli.translation import t
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, Release
from mprelease.schemas.apps import App
from mprelease.schemas.releases import ReleaseRequest

if TYPE_CHECKING:
    from mprelease.application import Application
    from mprelease.remote.api_client import ApiClient


@spread
def preview(
    name: options.OneApp = None,
    project: options.AllApps = None,
    qr_code: options.QrCode = None,
    *,
    follow: options.Follow = False,
    json: options.Json = False,
    given: Annotated[ReleaseRequest, Without("version")],
) -> None:
    """Make a preview of an app, or of all apps of a project, and show the QR codes."""
    wanted = given.with_(app=name, kind=Kind.PREVIEW)
    _release(wanted, project, _Display(qr_code, follow, json))


@spread
def upload(
    name: options.OneApp = None,
    project: options.AllApps = None,
    qr_code: options.QrCode = None,
    *,
    follow: options.Follow = False,
    json: options.Json = False,
    given: Annotated[ReleaseRequest, Without("start_page", "query", "scene")],
) -> None:
    """Upload an app, or all apps of a project, as trial versions."""
    wanted = given.with_(app=name, kind=Kind.UPLOAD)
    _release(wanted, project, _Display(qr_code, follow, json))


def again(
    release_id: options.ReleaseId,
    qr_code: options.QrCode = None,
    node: Annotated[str | None, typer.Option("--node", help=t("option.again_with_node"))] = None,
    *,
    build_anew: Annotated[bool, typer.Option("--build-anew", help=t("option.build_anew"))] = False,
    follow: options.Follow = False,
    json: options.Json = False,
) -> None:
    """Queue a release with the same parameters as an earlier one, and follow it.

    With `node` the app's Node is set first.
    """
    from mprelease.services import repetition

    refuse_unwritable(qr_code)
    if client := remote.server():
        how = remote.Repetition(node, build_anew=build_anew)
        code = remote.again(client, release_id, qr_code, how, lines=follow, json=json)
        raise typer.Exit(code)
    with opening() as application:
        if node:
            wanted = repetition.again_with_node(application.services, me(), release_id, node)
        else:
            wanted = repetition.again(application.services, release_id)
        wanted = wanted.with_(build_anew=build_anew)
        ended = run(application, wanted, lines=follow)
        with after_acceptance():
            code = outcome.show_one(application, ended, qr_code, json=json)
    raise typer.Exit(code)


def run(application: "Application", wanted: ReleaseRequest, *, lines: bool) -> Release:
    """Queue a release and follow it to its end."""
    from mprelease.services import releases

    app = releases.verify(application.services, wanted)
    _prepare(application, [app])
    release_id = accepted(lambda: releases.request(application.services, me(), wanted))
    [ended] = follow(application, [FollowedRelease(release_id, View(lines=lines), app.label)])
    return ended


def run_all(
    application: "Application", project: str, wanted: ReleaseRequest, *, lines: bool
) -> list[Release]:
    """Queue a release for each app of a project and follow them to their ends."""
    from mprelease.services import releases

    services = application.services
    _prepare(application, releases.verify_all(services, project, wanted))
    made = accepted(lambda: releases.request_all(services, me(), project, wanted))
    return follow(application, _followed(made, lines))


@dataclass(frozen=True)
class _Display:
    """How a release is shown: file of its QR code, whether with its log, whether as JSON."""

    qr_code: Path | None
    follow: bool
    json: bool


def _release(wanted: ReleaseRequest, project: str | None, shown: _Display) -> None:
    if bool(wanted.app) is bool(project):
        raise Refused(Problem.APP_OR_PROJECT)
    if project and shown.qr_code:
        raise Refused(Problem.ONE_QR_CODE)
    refuse_unwritable(shown.qr_code)
    if client := remote.server():
        raise typer.Exit(_release_on_server(client, wanted, project, shown))
    with opening() as application:
        if project:
            ended = run_all(application, project, wanted, lines=shown.follow)
            with after_acceptance():
                outcome.show_all(application, ended, json=shown.json)
            code = outcome.exit_code(ended)
        else:
            one = run(application, wanted, lines=shown.follow)
            with after_acceptance():
                code = outcome.show_one(application, one, shown.qr_code, json=shown.json)
    raise typer.Exit(code)


def _release_on_server(
    client: "ApiClient", wanted: ReleaseRequest, project: str | None, shown: _Display
) -> int:
    if project:
        return remote.release_all(client, project, wanted, lines=shown.follow, json=shown.json)
    return remote.release(client, wanted, shown.qr_code, lines=shown.follow, json=shown.json)


def _prepare(application: "Application", apps: list[App]) -> None:
    """Before a release is queued, check this machine and install the platforms' tools.

    Only if this process may have to run the release. Raise Refused.
    """
    from mprelease.cli.tools import installed

    if application.is_single_node:
        application.require_programs()
        for platform in sorted({app.platform for app in apps}):
            installed(application, platform)


def _followed(accepted: Mapping[int, App], lines: bool) -> list[FollowedRelease]:
    views = views_of([app.name for app in accepted.values()], lines=lines)
    return [
        FollowedRelease(release_id, view, app.label)
        for (release_id, app), view in zip(accepted.items(), views, strict=True)
    ]
