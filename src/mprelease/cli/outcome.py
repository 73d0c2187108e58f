"""Report how releases ended: messages, QR codes, JSON, the exit code."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from mprelease.cli import qr, show
from mprelease.cli.output_file import write_atomically
from mprelease.cli.translation import t
from mprelease.domain.codes import Code, Validity
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.domain.releases import Release, State
from mprelease.i18n.quantities import size

if TYPE_CHECKING:
    from mprelease.application import Application

_CANCELED = 130
_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png"}


def exit_code(ended: Sequence[Release]) -> int:
    """Return 0 if all succeeded, 130 if all others were canceled, else 1."""
    states = {release.state for release in ended} - {State.SUCCEEDED}
    if not states:
        return 0
    return _CANCELED if states == {State.CANCELED} else 1


@dataclass(frozen=True)
class SavedCode:
    """The file of a release's QR code, or None.

    `problem_detail` is the reason if a code is missing. `is_missed`: `--qr-code` was given, but no
    file was written.
    """

    file: Path | None = None
    problem_detail: ProblemDetail | None = None
    is_missed: bool = False


def show_one(
    application: "Application", release: Release, qr_code: Path | None, *, json: bool
) -> int:
    """Save and show a release's QR code, and report the release; return the exit code."""
    return report(release, save_qr_code(application, release, qr_code), json=json)


def report(release: Release, saved: SavedCode, *, json: bool) -> int:
    """Report a release with its saved QR code; return the exit code."""
    if json:
        show.as_json(show.release(release, saved.file))
    else:
        _report_problem(release)
        _draw(saved.file)
        _report_end(release, saved.file)
    _report_missed(saved)
    return exit_code([release]) or int(saved.is_missed)


def show_all(application: "Application", ended: Sequence[Release], *, json: bool) -> None:
    """Save and show the QR codes of a project's releases, then report the releases."""
    report_all([(one, save_qr_code(application, one, None)) for one in ended], json=json)


def report_all(codes: Sequence[tuple[Release, SavedCode]], *, json: bool) -> None:
    """Report releases, each with its saved QR code."""
    if json:
        show.as_json([show.release(release, saved.file) for release, saved in codes])
    else:
        for release, saved in codes:
            _draw(saved.file, f"{release.app_name}:\n")
        for release, saved in codes:
            _report_problem(release, prefix=f"{release.app_name}: ")
            _report_end(release, saved.file)
    for release, saved in codes:
        _report_missed(saved, prefix=f"{release.app_name}: ")
    if len({release.commit.id for release, _ in codes if release.commit}) > 1:
        _err(t("cli.commits_differ"))


def save_qr_code(application: "Application", release: Release, wanted: Path | None) -> SavedCode:
    """Write the QR code of a release to the wanted file, or to the data folder."""
    from mprelease.storage import releases

    with application.services.database.reading() as db:
        found = releases.qr_code(db, release.id)
    folder = application.settings.data_dir / "qr-codes"
    return write_qr_code(found, release, wanted, folder)


def write_qr_code(
    found: tuple[bytes, str] | None, release: Release, wanted: Path | None, folder: Path
) -> SavedCode:
    """Write an image with its media type to the wanted file, or to a file in a folder."""
    if found is None:
        return no_code(release, wanted)
    image, media_type = found
    otherwise = folder / f"{release.id}{_SUFFIXES.get(media_type, '')}"
    try:
        write_atomically(wanted or otherwise, image)
    except OSError as error:
        words = {"file": str(wanted or otherwise), "detail": error.strerror or str(error)}
        return SavedCode(
            None, ProblemDetail(Problem.FILE_UNWRITABLE, words), is_missed=wanted is not None
        )
    return SavedCode(wanted or otherwise)


def no_code(release: Release, wanted: Path | None) -> SavedCode:
    """Return the result for a release without a QR code: a problem if a file was wanted."""
    if wanted is None or release.state is not State.SUCCEEDED:
        return SavedCode()
    problem_detail = ProblemDetail(Problem.NO_QR_CODE, {"release": release.id})
    return SavedCode(None, problem_detail, is_missed=True)


def _report_missed(saved: SavedCode, prefix: str = "") -> None:
    if saved.problem_detail:
        _err(f"{prefix}{t.of_problem(saved.problem_detail)}")


def _report_problem(release: Release, prefix: str = "") -> None:
    if release.error:
        _err(f"{prefix}{t.of_problem(release.error)}")
    for warning in release.warnings:
        _err(f"{prefix}{t.of(warning)}")


def _draw(saved: Path | None, heading: str = "") -> None:
    if saved is None:
        return
    blocks = qr.has_blocks(sys.stdout.encoding or "ascii")
    drawing = qr.drawn(saved.read_bytes(), blocks=blocks, colours=sys.stdout.isatty())
    if drawing:
        typer.echo(f"{heading}{drawing}")


def _report_end(release: Release, saved: Path | None) -> None:
    typer.echo(_summary(release))
    if saved:
        typer.echo(t("cli.release.qr_code", file=str(saved)))
    if release.code:
        typer.echo(_validity(release.code))


def _validity(code: Code) -> str:
    """Return until when a QR code can be scanned."""
    from mprelease.settings.settings import load

    if code.expires_at is None:
        is_unlimited = code.validity is Validity.UNLIMITED
        return t("cli.code.unlimited" if is_unlimited else "cli.code.unknown")
    end = datetime.fromtimestamp(code.expires_at / 1000, ZoneInfo(load().timezone))
    return t("cli.code.until", time=f"{end:%Y-%m-%d %H:%M:%S %Z}")


def _summary(release: Release) -> str:
    version = f" {release.version}" if release.version else ""
    commit = f" {release.commit.id[:8]}" if release.commit else ""
    whole = f" · {size(release.sizes.full)}" if release.sizes else ""
    what = f"{t(f'kind.{release.kind}')}{version}"
    state = t(f"state.{release.state}")
    return (
        f"#{release.id} {release.app_name} · {what} · {release.shown_ref}{commit}{whole} · {state}"
    )


def _err(line: str) -> None:
    sys.stderr.write(f"{line}\n")
