"""Backups: a ZIP file with the rows of all tables, and, if wanted, the master key.

`manifest.json` describes it, `tables/NAME.jsonl` has one row per line, `master.key` the key. It is
independent of the kind of the database, and can be made while releases run.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

from pydantic import BaseModel

from mprelease import __version__
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.users import Actor
from mprelease.services.context import ServiceContext, record
from mprelease.storage import table_copy
from mprelease.storage.audit import AuditEntry
from mprelease.storage.migrate import HEAD

_MANIFEST, _MASTER_KEY = "manifest.json", "master.key"
_FINGERPRINTED = "backup"


class Manifest(BaseModel):
    """The description of a backup.

    `revision` is that of the tables, `created_at` in ms, `tables` the number of rows by table.
    `fingerprint` is a keyed hash that is equal for equal master keys.
    """

    format: Literal[1] = 1
    version: str
    revision: str
    created_at: int
    fingerprint: str
    has_master_key: bool
    tables: dict[str, int]


def write(
    services: ServiceContext, who: Actor, stream: BinaryIO, master_key: str | None
) -> Manifest:
    """Write a backup of one snapshot of the database to a stream, with `master_key` if given."""
    with services.database.writing() as db:
        details = {"master_key": master_key is not None}
        record(db, services, who, AuditEntry("backup.write", "", details))
    with (
        services.database.snapshot() as db,
        ZipFile(stream, "w", ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        counts = {name: _write_table(archive, name, table_copy.rows(db, name)) for name in _names()}
        manifest = Manifest(
            version=__version__,
            revision=HEAD,
            created_at=services.now(),
            fingerprint=services.vault.fingerprint(_FINGERPRINTED),
            has_master_key=master_key is not None,
            tables=counts,
        )
        archive.writestr(_MANIFEST, manifest.model_dump_json(indent=2))
        if master_key is not None:
            archive.writestr(_MASTER_KEY, master_key)
    return manifest


def manifest_of(file: Path) -> Manifest:
    """Return the manifest of a backup.

    Raise Refused(BACKUP_UNUSABLE) for another file, and Refused(BACKUP_OF_NEWER_VERSION).
    """
    with _opened(file) as archive:
        manifest = Manifest.model_validate_json(archive.read(_MANIFEST))
    if manifest.revision > HEAD:
        raise Refused(Problem.BACKUP_OF_NEWER_VERSION, file=str(file), version=manifest.version)
    return manifest


def master_key_in(file: Path) -> str:
    """Return the master key of a backup that contains one."""
    with _opened(file) as archive:
        return archive.read(_MASTER_KEY).decode("ascii")


def restore(services: ServiceContext, who: Actor, file: Path) -> None:
    """Insert the rows of a backup into an empty database, all or none.

    Raise Refused(RESTORE_NOT_EMPTY), and what `manifest_of` raises.
    """
    manifest = manifest_of(file)
    with _opened(file) as archive, services.database.migrating() as db:
        if not table_copy.is_empty(db):
            raise Refused(Problem.RESTORE_NOT_EMPTY)
        for name in _names():
            expected = manifest.tables.get(name, 0)
            if expected and table_copy.insert_rows(db, name, _rows_of(archive, name)) != expected:
                raise BadZipFile(f"{name}: {expected}?")
        table_copy.continue_numbering(db)
        record(db, services, who, AuditEntry("backup.restore", "", {"version": manifest.version}))


def opens_credentials(services: ServiceContext, manifest: Manifest) -> bool:
    """Return whether this installation's master key can decrypt the credentials of a backup."""
    return services.vault.fingerprint(_FINGERPRINTED) == manifest.fingerprint


def _names() -> list[str]:
    return table_copy.names()


def _write_table(archive: ZipFile, name: str, rows: Iterator[table_copy.Row]) -> int:
    count = 0
    # Its size is not known before it is written.
    with archive.open(_entry(name), "w", force_zip64=True) as stream:
        for row in rows:
            line = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
            stream.write(f"{line}\n".encode())
            count += 1
    return count


def _rows_of(archive: ZipFile, name: str) -> Iterator[table_copy.Row]:
    with archive.open(_entry(name)) as stream:
        for line in stream:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise BadZipFile(name)
            yield row


def _entry(name: str) -> str:
    return f"tables/{name}.jsonl"


@contextmanager
def _opened(file: Path) -> Iterator[ZipFile]:
    try:
        with ZipFile(file) as archive:
            yield archive
    except OSError as error:
        detail = error.strerror or str(error)
        raise Refused(Problem.FILE_UNREADABLE, file=str(file), detail=detail) from None
    # Missing entries, lines that are no JSON, manifests of another shape, rows that do not fit.
    except (BadZipFile, KeyError, ValueError) as error:
        detail = type(error).__name__
        raise Refused(Problem.BACKUP_UNUSABLE, file=str(file), detail=detail) from error
