"""What every deed needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from zoneinfo import ZoneInfo

from mprelease.domain.apps import App
from mprelease.domain.projects import Project
from mprelease.domain.users import Actor
from mprelease.security.vault import Vault
from mprelease.storage import audit, secrets
from mprelease.storage.database import Database, Reader, Writer


class Notifier(Protocol):
    """Tell the workers of a label, after the commit, that there is something to do."""

    def __call__(self, label: str) -> None:
        """Ring without waiting; when nobody hears it, workers look by themselves in seconds."""


def notify_nobody(label: str) -> None:
    """Ring nowhere: whoever works here looks by itself."""


@dataclass(frozen=True)
class ServiceContext:
    """Hold the database, the vault, the clock (ms since the epoch) and the bell for the deeds."""

    database: Database
    vault: Vault
    now: Callable[[], int]
    timezone: ZoneInfo
    wake: Notifier = notify_nobody


@dataclass(frozen=True)
class AuditEvent:
    """What is written into the audit: the deed, its subject, and details without secrets."""

    deed: str
    subject: str
    details: Mapping[str, object] = field(default_factory=dict)
    subject_id: int | None = None


def record(db: Writer, services: ServiceContext, who: Actor, did: AuditEvent) -> None:
    """Write the deed into the audit, in the transaction that does it."""
    what = (did.deed, did.subject, did.details, who.id, did.subject_id)
    audit.write(db, audit.AuditEntry(services.now(), who.name, *what))


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
