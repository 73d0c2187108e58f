"""Metrics of one node for Prometheus: of its process, and of what it reads from the database."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import prometheus_client
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from mprelease import __version__
from mprelease.storage.database import Database
from mprelease.storage.outage import OUTAGE
from mprelease.supervision import LoopFailures
from mprelease.web.release_metrics import ReleaseMetrics

_FRESH_SECONDS = 5.0
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class MetricsConfig:
    """What the metrics of a node need from its settings.

    `token` gives access to the metrics alone; `data_folder` is where disk space is measured;
    `redis_is_up` returns None without Redis.
    """

    token: str | None = None
    data_folder: Path | None = None
    redis_is_up: Callable[[], bool | None] = lambda: None
    fresh_seconds: float = _FRESH_SECONDS


@dataclass(frozen=True)
class RequestRecord:
    """A request that was answered; `route` is a template, such as `/apps/{name}`."""

    method: str
    route: str
    status: int
    seconds: float


class Metrics:
    """The metrics of one node; thread-safe."""

    def __init__(self, config: MetricsConfig | None = None) -> None:
        """Register the metrics."""
        # The time of creation of each counter would double the number of time series.
        prometheus_client.disable_created_metrics()
        self.config = config or MetricsConfig()
        self._lock = threading.Lock()
        self._updated_at = float("-inf")
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        version = Gauge("mprelease_info", "This node.", ["version"], registry=registry)
        version.labels(__version__).set(1)
        self._requests = Counter(
            "mprelease_http_requests",
            "Requests that were answered, by the class of their status.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "mprelease_http_request_seconds",
            "Time from a request to the end of its answer.",
            ["method", "route"],
            registry=registry,
            buckets=_SECONDS,
        )
        self._sockets = _gauge(registry, "live_sockets", "Open live sockets of this node.")
        self._database = _gauge(registry, "database_up", "Whether the database answers.")
        self._redis = _Optional(registry, "redis_up", "Whether Redis answers, if there is one.")
        self._free = _Optional(registry, "disk_free_bytes", "Space that is free for the data.")
        self._size = _Optional(registry, "disk_size_bytes", "Size of the disk with the data.")
        self._releases = ReleaseMetrics(registry)
        self._loops = _Loops()
        registry.register(self._loops)

    def answered(self, record: RequestRecord) -> None:
        """Count a request."""
        method = record.method if record.method in _METHODS else "other"
        status = f"{record.status // 100}xx"
        self._requests.labels(method, record.route, status).inc()
        self._seconds.labels(method, record.route).observe(record.seconds)

    def text(self, database: Database, sockets: int, failures: LoopFailures) -> bytes:
        """Return all metrics in Prometheus's text format.

        Values that need a query are cached for a few seconds.
        """
        with self._lock:
            self._sockets.set(sockets)
            self._loops.failures = failures
            if time.monotonic() - self._updated_at > self.config.fresh_seconds:
                self._update(database)
                self._updated_at = time.monotonic()
            return generate_latest(self._registry)

    def _update(self, database: Database) -> None:
        try:
            self._releases.update(database)
        except OUTAGE:
            self._releases.forget()
            self._database.set(0)
        else:
            self._database.set(1)
        is_up = self.config.redis_is_up()
        self._redis.value = None if is_up is None else float(is_up)
        if self.config.data_folder:
            space = shutil.disk_usage(self.config.data_folder)
            self._free.value, self._size.value = space.free, space.total


@dataclass(eq=False)
class _Loops(Collector):
    failures: LoopFailures = field(default_factory=LoopFailures)

    def collect(self) -> Iterator[Metric]:
        """Yield the failures of this process's loops."""
        family = CounterMetricFamily(
            "mprelease_loop_failures",
            "Failed turns of this node's long-lived loops, since it began.",
            labels=["loop"],
        )
        for loop, count in sorted(self.failures.by_loop().items()):
            family.add_metric([loop], count)
        yield family


class _Optional(Collector):
    """A gauge that has no value where there is nothing to measure."""

    def __init__(self, registry: CollectorRegistry, name: str, help_text: str) -> None:
        self.value: float | None = None
        self._name, self._help = f"mprelease_{name}", help_text
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield the value."""
        metric = Metric(self._name, self._help, "gauge")
        if self.value is not None:
            metric.add_sample(self._name, {}, self.value)
        yield metric


def _gauge(registry: CollectorRegistry, name: str, help_text: str) -> Gauge:
    return Gauge(f"mprelease_{name}", help_text, registry=registry)
