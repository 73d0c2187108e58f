"""Renew a shared QR code that has ended, while its page is open; apps allow it by a setting."""

from mprelease.domain.releases import Kind, Release, State
from mprelease.domain.users import Actor, Permission
from mprelease.services import releases, repetition, shares
from mprelease.services.context import ServiceContext
from mprelease.storage import apps, users
from mprelease.storage import releases as stored
from mprelease.storage import shares as stored_shares
from mprelease.storage.database import Reader


def renew(services: ServiceContext, key: str) -> None:
    """Request once what a shared preview was built of, if its code has ended and its app allows it.

    It is requested in the name of the person who requested the preview. Raise Refused.
    """
    with services.database.reading() as db:
        release = shares.shared(db, key)
        is_due = is_renewable(db, release) and _has_ended(services, release)
        if not is_due or of(db, release) is not None:
            return
    wanted = repetition.again(services, release.id).with_(idempotency_key=_key(release))
    releases.request(services, Actor(release.requested_by), wanted)


def follow(services: ServiceContext, key: str) -> None:
    """Let a share lead to the renewal of its release, once that has a code."""
    with services.database.reading() as db:
        release = shares.shared(db, key)
        if not _has_ended(services, release):
            return
        newer = of(db, release)
    if newer and newer.state is State.SUCCEEDED and newer.code:
        with services.database.writing() as db:
            stored_shares.move(db, key, newer.id)


def of(db: Reader, release: Release) -> Release | None:
    """Return the renewal of a release's code, in any state; None if there is none."""
    return stored.by_idempotency_key(db, _key(release)) if release.code else None


def is_renewable(db: Reader, release: Release) -> bool:
    """Return whether the app of a release renews shared codes, and this is one of a preview.

    The person in whose name it is requested must still be allowed to release.
    """
    app, person = apps.by_id(db, release.app_id), users.by_name(db, release.requested_by)
    may_release = person and not person.is_disabled and person.role.may(Permission.RELEASE)
    return bool(release.kind is Kind.PREVIEW and app.build.renew_shared_codes and may_release)


def _has_ended(services: ServiceContext, release: Release) -> bool:
    return release.code is not None and release.code.has_ended(services.now())


def _key(release: Release) -> str:
    """Return the idempotency key of a renewal: one for each code, from any number of pages."""
    made_at = release.code.made_at if release.code else 0
    return f"renewal:{release.id}:{made_at}"
