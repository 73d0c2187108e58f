"""`mprelease backup` and `mprelease restore`: all data of the database, in one file."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mprelease.cli import options, show
from mprelease.cli.output_file import refuse_unwritable, replacing, reporting_unwritable
from mprelease.cli.startup import me, opening
from mprelease.cli.translation import t
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.security.private_files import create_private

if TYPE_CHECKING:
    from mprelease.services.backups import Manifest

File = Annotated[Path, typer.Argument(metavar="FILE", help=t("option.backup_file"))]


def backup(
    file: File,
    with_master_key: Annotated[
        bool, typer.Option("--with-master-key", help=t("option.with_master_key"))
    ] = False,
    json: options.Json = False,
) -> None:
    """Write a backup of the database; other processes may keep working."""
    from mprelease.services import backups

    refuse_unwritable(file)
    with opening() as application:
        key = application.master_key_text() if with_master_key else None
        with reporting_unwritable(file), replacing(file, is_private=True) as stream:
            manifest = backups.write(application.services, me(), stream, key)
    note = "cli.backup.has_key" if with_master_key else "cli.backup.without_key"
    _show(manifest, "cli.backup.done", file, json=json)
    typer.echo(t(note), err=True)


def restore(file: File, json: options.Json = False) -> None:
    """Restore a backup into an empty database."""
    from mprelease.services import backups

    manifest = backups.manifest_of(file)
    with _master_key_restored(file, manifest), opening() as application:
        backups.restore(application.services, me(), file)
        opens = backups.opens_credentials(application.services, manifest)
    _show(manifest, "cli.restore.done", file, json=json)
    if not opens:
        typer.echo(t("cli.restore.other_key"), err=True)


@contextmanager
def _master_key_restored(file: Path, manifest: "Manifest") -> Iterator[None]:
    """Write the master key of a backup to the data folder; remove it if the block fails.

    A key of the settings takes precedence. Raise Refused if the data folder has another key.
    """
    from mprelease.services import backups
    from mprelease.settings.settings import load
    from mprelease.workspace.layout import prepared

    settings = load()
    if settings.server or settings.master_key or not manifest.has_master_key:
        yield
        return
    place, key = prepared(settings.data_dir).master_key, backups.master_key_in(file)
    with reporting_unwritable(place):
        is_new = create_private(place, key)
    if not is_new:
        if place.read_text(encoding="ascii").strip() != key.strip():
            raise Refused(Problem.RESTORE_NOT_EMPTY)
        yield
        return
    try:
        yield
    except BaseException:
        with suppress(OSError):
            place.unlink()
        raise


def _show(manifest: "Manifest", message: str, file: Path, *, json: bool) -> None:
    if json:
        show.as_json({"file": str(file), **manifest.model_dump()})
        return
    counts = {name: manifest.tables.get(name, 0) for name in ("apps", "releases", "users")}
    typer.echo(t(message, file=str(file), **counts))
