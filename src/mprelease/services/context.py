"""What every operation needs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol
from zoneinfo import ZoneInfo

from mprelease.domain.apps import App
from mprelease.domain.projects import Project
from mprelease.domain.users import Actor
from mprelease.security.vault import Vault
from mprelease.storage import audit, secrets
from mprelease.storage.audit import AuditEntry
from mprelease.storage.database import Database, Reader, Writer


class Notifier(Protocol):
    """Wake the workers of a label, after the commit, because there is something to do."""

    def __call__(self, label: str) -> None:
        """Return at once; a call that is lost costs seconds, until the workers' next look."""


def notify_nobody(label: str) -> None:
    """Wake no worker: the worker of this process looks by itself."""


@dataclass(frozen=True)
class ServiceContext:
    """Hold the database, the vault, the clock (ms since the epoch) and what wakes workers."""

    database: Database
    vault: Vault
    now: Callable[[], int]
    timezone: ZoneInfo
    wake: Notifier = notify_nobody


def record(db: Writer, services: ServiceContext, who: Actor, entry: AuditEntry) -> None:
    """Add an entry to the audit, in the transaction that makes the change."""
    audit.write(db, replace(entry, at=services.now(), who=who.name, who_id=who.id))


def owner_of(noun: App | Project) -> str:
    """Return under which name an app's or a project's secrets are kept."""
    return f"{'app' if isinstance(noun, App) else 'project'}:{noun.id}"


def keep_secret(  # noqa: PLR0917 what a secret is kept by
    db: Writer,
    services: ServiceContext,
    owner: str,
    name: str,
    secret: str,
    bound_to: str | None = None,
) -> None:
    """Seal a secret and keep it in place of the owner's former one of this name.

    `bound_to` is the one scheme, host and port to which it may be sent.
    """
    sealed = services.vault.seal(secret, f"{owner}/{name}")
    secrets.put(db, owner, name, sealed, services.now(), bound_to=bound_to)


def open_secrets(
    db: Reader, services: ServiceContext, owner: str, *, at: str | None = None
) -> dict[str, str]:
    """Return all secrets of an owner by name; only for whoever runs a release or checks one.

    With `at`, a scheme with host and port, those that are bound to another one are left out.
    """
    return {
        name: services.vault.open(sealed, f"{owner}/{name}")
        for name, sealed in secrets.sealed(db, owner, at=at).items()
    }
