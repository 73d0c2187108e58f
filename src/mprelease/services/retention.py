"""Remove old releases, logs and QR codes from the database, and keep chosen releases."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mprelease.domain.releases import Release
from mprelease.domain.stores import RemovalReason, StoreName, StoreReport
from mprelease.domain.users import Actor
from mprelease.services.context import ServiceContext, entry_about, record
from mprelease.services.releases import get
from mprelease.storage import releases, retention
from mprelease.storage.database import Reader, Writer

_DAY_MS = 86_400_000
_BATCH = 100


@dataclass(frozen=True)
class Retention:
    """How many days releases, logs and QR codes are kept, and how many releases of an app.

    0 means any. The newest uploads, and releases that are marked, are always kept.
    """

    release_days: int
    releases: int
    log_days: int
    qr_code_days: int


@dataclass(frozen=True)
class _Expiry:
    """How the items of a store that may be removed are found in batches, and removed."""

    store: StoreName
    reason: RemovalReason
    find: Callable[[Reader, int], Sequence[int]]
    remove: Callable[[Writer, Sequence[int]], None]


def clean(
    services: ServiceContext,
    limits: Retention,
    *,
    is_dry_run: bool = False,
    goes_on: Callable[[], bool] = lambda: True,
) -> list[StoreReport]:
    """Remove what is too old or too much, or only count it; return a report of each store."""
    with services.database.reading() as db:
        sizes = retention.sizes(db, services.database.backend)
    removed = [
        (each, *_apply(services, each, goes_on, is_dry_run=is_dry_run))
        for each in _expiries(limits, services.now())
    ]
    if not is_dry_run and any(count for _, count, _ in removed):
        retention.give_back(services.database)
    rest = max(0, sizes.database_bytes - sizes.log_bytes - sizes.qr_bytes)
    return [
        StoreReport(
            store,
            items,
            size,
            None,
            days,
            {each.reason: count for each, count, _ in removed if each.store is store and count},
            sum(freed for each, _, freed in removed if each.store is store),
            limits.releases if store is StoreName.RELEASES else 0,
        )
        for store, items, size, days in (
            (StoreName.RELEASES, sizes.releases, rest, limits.release_days),
            (StoreName.LOGS, sizes.logs, sizes.log_bytes, limits.log_days),
            (StoreName.QR_CODES, sizes.qr_codes, sizes.qr_bytes, limits.qr_code_days),
        )
    ]


def keep(services: ServiceContext, who: Actor, release_id: int, *, kept: bool) -> Release:
    """Set whether a cleanup leaves a release; return it."""
    with services.database.writing() as db:
        release = get(db, release_id)
        if release.kept is not kept:
            releases.keep(db, release_id, kept=kept)
            record(
                db,
                services,
                who,
                entry_about("release.keep" if kept else "release.unkeep", release),
            )
        return get(db, release_id)


def _expiries(limits: Retention, now: int) -> list[_Expiry]:
    def before(days: int) -> int:
        return now - days * _DAY_MS

    def remove(db: Writer, ids: Sequence[int]) -> None:
        for release_id in ids:
            releases.remove(db, release_id, now)

    found = [
        limits.release_days
        and _Expiry(
            StoreName.RELEASES,
            RemovalReason.AGE,
            lambda db, most: retention.too_old(db, before(limits.release_days), most),
            remove,
        ),
        limits.releases
        and _Expiry(
            StoreName.RELEASES,
            RemovalReason.LIMIT,
            lambda db, most: retention.too_many(db, limits.releases, most),
            remove,
        ),
        limits.log_days
        and _Expiry(
            StoreName.LOGS,
            RemovalReason.AGE,
            lambda db, most: retention.with_old_logs(db, before(limits.log_days), most),
            retention.remove_logs,
        ),
        limits.qr_code_days
        and _Expiry(
            StoreName.QR_CODES,
            RemovalReason.AGE,
            lambda db, most: retention.with_old_codes(db, before(limits.qr_code_days), most),
            retention.remove_codes,
        ),
    ]
    return [each for each in found if each]


def _apply(
    services: ServiceContext,
    expiry: _Expiry,
    goes_on: Callable[[], bool],
    *,
    is_dry_run: bool,
) -> tuple[int, int]:
    """Remove in batches, or only count; return how many were removed, and their bytes."""
    if is_dry_run:
        with services.database.reading() as db:
            ids = expiry.find(db, _MOST_COUNTED)
            parts = range(0, len(ids), _BATCH)
            sizes = (retention.removed_bytes(db, ids[at : at + _BATCH]) for at in parts)
            return len(ids), sum(sizes)
    count = freed = 0
    while goes_on():
        with services.database.writing() as db:
            ids = expiry.find(db, _BATCH)
            freed += retention.removed_bytes(db, ids)
            expiry.remove(db, ids)
        count += len(ids)
        if len(ids) < _BATCH:
            break
    return count, freed


_MOST_COUNTED = 100_000
