"""Show how releases ended: words, QR codes, JSON, the exit code."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mprelease.cli import qr, show
from mprelease.cli.words import say
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Release, State

if TYPE_CHECKING:
    from mprelease.application import Application

_CANCELED = 130
_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png"}


def exit_code(ended: Sequence[Release]) -> int:
    """Return 0 when all succeeded, 130 when the others were canceled, and else 1."""
    states = {release.state for release in ended} - {State.SUCCEEDED}
    if not states:
        return 0
    return _CANCELED if states == {State.CANCELED} else 1


def show_one(
    application: "Application", release: Release, qr_code: Path | None, *, json: bool
) -> None:
    """Show a release with its QR code, which is kept in the wanted file or in the data folder."""
    tell(release, save_qr_code(application, release, qr_code), json=json)


def tell(release: Release, saved: Path | None, *, json: bool) -> None:
    """Show a release whose QR code, if it has one, lies in a file."""
    if json:
        show.as_json(show.release(release, saved))
        return
    _tell_trouble(release)
    _draw(saved)
    _tell_end(release, saved)


def show_all(application: "Application", ended: Sequence[Release], *, json: bool) -> None:
    """Show the releases of a project: the QR codes one by one, and below them what came of all."""
    tell_all([(one, save_qr_code(application, one, None)) for one in ended], json=json)


def tell_all(codes: Sequence[tuple[Release, Path | None]], *, json: bool) -> None:
    """Show releases, each with the file of its QR code."""
    if json:
        show.as_json([show.release(release, saved) for release, saved in codes])
    else:
        for release, saved in codes:
            _draw(saved, f"{release.app_name}:\n")
        for release, saved in codes:
            _tell_trouble(release, prefix=f"{release.app_name}: ")
            _tell_end(release, saved)
    if len({release.commit.id for release, _ in codes if release.commit}) > 1:
        _err(say("cli.commits_differ"))


def save_qr_code(application: "Application", release: Release, wanted: Path | None) -> Path | None:
    """Write the QR code of a release into the wanted file, or into the data folder."""
    from mprelease.storage import releases

    with application.house.database.reading() as db:
        found = releases.qr_code(db, release.id)
    if found is None:
        return None
    folder = application.settings.data_dir / "qr-codes"
    return write_qr_code(found, wanted, folder / str(release.id))


def write_qr_code(found: tuple[bytes, str], wanted: Path | None, otherwise: Path) -> Path:
    """Write an image of a media type into the wanted file, or into another, with its suffix."""
    image, media_type = found
    file = wanted or otherwise.with_suffix(_SUFFIXES.get(media_type, ""))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(image)
    return file


def refuse_unwritable(file: Path | None) -> None:
    """Raise Refused where a QR code cannot be saved in this file."""
    if file is None:
        return
    # Found out afterwards, it would make a failure of an upload that has arrived.
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab"):
            pass
    except OSError as error:
        raise Refused(
            Problem.FILE_UNWRITABLE, file=str(file), detail=error.strerror or str(error)
        ) from None


def _tell_trouble(release: Release, prefix: str = "") -> None:
    if release.error:
        _err(f"{prefix}{say.of_trouble(release.error)}")
    for warning in release.warnings:
        _err(f"{prefix}{say.of(warning)}")


def _draw(saved: Path | None, heading: str = "") -> None:
    drawing = saved and qr.drawn(saved.read_bytes())
    if drawing:
        typer.echo(f"{heading}{drawing}")


def _tell_end(release: Release, saved: Path | None) -> None:
    typer.echo(_summary(release))
    if saved:
        typer.echo(say("cli.release.qr_code", file=str(saved)))


def _summary(release: Release) -> str:
    version = f" {release.version}" if release.version else ""
    commit = f" {release.commit.id[:8]}" if release.commit else ""
    size = f" · {release.sizes.full / 1024:.0f} KB" if release.sizes else ""
    what = f"{say(f'kind.{release.kind}')}{version}"
    state = say(f"state.{release.state}")
    return (
        f"#{release.id} {release.app_name} · {what} · {release.shown_ref}{commit}{size} · {state}"
    )


def _err(line: str) -> None:
    sys.stderr.write(f"{line}\n")
