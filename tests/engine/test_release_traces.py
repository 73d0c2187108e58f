"""One trace of each release, sent to a receiver of OTLP on this machine."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from gzip import decompress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from databases import on_sqlite
from light_pipeline import light, make_worker
from mprelease.domain.releases import Kind, Release, State
from mprelease.engine import release_traces
from mprelease.engine.release_traces import ReleaseTraces
from mprelease.engine.worker import WorkerConfig
from mprelease.supervision import LoopSupervisor
from worker_pool import WorkerPool, wait_until

STAGES = {"checkout", "install", "build", "publish"}
PROCESS = """
import sys
from mprelease.application import opened
from mprelease.settings.settings import load
application = opened(load())
application.log_listener(None)
application.close()
print(*sorted(name for name in sys.modules if name.startswith("opentelemetry.sdk")), sep=",")
"""


@dataclass
class Receiver:
    """What was received, and the address."""

    url: str
    requests: list[tuple[str, ExportTraceServiceRequest]] = field(default_factory=list)

    def spans(self) -> dict[str, Any]:
        """Return the spans by name; each name occurs once."""
        spans = [
            span
            for _, request in self.requests
            for of_resource in request.resource_spans
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        ]
        assert len({span.name for span in spans}) == len(spans)
        return {span.name: span for span in spans}

    def resource(self) -> dict[str, str]:
        return values(self.requests[0][1].resource_spans[0].resource)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            is_packed = self.headers.get("content-encoding") == "gzip"
            request = ExportTraceServiceRequest.FromString(decompress(body) if is_packed else body)
            received.requests.append((self.path, request))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received = Receiver(f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.url)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield received
        server.shutdown()
        thread.join()


def values(holder: Any) -> dict[str, Any]:
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in holder.attributes
    }


def released(pool: WorkerPool, state: State, description: str = "") -> Release:
    """Run a release with traces to its end, and wait until they are sent."""
    loops = LoopSupervisor()
    traces = ReleaseTraces(pool.services.database, "build-1", loops)
    worker = make_worker(
        pool.services,
        pool.folder / "one",
        light(pool.ledger),
        WorkerConfig("one", ("default",), 1, 0, 3000),
        live=traces,
    )
    worker.start()
    release_id = pool.request(description)
    pool.becomes(release_id, state)
    worker.close(requeue=False)
    worker.join()
    traces.close()
    assert loops.failures.total == 0
    return pool.release(release_id)


@on_sqlite
def test_a_release_is_one_trace_with_its_stages(pool: WorkerPool, receiver: Receiver) -> None:
    release = released(pool, State.SUCCEEDED)
    spans = receiver.spans()
    assert {path for path, _ in receiver.requests} == {"/v1/traces"}
    assert spans.keys() == {"release upload", "queue", *STAGES}
    root = spans.pop("release upload")
    assert root.parent_span_id == b""
    assert {span.trace_id for span in spans.values()} == {root.trace_id}
    assert {span.parent_span_id for span in spans.values()} == {root.span_id}
    assert release.ended_at
    times = release.created_at * 1_000_000, release.ended_at * 1_000_000
    assert (root.start_time_unix_nano, root.end_time_unix_nano) == times
    for stage in release.stages:
        assert stage.started_at
        assert spans[stage.name].start_time_unix_nano == stage.started_at * 1_000_000
    seen = values(root)
    assert seen["mprelease.release.id"] == release.id
    assert seen["mprelease.app"] == "shop-1"
    assert seen["mprelease.platform"] == "wechat"
    assert seen["mprelease.release.kind"] == Kind.UPLOAD
    assert seen["mprelease.version"] == release.version
    assert root.status.code == 0
    assert receiver.resource()["service.name"] == "mprelease"
    assert receiver.resource()["service.instance.id"] == "build-1"


@on_sqlite
def test_a_failed_release_is_an_error_in_its_stage(pool: WorkerPool, receiver: Receiver) -> None:
    released(pool, State.FAILED, "fail=build")
    spans = receiver.spans()
    assert spans.keys() == {"release upload", "queue", "checkout", "install", "build"}
    errors = {name for name, span in spans.items() if span.status.code == 2}
    assert errors == {"release upload", "build"}
    assert spans["release upload"].status.message == "build_failed"


@on_sqlite
def test_the_variables_of_opentelemetry_go_before_ours(
    pool: WorkerPool, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "releases")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=office")
    released(pool, State.SUCCEEDED)
    assert receiver.resource()["service.name"] == "releases"
    assert receiver.resource()["deployment.environment"] == "office"


@on_sqlite
def test_a_failed_export_is_counted(
    pool: WorkerPool, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    loops = LoopSupervisor()
    traces = ReleaseTraces(pool.services.database, "build-1", loops)
    with monkeypatch.context() as patch:
        patch.setattr(release_traces, "releases", None)
        traces.ended(1)
        wait_until(lambda: loops.failures.total == 1)
    traces.close()
    assert loops.failures.by_loop() == {"traces": 1}
    assert receiver.requests == []
    released(pool, State.SUCCEEDED)
    assert receiver.spans()


@on_sqlite
@pytest.mark.lasting
def test_a_receiver_that_is_away_neither_fails_a_release_nor_holds_up_the_end(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    began = time.monotonic()
    released(pool, State.SUCCEEDED)
    assert time.monotonic() - began < 15


@pytest.mark.lasting
@pytest.mark.parametrize("is_set", [False, True])
def test_nothing_is_imported_without_a_receiver(tmp_path: Path, is_set: bool) -> None:
    environment = {
        "PATH": "/usr/bin:/bin",
        "MPRELEASE_DATA_DIR": str(tmp_path / "data"),
        "MPRELEASE_CONFIG": str(tmp_path / "none.toml"),
        **({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"} if is_set else {}),
    }
    ended = subprocess.run(
        [sys.executable, "-c", PROCESS], env=environment, capture_output=True, text=True, check=True
    )
    assert ("opentelemetry.sdk.trace" in ended.stdout.split(",")) is is_set
    assert ended.stderr == ""


@pytest.mark.lasting
def test_without_the_extra_a_process_warns_and_goes_on(tmp_path: Path) -> None:
    environment = {
        "PATH": "/usr/bin:/bin",
        "MPRELEASE_DATA_DIR": str(tmp_path / "data"),
        "MPRELEASE_CONFIG": str(tmp_path / "none.toml"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    }
    missing = "import sys; sys.modules['opentelemetry.sdk'] = None\n" + PROCESS
    ended = subprocess.run(
        [sys.executable, "-c", missing], env=environment, capture_output=True, text=True, check=True
    )
    assert "install mprelease[otel]" in ended.stderr
