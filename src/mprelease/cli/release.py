"""`mprelease preview` and `mprelease upload`: queue a release and follow it to its QR code."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mprelease.cli import options, qr, show
from mprelease.cli.follow import View, follow
from mprelease.cli.opening import me, opening
from mprelease.cli.words import say
from mprelease.domain.apps import Environment
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, LaunchOptions, Release, ReleaseRequest, State

if TYPE_CHECKING:
    from mprelease.application import Application

Wanted = Callable[["Application"], ReleaseRequest]

_EXIT_CODES = {State.SUCCEEDED: 0, State.CANCELED: 130}
_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png"}


def preview(
    name: options.AppName,
    ref: options.Ref = None,
    description: options.Description = None,
    environment: options.EnvironmentName = Environment.PRODUCTION,
    robot: options.Robot = None,
    page: options.Page = None,
    query: options.Query = None,
    scene: options.Scene = None,
    priority: options.Priority = 0,
    qr_code: options.QrCode = None,
    *,
    follow: options.Follow = False,
    json: options.Json = False,
) -> None:
    """Make a preview of an app and show its QR code."""
    wanted = ReleaseRequest(
        app=name,
        kind=Kind.PREVIEW,
        ref=ref,
        description=description,
        environment=environment,
        robot=robot,
        launch=LaunchOptions(page, query, scene),
        priority=priority,
    )
    _release(lambda _: wanted, qr_code, lines=follow, json=json)


def upload(
    name: options.AppName,
    ref: options.Ref = None,
    version: options.Version = None,
    description: options.Description = None,
    environment: options.EnvironmentName = Environment.PRODUCTION,
    robot: options.Robot = None,
    priority: options.Priority = 0,
    qr_code: options.QrCode = None,
    *,
    follow: options.Follow = False,
    json: options.Json = False,
) -> None:
    """Upload an app as a trial version."""
    wanted = ReleaseRequest(
        app=name,
        kind=Kind.UPLOAD,
        ref=ref,
        version=version,
        description=description,
        environment=environment,
        robot=robot,
        priority=priority,
    )
    _release(lambda _: wanted, qr_code, lines=follow, json=json)


def again(
    release_id: options.ReleaseId,
    qr_code: options.QrCode = None,
    *,
    follow: options.Follow = False,
    json: options.Json = False,
) -> None:
    """Make the same release anew, as a new one."""
    from mprelease.services import releases

    _release(
        lambda application: releases.again(application.house, release_id),
        qr_code,
        lines=follow,
        json=json,
    )


def run(application: "Application", wanted: ReleaseRequest, *, lines: bool) -> Release:
    """Queue a release and follow it to its end."""
    from mprelease.cli.tools import installed
    from mprelease.services import releases

    app = releases.verify(application.house, wanted)
    if application.is_alone:
        application.refuse_unable()
        installed(application, app.platform)
    release_id = releases.request(application.house, me(), wanted)
    return follow(application, release_id, View(lines=lines), app.label)


def tell(application: "Application", release: Release, qr_code: Path | None) -> Path | None:
    """Say how a release ended, draw its QR code, and return where the image was saved."""
    saved = save_qr_code(application, release, qr_code)
    if release.error:
        _err(say.of_trouble(release.error))
    for warning in release.warnings:
        _err(say.of(warning))
    drawing = saved and qr.drawn(saved.read_bytes())
    if drawing:
        typer.echo(drawing)
    typer.echo(_summary(release))
    if saved:
        typer.echo(say("cli.release.qr_code", file=str(saved)))
    return saved


def save_qr_code(application: "Application", release: Release, wanted: Path | None) -> Path | None:
    """Write the QR code of a release into the wanted file, or into the data folder."""
    from mprelease.storage import releases

    with application.house.database.reading() as db:
        found = releases.qr_code(db, release.id)
    if found is None:
        return None
    image, media_type = found
    folder = application.settings.data_dir / "qr-codes"
    file = wanted or folder / f"{release.id}{_SUFFIXES.get(media_type, '')}"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(image)
    return file


def _release(wanted: Wanted, qr_code: Path | None, *, lines: bool, json: bool) -> None:
    if qr_code:
        _refuse_unwritable(qr_code)
    with opening() as application:
        release = run(application, wanted(application), lines=lines)
        if json:
            show.as_json(show.release(release, save_qr_code(application, release, qr_code)))
        else:
            tell(application, release, qr_code)
    raise typer.Exit(_EXIT_CODES.get(release.state, 1))


def _refuse_unwritable(file: Path) -> None:
    # Found out afterwards, it would make a failure of an upload that has arrived.
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab"):
            pass
    except OSError as error:
        raise Refused(
            Problem.FILE_UNWRITABLE, file=str(file), detail=error.strerror or str(error)
        ) from None


def _summary(release: Release) -> str:
    version = f" {release.version}" if release.version else ""
    commit = f" {release.commit.id[:8]}" if release.commit else ""
    size = f" · {release.sizes.full / 1024:.0f} KB" if release.sizes else ""
    what = f"{say(f'kind.{release.kind}')}{version}"
    state = say(f"state.{release.state}")
    return f"#{release.id} {release.app_name} · {what} · {release.ref}{commit}{size} · {state}"


def _err(line: str) -> None:
    sys.stderr.write(f"{line}\n")
