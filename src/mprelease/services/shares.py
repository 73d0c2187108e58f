"""Operations on shared QR codes: public pages at an address that cannot be guessed."""

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Release
from mprelease.domain.users import Actor
from mprelease.security.tokens import new_token
from mprelease.services import releases
from mprelease.services.context import ServiceContext, entry_about, record
from mprelease.storage import apps, lists, shares
from mprelease.storage.database import Reader


def share(services: ServiceContext, who: Actor, release_id: int) -> str:
    """Return the key of the public page of a QR code; the same one until it is withdrawn.

    Raise Refused when the release is unknown, or has no QR code.
    """
    with services.database.writing() as db:
        # Two requests at once get the same key.
        release = releases.get(db, release_id)
        apps.lock(db, release.app_id)
        if known := shares.key_of(db, release_id):
            return known
        if not lists.with_codes(db, [release_id]):
            raise Refused(Problem.NO_QR_CODE, release=release_id)
        key = new_token()
        shares.put(db, release_id, key, services.now())
        record(db, services, who, entry_about("release.share", release))
    return key


def withdraw(services: ServiceContext, who: Actor, release_id: int) -> None:
    """Remove the public page of a QR code."""
    with services.database.writing() as db:
        release = releases.get(db, release_id)
        shares.drop(db, release_id)
        record(db, services, who, entry_about("release.withdraw", release))


def shared(db: Reader, key: str) -> Release:
    """Return the release whose QR code is shared under a key; raise Refused(PAGE_UNKNOWN)."""
    release_id = shares.release_of(db, key)
    if release_id is None:
        raise Refused(Problem.PAGE_UNKNOWN)
    return releases.get(db, release_id)
