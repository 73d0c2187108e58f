"""Leave a new release for a few seconds to the worker that has what it needs already.

A worker keeps mirrors, dependency sets, caches and build outputs on its own disk, so the one that
ran an app's last release needs less time for the next. Only the order of claims depends on it:
after `PREFERENCE_MS` any worker takes the release.
"""

from collections.abc import Collection

from sqlalchemy import ColumnElement, false, func, select

from mprelease.domain.releases import State
from mprelease.domain.workers import ALIVE_MS
from mprelease.storage.clock import now_ms
from mprelease.storage.database import Reader
from mprelease.storage.tables import releases, workers

PREFERENCE_MS = 3000
# Releases of an app, the newest first, among which one of the same branch is searched.
_EXAMINED = 50


def left_to_others(db: Reader, worker: str, candidates: Collection[int]) -> frozenset[int]:
    """Return which of these queued releases `worker` should leave to other workers for now.

    Those are new releases whose app another worker has released last, if possible from the same
    branch; it must be alive, of the same label, and have a free slot.
    """
    labels = _labels_of_free_workers(db)
    if not labels.keys() - {worker}:
        return frozenset()
    columns = (releases.c.id, releases.c.app_id, releases.c.label, _shown_ref())
    new = select(*columns).where(
        releases.c.id.in_(candidates), releases.c.created_at > now_ms() - PREFERENCE_MS
    )
    left = set()
    for release_id, app_id, label, ref in db.connection.execute(new).all():
        preferred = _last_worker(db, app_id, ref)
        if preferred and preferred != worker and label in labels.get(preferred, ()):
            left.add(release_id)
    return frozenset(left)


def _labels_of_free_workers(db: Reader) -> dict[str, list[str]]:
    """Return by name the labels of the workers that are alive and can take a release now."""
    running = (
        select(releases.c.worker_id, func.count().label("count"))
        .where(releases.c.state == State.RUNNING)
        .group_by(releases.c.worker_id)
        .subquery()
    )
    able = (
        select(workers.c.name, workers.c.labels)
        .join(running, running.c.worker_id == workers.c.name, isouter=True)
        .where(workers.c.seen_at > now_ms() - ALIVE_MS, workers.c.draining.is_(False))
        .where(func.coalesce(workers.c.low_disk, false()).is_(False))
        .where(func.coalesce(running.c.count, 0) < workers.c.slots)
    )
    return {row.name: row.labels for row in db.connection.execute(able)}


def _last_worker(db: Reader, app_id: int, ref: str) -> str | None:
    """Return the worker of an app's last release that succeeded, first of those of a branch."""
    newest = (
        select(releases.c.worker_id, _shown_ref())
        .where(releases.c.app_id == app_id, releases.c.state == State.SUCCEEDED)
        .order_by(releases.c.id.desc())
        .limit(_EXAMINED)
    )
    rows = db.connection.execute(newest).all()
    of_branch = (name for name, of_ref in rows if of_ref == ref)
    return next(of_branch, rows[0][0] if rows else None)


def _shown_ref() -> ColumnElement[str]:
    return func.coalesce(releases.c.ref_name, releases.c.ref)
