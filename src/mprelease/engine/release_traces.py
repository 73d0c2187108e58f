"""Export a trace of each release over OTLP/HTTP; needs the extra `otel`.

Receiver, headers, sampling and resource attributes come from OpenTelemetry's own variables. The
provider is not the global one: libraries with spans of their own do not export them.
"""

from concurrent.futures import ThreadPoolExecutor

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, Status, StatusCode, Tracer

from mprelease import __version__
from mprelease.domain.logs import LogLine
from mprelease.domain.releases import Release, StageRecord, StageState, State
from mprelease.storage import releases
from mprelease.storage.database import Database
from mprelease.supervision import LoopSupervisor

_NS_PER_MS = 1_000_000
_ENDED = {State.SUCCEEDED, State.FAILED, State.CANCELED}
_FLUSH_MS = 3000


class ReleaseTraces:
    """A listener that exports a release when its last attempt has ended; thread-safe.

    The times are those of the database, as on pages.
    """

    def __init__(self, database: Database, worker_name: str, loops: LoopSupervisor) -> None:
        """Take the database, the worker's name, and the supervisor that counts failures."""
        self._database = database
        self._loops = loops
        ours = {
            "service.name": "mprelease",
            "service.version": __version__,
            "service.instance.id": worker_name,
        }
        resource = Resource(ours).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("mprelease", __version__)
        # Listeners must not block, and this one queries the database.
        self._thread = ThreadPoolExecutor(1, "traces")

    def line_written(self, release_id: int, line: LogLine) -> None:
        """Ignore a line: traces have no logs."""

    def changed(self, release_id: int) -> None:
        """Ignore a change: only ended releases are exported."""

    def ended(self, release_id: int) -> None:
        """Export a release, unless it has only been returned to the queue."""
        self._thread.submit(self._export, release_id)

    def close(self) -> None:
        """Send what is pending, for a few seconds at most."""
        self._thread.shutdown()
        self._provider.force_flush(_FLUSH_MS)
        self._provider.shutdown()

    def _export(self, release_id: int) -> None:
        try:
            with self._database.reading() as db:
                release = releases.by_id(db, release_id)
            if release and release.state in _ENDED:
                add_trace(self._tracer, release)
        except Exception as error:  # noqa: BLE001 the thread must go on
            self._loops.report("traces", error)


def add_trace(tracer: Tracer, release: Release) -> None:
    """Record a span for an ended release, and below it its time in the queue and its stages."""
    attributes: dict[str, str | int] = {
        "mprelease.release.id": release.id,
        "mprelease.release.kind": release.kind,
        "mprelease.release.state": release.state,
        "mprelease.release.attempt": release.attempt,
        "mprelease.app": release.app_name,
        "mprelease.platform": release.platform,
        "mprelease.ref": release.shown_ref,
        **({"mprelease.version": release.version} if release.version else {}),
        **({"mprelease.commit": release.commit.id} if release.commit else {}),
    }
    root = tracer.start_span(
        f"release {release.kind}",
        context=trace.set_span_in_context(trace.INVALID_SPAN),
        start_time=release.created_at * _NS_PER_MS,
        attributes=attributes,
    )
    if release.started_at:
        queued = _child(tracer, root, "queue", release.created_at)
        queued.end(release.started_at * _NS_PER_MS)
    for stage in release.stages:
        _add_stage(tracer, root, stage)
    if release.state is State.FAILED:
        problem = release.error.problem.value if release.error else None
        root.set_status(Status(StatusCode.ERROR, problem))
    root.end((release.ended_at or release.created_at) * _NS_PER_MS)


def _add_stage(tracer: Tracer, root: Span, stage: StageRecord) -> None:
    if stage.started_at is None or stage.ended_at is None:
        return
    span = _child(tracer, root, stage.name, stage.started_at)
    span.set_attributes({"mprelease.stage.state": stage.state, "mprelease.cached": stage.cached})
    if stage.state is StageState.FAILED:
        span.set_status(StatusCode.ERROR)
    span.end(stage.ended_at * _NS_PER_MS)


def _child(tracer: Tracer, root: Span, name: str, started_at: int) -> Span:
    within = trace.set_span_in_context(root)
    return tracer.start_span(name, context=within, start_time=started_at * _NS_PER_MS)
