"""Metrics of releases and workers from the database, the same on every node.

Counters and histograms count the releases that ended since this node started: several nodes count
the same ones, so that queries take the greatest value of all nodes, not the sum.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, Stage, State
from mprelease.domain.workers import WorkerRecord
from mprelease.storage import release_metrics as stored
from mprelease.storage import workers
from mprelease.storage.database import Database, Reader
from mprelease.storage.release_metrics import EndedRelease, OpenRelease

_OPEN = (State.QUEUED, State.RUNNING, State.UNKNOWN)
_ENDED = (State.SUCCEEDED, State.FAILED, State.CANCELED)
# Stages that can be served from a cache, and the name of that cache.
_CACHES: Mapping[str, str] = {Stage.INSTALL: "dependencies"}
_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)
# An id may become visible after a greater one: the transaction of its insert was slower.
_LATE_IDS = 200


class ReleaseMetrics(Collector):
    """Metrics that `update` reads from the database."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics."""
        self._seen = _Seen()
        self._workers: list[WorkerRecord] = []
        of_release = ("state", "kind", "platform")
        self._open = Gauge(
            "mprelease_releases",
            "Releases that have not ended, and those whose result is unknown.",
            of_release,
            registry=registry,
        )
        self._queued = Gauge(
            "mprelease_queue_length", "Queued releases.", ["label"], registry=registry
        )
        self._oldest = Gauge(
            "mprelease_queue_oldest_seconds",
            "Time since the request of the queued release that was requested first.",
            ["label"],
            registry=registry,
        )
        self._ended = Counter(
            "mprelease_releases_ended",
            "Releases that ended since this node started; all nodes count the same ones.",
            of_release,
            registry=registry,
        )
        self._stages = _histogram(
            registry, "stage", "Duration of a stage of ended releases.", "stage", "platform"
        )
        self._wait = _histogram(
            registry, "release_wait", "Time in the queue of ended releases.", "kind", "platform"
        )
        self._runs = _histogram(
            registry, "release", "Time from start to end of ended releases.", "kind", "platform"
        )
        self._lookups = Counter(
            "mprelease_cache_lookups",
            "Stages of ended releases that found their result in a cache (hit), or not (miss).",
            ("cache", "result"),
            registry=registry,
        )
        for state, kind, platform in product(_ENDED, Kind, Platform):
            self._ended.labels(state, kind, platform)
        for cache, result in product(_CACHES.values(), ("hit", "miss")):
            self._lookups.labels(cache, result)
        self._alive = Gauge("mprelease_workers_alive", "Workers alive.", registry=registry)
        self._of_workers = {
            name: Gauge(f"mprelease_worker_{name}", help_text, ["worker"], registry=registry)
            for name, help_text in (
                ("up", "Whether a worker is alive (1) or has sent no heartbeat for 15 s (0)."),
                ("draining", "Whether a worker takes no more releases."),
                ("slots", "Releases that a worker runs at the same time, at most."),
                ("slots_busy", "Releases that a worker is running."),
            )
        }
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield the counters that the workers keep themselves."""
        family = CounterMetricFamily(
            "mprelease_worker_loop_failures",
            "Failed turns of a worker's long-lived loops, since it began.",
            labels=["worker"],
        )
        for worker in self._workers:
            family.add_metric([worker.name], worker.loop_failures)
        yield family

    def update(self, database: Database) -> None:
        """Read the database; raise DatabaseError if it is unreachable."""
        with database.reading() as db:
            # In this order: a release that ends in between is counted by the next update.
            newest = stored.newest_id(db)
            unfinished = stored.open_releases(db)
            ended = self._seen.new_ones(db, newest, unfinished)
            of_workers = workers.every(db)
        for release in ended:
            self._count(release)
        self._show_open(unfinished, {label for worker in of_workers for label in worker.labels})
        self._show_workers(of_workers)

    def forget(self) -> None:
        """Remove what may not be true any more while the database is unreachable."""
        self._workers = []
        for gauge in (self._open, self._queued, self._oldest, *self._of_workers.values()):
            gauge.clear()
        self._alive.set(float("nan"))

    def _count(self, release: EndedRelease) -> None:
        self._ended.labels(release.state, release.kind, release.platform).inc()
        for histogram, took in ((self._wait, release.waited_ms), (self._runs, release.ran_ms)):
            if took is not None:
                histogram.labels(release.kind, release.platform).observe(max(0, took) / 1000)
        for stage in release.stages:
            self._stages.labels(stage.name, release.platform).observe(stage.milliseconds / 1000)
            if cache := _CACHES.get(stage.name):
                self._lookups.labels(cache, "hit" if stage.is_cached else "miss").inc()

    def _show_open(self, unfinished: list[OpenRelease], labels: set[str]) -> None:
        for gauge in (self._open, self._queued, self._oldest):
            gauge.clear()
        for state, kind, platform in product(_OPEN, Kind, Platform):
            self._open.labels(state, kind, platform)
        oldest = dict.fromkeys(labels, 0)
        for release in unfinished:
            self._open.labels(release.state, release.kind, release.platform).inc()
            if release.state == State.QUEUED:
                self._queued.labels(release.label).inc()
                before = oldest.get(release.label, 0)
                oldest[release.label] = max(before, release.waiting_ms)
        for label, waiting in oldest.items():
            self._queued.labels(label)
            self._oldest.labels(label).set(waiting / 1000)

    def _show_workers(self, of_workers: list[WorkerRecord]) -> None:
        self._workers = of_workers
        for gauge in self._of_workers.values():
            gauge.clear()
        for worker in of_workers:
            values = {
                "up": worker.is_alive,
                "draining": worker.draining,
                "slots": worker.slots,
                "slots_busy": len(worker.runs),
            }
            for name, value in values.items():
                self._of_workers[name].labels(worker.name).set(value)
        self._alive.set(sum(worker.is_alive for worker in of_workers))


@dataclass
class _Seen:
    """Which releases were open at the last update, and up to which id all others were counted."""

    newest: int | None = None
    unfinished: set[int] = field(default_factory=set)
    counted: set[int] = field(default_factory=set)

    def new_ones(
        self, db: Reader, newest: int, unfinished: list[OpenRelease]
    ) -> list[EndedRelease]:
        """Return the releases that ended since the last update; none at the first one."""
        still_open = {release.id for release in unfinished}
        ended: list[EndedRelease] = []
        after = (newest if self.newest is None else self.newest) - _LATE_IDS
        found = stored.ended_releases(db, self.unfinished - still_open, after, newest)
        ended = [each for each in found if each.id not in self.counted | still_open]
        counted = self.counted | {each.id for each in ended}
        self.counted = {each for each in counted if each > newest - _LATE_IDS}
        is_first, self.newest, self.unfinished = self.newest is None, newest, still_open
        return [] if is_first else ended


def _histogram(registry: CollectorRegistry, name: str, help_text: str, *labels: str) -> Histogram:
    full = f"mprelease_{name}_seconds"
    return Histogram(full, help_text, labels, registry=registry, buckets=_SECONDS)
