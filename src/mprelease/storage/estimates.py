"""How long releases take: the medians of the last successes of an app, kind and environment."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from sqlalchemy import Select, select, union_all

from mprelease.domain.newer_values import known_or_newer
from mprelease.domain.releases import Estimate, Kind, Release, Stage, State
from mprelease.storage.database import Reader
from mprelease.storage.tables import releases, stages

_SAMPLES = 10
_KEPT_SECONDS = 5.0
_KEPT_GROUPS = 1000


@dataclass(frozen=True)
class _Group:
    """Releases that take about the same time; those of the other kind are a fallback."""

    app_id: int
    environment: str


class Estimates:
    """Provide the estimates of releases; those of an app are kept for some seconds. Thread-safe."""

    def __init__(
        self, seconds: float = _KEPT_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Keep what was read for so many seconds of the clock."""
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[_Group, tuple[float, Mapping[str, Estimate]]] = {}

    def of(self, db: Reader, wanted: Iterable[Release]) -> dict[int, Estimate]:
        """Return by id the estimates of releases; one query at most.

        For the first release of its kind, that of the other kind is used; without any success
        there is none.
        """
        group_of = {one.id: (_Group(one.app_id, one.environment), one) for one in wanted}
        known = self._known(db, {group for group, _ in group_of.values()})
        found = {}
        for release_id, (group, release) in group_of.items():
            by_kind = known[group]
            usual = by_kind.get(release.kind) or next(iter(by_kind.values()), None)
            if usual:
                found[release_id] = _of_release(release, usual)
        return found

    def usual(self, db: Reader, app_id: int, kind: Kind, environment: str) -> Estimate | None:
        """Return the estimate of a release that is not requested yet; None without a success."""
        group = _Group(app_id, environment)
        by_kind = self._known(db, {group})[group]
        return by_kind.get(kind) or next(iter(by_kind.values()), None)

    def _known(
        self, db: Reader, groups: Collection[_Group]
    ) -> Mapping[_Group, Mapping[str, Estimate]]:
        now = self._clock()
        with self._lock:
            kept = {group: self._kept[group] for group in groups if group in self._kept}
        known = {group: by_kind for group, (until, by_kind) in kept.items() if until > now}
        if missing := [group for group in groups if group not in known]:
            read = _read(db, missing)
            with self._lock:
                if len(self._kept) > _KEPT_GROUPS:
                    self._kept.clear()
                self._kept |= {group: (now + self._seconds, read[group]) for group in missing}
            known |= read
        return known


def _of_release(release: Release, usual: Estimate) -> Estimate:
    """Return an estimate for this release: what is published as it was built is not built."""
    if release.artifact is None:
        return usual
    skipped = {
        stage.name
        for stage in release.stages
        if stage.name in {Stage.INSTALL, Stage.BUILD} and (stage.started_at is None or stage.cached)
    }
    kept = {name: 0 if name in skipped else took for name, took in usual.stages.items()}
    return Estimate(kept, usual.samples)


def _read(db: Reader, groups: Collection[_Group]) -> dict[_Group, Mapping[str, Estimate]]:
    newest = union_all(*(_newest(group, kind) for group in groups for kind in Kind)).subquery()
    took = (stages.c.ended_at - stages.c.started_at).label("took")
    query = (
        select(newest, stages.c.name, took)
        .join(stages, stages.c.release_id == newest.c.id)
        .where(stages.c.started_at.is_not(None), stages.c.ended_at.is_not(None))
        .order_by(stages.c.position)
    )
    rows = db.connection.execute(query).all()
    times: dict[_Group, dict[str, dict[Stage, list[int]]]] = {group: {} for group in groups}
    samples: dict[tuple[_Group, str], set[int]] = defaultdict(set)
    for row in rows:
        group = _Group(row.app_id, row.environment)
        by_stage = times[group].setdefault(row.kind, {})
        by_stage.setdefault(known_or_newer(Stage, row.name), []).append(max(0, row.took))
        samples[group, row.kind].add(row.id)
    return {
        group: {
            kind: Estimate(
                {stage: round(median(each)) for stage, each in by_stage.items()},
                len(samples[group, kind]),
            )
            for kind, by_stage in by_kind.items()
        }
        for group, by_kind in times.items()
    }


def _newest(group: _Group, kind: Kind) -> Select[Any]:
    """Return a query of the last successes, which an index answers without reading others."""
    last = (
        select(releases.c.id, releases.c.app_id, releases.c.kind, releases.c.environment)
        .where(releases.c.app_id == group.app_id, releases.c.kind == kind)
        .where(releases.c.environment == group.environment)
        .where(releases.c.state == State.SUCCEEDED)
        .order_by(releases.c.id.desc())
        .limit(_SAMPLES)
    )
    return select(last.subquery())
