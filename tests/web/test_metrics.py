"""`/metrics`: who may read it, and that its numbers are those of the database and the process."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError

from api_clients import api_client
from databases import KINDS
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.domain.releases import Kind, Stage, StageState, State
from mprelease.domain.users import Actor, Role
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import releases
from mprelease.services.context import ServiceContext
from mprelease.storage import queue, workers
from mprelease.storage import release_metrics as stored
from mprelease.storage.database import Database
from mprelease.storage.queue import Lease
from mprelease.web.context import WebContext
from mprelease.web.metrics import Metrics, MetricsConfig
from web_clients import Site

TOKEN = "a token of the metrics"
BOSS = Actor("admin")
TOKENS = count()


@dataclass
class Reading:
    """The values of one scrape."""

    text: str

    def value(self, name: str, **labels: str) -> float | None:
        for family in text_string_to_metric_families(self.text):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return sample.value
        return None


def metered(site: Site, **config: Any) -> WebContext:
    """Give the site metrics that are never older than the request, and return its context."""
    context: WebContext = site.app.state.context
    named: Mapping[str, Any] = {"token": TOKEN, "fresh_seconds": -1.0, **config}
    object.__setattr__(context.metrics, "config", MetricsConfig(**named))
    return context


def scrape(site: Site, token: str = TOKEN, path: str = "/metrics") -> Reading:
    answer = site.anonymous().client.get(path, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return Reading(answer.text)


def ask_for(services: ServiceContext, kind: Kind = Kind.PREVIEW) -> int:
    return releases.request(services, BOSS, ReleaseRequest(app="shop", kind=kind))


def run(services: ServiceContext, release_id: int, state: State) -> Lease:
    """Run a release: an install from the cache in 2 s and a build in 40 s."""
    lease = queue.claim(services.database, release_id, "one", f"token {next(TOKENS)}")
    assert lease
    with services.database.writing() as db:
        for stage, seconds, cached in ((Stage.INSTALL, 2, True), (Stage.BUILD, 40, False)):
            queue.start_stage(db, lease, stage, at=1_000_000)
            ended = 1_000_000 + seconds * 1000
            queue.end_stage(db, lease, stage, StageState.SUCCEEDED, at=ended, cached=cached)
        if state is not State.RUNNING:
            problem = ProblemDetail(Problem.DISK_FULL) if state is State.FAILED else None
            assert queue.end(db, lease, state, problem)
    return lease


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/metrics"])
def test_the_token_of_the_metrics_or_an_administrators_reads_them(site: Site, path: str) -> None:
    metered(site)
    assert "mprelease_info" in scrape(site, TOKEN, path).text
    assert "mprelease_info" in scrape(site, api_client(site, Role.ADMIN).token, path).text


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/metrics"])
def test_nobody_else_reads_them_from_any_address(site: Site, path: str) -> None:
    metered(site)
    member = api_client(site, Role.MEMBER).token
    client = site.at("127.0.0.1").client
    for token, status in ((None, 401), ("", 401), (f"{TOKEN}s", 401), ("é", 401), (member, 403)):
        headers = {} if token is None else {"authorization": f"Bearer {token}".encode()}
        assert client.get(path, headers=headers).status_code == status
    metered(site, token=None)
    assert client.get(path, headers={"authorization": "Bearer "}).status_code == 401


def test_the_token_of_the_metrics_reads_nothing_else(site: Site) -> None:
    metered(site)
    headers = {"authorization": f"Bearer {TOKEN}"}
    client = site.anonymous().client
    assert client.get("/api/v1/releases", headers=headers).status_code == 401
    page = client.get("/releases", headers=headers, follow_redirects=False)
    assert page.status_code == 303


@pytest.mark.parametrize("kind", KINDS)
def test_releases_that_end_are_counted_once_with_their_stages(site: Site) -> None:
    metered(site)
    labels = {"kind": "preview", "platform": "wechat"}
    first = scrape(site)
    assert first.value("mprelease_releases", state="queued", **labels) == 1
    assert first.value("mprelease_releases_ended_total", state="failed", **labels) == 0
    assert first.value("mprelease_queue_length", label="default") == 1
    run(site.services, site.first, State.SUCCEEDED)
    run(site.services, ask_for(site.services), State.FAILED)
    left = ask_for(site.services)
    run(site.services, left, State.RUNNING)
    for _ in range(3):
        after = scrape(site)
        assert after.value("mprelease_releases_ended_total", state="succeeded", **labels) == 1
        assert after.value("mprelease_releases_ended_total", state="failed", **labels) == 1
        assert after.value("mprelease_releases", state="queued", **labels) == 0
        assert after.value("mprelease_releases", state="running", **labels) == 1
        build = {"stage": "build", "platform": "wechat"}
        assert after.value("mprelease_stage_seconds_count", **build) == 2
        assert after.value("mprelease_stage_seconds_sum", **build) == 80
        assert after.value("mprelease_stage_seconds_bucket", le="30.0", **build) == 0
        hits = {"cache": "dependencies", "result": "hit"}
        assert after.value("mprelease_cache_lookups_total", **hits) == 2
        assert after.value("mprelease_release_seconds_count", **labels) == 2


def test_a_node_counts_from_its_start_on_and_all_nodes_alike(site: Site) -> None:
    """The histories of two nodes differ, what both have seen does not."""
    run(site.services, site.first, State.SUCCEEDED)
    early, late = Metrics(), Metrics()
    database, loops = site.services.database, site.app.state.context.loops

    def ended(metrics: Metrics) -> float | None:
        object.__setattr__(metrics, "config", MetricsConfig(fresh_seconds=-1.0))
        text = metrics.text(database, 0, loops.failures).decode()
        return Reading(text).value(
            "mprelease_releases_ended_total", state="succeeded", kind="preview", platform="wechat"
        )

    assert ended(early) == 0
    run(site.services, ask_for(site.services), State.SUCCEEDED)
    assert (ended(early), ended(late)) == (1, 0)
    run(site.services, ask_for(site.services), State.SUCCEEDED)
    assert (ended(early), ended(late)) == (2, 1)


def test_an_id_that_becomes_visible_late_is_counted(site: Site) -> None:
    metered(site)
    scrape(site)
    slow, quick = (ask_for(site.services, Kind.UPLOAD) for _ in range(2))
    real = stored.open_releases
    with pytest.MonkeyPatch.context() as patch:
        # The insert of the first one is not committed yet.
        patch.setattr(stored, "open_releases", lambda db: [o for o in real(db) if o.id != slow])
        scrape(site)
    run(site.services, site.first, State.CANCELED)
    run(site.services, slow, State.SUCCEEDED)
    run(site.services, quick, State.SUCCEEDED)
    labels = {"state": "succeeded", "kind": "upload", "platform": "wechat"}
    assert scrape(site).value("mprelease_releases_ended_total", **labels) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_age_of_the_oldest_queued_release_is_told_by_label(site: Site) -> None:
    context = metered(site)
    with site.services.database.writing() as db:
        workers.register(db, "one", ["default", "intranet"], 3, "1")
    reading = scrape(site)
    waiting = reading.value("mprelease_queue_oldest_seconds", label="default")
    assert waiting is not None
    assert 0 <= waiting < 3600
    assert reading.value("mprelease_queue_oldest_seconds", label="intranet") == 0
    assert context.connections.count == 0


def test_workers_are_told_with_slots_and_failures(site: Site) -> None:
    metered(site)
    with site.services.database.writing() as db:
        workers.register(db, "one", ["default"], 3, "1")
        workers.heartbeat(db, "one", loop_failures=4)
    run(site.services, site.first, State.RUNNING)
    reading = scrape(site)
    seen = {
        name: reading.value(f"mprelease_worker_{name}", worker="one")
        for name in ("up", "draining", "slots", "slots_busy", "loop_failures_total")
    }
    expected = {"up": 1, "draining": 0, "slots": 3, "slots_busy": 1, "loop_failures_total": 4}
    assert seen == expected
    assert reading.value("mprelease_workers_alive") == 1


def test_requests_are_counted_by_template_and_class(site: Site) -> None:
    metered(site)
    browser = site.logged_in(Role.ADMIN)
    browser.client.get("/apps/shop")
    browser.client.get("/apps/no-such-app")
    browser.client.get("/no/such/page")
    browser.client.get("/static/icon.svg")
    browser.client.request("BREW", "/no/such/page")
    reading = scrape(site)
    name = "mprelease_http_requests_total"
    assert reading.value(name, route="/apps/{name}", method="GET", status="2xx") == 1
    assert reading.value(name, route="/apps/{name}", method="GET", status="4xx") == 1
    assert reading.value(name, route="unknown", method="GET", status="4xx") == 1
    assert reading.value(name, route="unknown", method="other", status="4xx") == 1
    assert reading.value(name, route="/static/", method="GET", status="2xx") == 1
    assert reading.value("mprelease_http_request_seconds_count", route="/apps/{name}") == 2
    site.anonymous().client.get(
        f"/api/v1/releases/{site.first}",
        headers={"authorization": f"Bearer {api_client(site, Role.MEMBER).token}"},
    )
    seen = scrape(site)
    assert seen.value(name, route="/api/v1/releases/{release_id}", status="2xx") == 1


def test_without_its_database_a_node_still_tells_so(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    metered(site)
    assert scrape(site).value("mprelease_database_up") == 1

    def unreachable(_: Database) -> None:
        raise OperationalError("SELECT", None, OSError())

    with monkeypatch.context() as patch:
        patch.setattr(Database, "reading", unreachable)
        reading = scrape(site)
    assert reading.value("mprelease_database_up") == 0
    assert reading.value("mprelease_releases", state="queued") is None
    assert scrape(site).value("mprelease_database_up") == 1


def test_redis_and_the_disk_are_told_where_there_are_any(site: Site, tmp_path: Any) -> None:
    metered(site)
    assert scrape(site).value("mprelease_redis_up") is None
    metered(site, redis_is_up=lambda: False, data_folder=tmp_path)
    reading = scrape(site)
    assert reading.value("mprelease_redis_up") == 0
    free, size = (reading.value(f"mprelease_disk_{name}_bytes") for name in ("free", "size"))
    assert free is not None
    assert size is not None
    assert 0 < free < size


def test_many_scrapes_query_the_database_once(site: Site) -> None:
    metered(site, fresh_seconds=3600.0)
    scrape(site)
    run(site.services, site.first, State.SUCCEEDED)
    assert scrape(site).value("mprelease_releases", state="queued") == 1
