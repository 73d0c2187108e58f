"""The context of every operation, and what operations share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol
from zoneinfo import ZoneInfo

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.projects import Project
from mprelease.domain.releases import Release
from mprelease.domain.users import Actor
from mprelease.schemas.apps import App
from mprelease.security.vault import Vault
from mprelease.storage import audit, secrets
from mprelease.storage.audit import AuditEntry
from mprelease.storage.database import Database, Reader, Writer

_SECRETS_TRIED = 20
_OF_APPS = {"release.preview", "release.upload"}


class Notifier(Protocol):
    """Wakes the workers of a label, after the commit, when there is something to do."""

    def __call__(self, label: str) -> None:
        """Return at once; if the call is lost, the workers' next poll finds the work."""


def notify_nobody(label: str) -> None:
    """Do nothing: the worker of this process polls."""


@dataclass(frozen=True)
class ServiceContext:
    """The database, the vault, a clock, and the notifier of workers.

    `now` returns the database's time in ms since the epoch, as nodes' own clocks may differ.
    """

    database: Database
    vault: Vault
    now: Callable[[], int]
    timezone: ZoneInfo
    wake: Notifier = notify_nobody


def record(db: Writer, services: ServiceContext, who: Actor, entry: AuditEntry) -> None:
    """Add an entry to the audit, in the transaction that makes the change."""
    # The subject of most entries about an app is the app itself.
    is_app = entry.action.startswith("app.") or entry.action in _OF_APPS
    app_id = entry.subject_id if is_app else entry.app_id
    audit.write(db, replace(entry, at=services.now(), who=who.name, who_id=who.id, app_id=app_id))


def entry_about(
    action: str, release: Release, details: Mapping[str, object] = MappingProxyType({})
) -> AuditEntry:
    """Return the audit entry of an action such as `release.cancel` on one release."""
    return AuditEntry(action, str(release.id), details, release.id, app_id=release.app_id)


def owner_of(noun: App | Project) -> str:
    """Return the owner under which the secrets of an app or a project are stored."""
    return f"{'app' if isinstance(noun, App) else 'project'}:{noun.id}"


def keep_secret(  # noqa: PLR0917 what a secret is kept by
    db: Writer,
    services: ServiceContext,
    owner: str,
    name: str,
    secret: str,
    bound_to: str | None = None,
) -> None:
    """Seal a secret and store it, in place of one of the same name.

    `bound_to` is the only scheme, host and port to which it may be sent.
    """
    sealed = services.vault.seal(secret, f"{owner}/{name}")
    secrets.put(db, owner, name, sealed, services.now(), bound_to=bound_to)


def open_secrets(
    db: Reader, services: ServiceContext, owner: str, *, at: str | None = None
) -> dict[str, str]:
    """Return all secrets of an owner by name, opened: for releases and checks of credentials only.

    With `at`, a scheme with host and port, secrets that are bound to another one are left out.
    """
    return {
        name: services.vault.open(sealed, f"{owner}/{name}")
        for name, sealed in secrets.sealed(db, owner, at=at).items()
    }


def require_matching_key(services: ServiceContext) -> None:
    """Raise Refused(MASTER_KEY_WRONG) if the master key opens none of the newest secrets.

    One that opens is enough: after a loss of the key, the secrets are entered again one by one.
    """
    with services.database.reading() as db:
        stored = secrets.newest(db, _SECRETS_TRIED)
    if stored and not any(_opens(services.vault, *each) for each in stored):
        raise Refused(Problem.MASTER_KEY_WRONG)


def _opens(vault: Vault, owner: str, name: str, sealed: bytes) -> bool:
    try:
        vault.open(sealed, f"{owner}/{name}")
    except Refused:
        return False
    return True
