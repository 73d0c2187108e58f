"""The delay from a request to the first stage, and the time of a claim from a long queue."""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

from sqlalchemy import insert

import servers
from benchmarks.installation import APP, native
from benchmarks.measuring import InvalidMeasurement, Measurement, Of, Target, time_of
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, Stage, State
from mprelease.domain.users import Actor
from mprelease.domain.workers import DEFAULT_LABEL
from mprelease.engine.claims import claim_next
from mprelease.engine.dispatch import Dispatch
from mprelease.engine.local_dispatch import LocalDispatch
from mprelease.engine.slot import WorkerDependencies
from mprelease.engine.worker import Worker, WorkerConfig
from mprelease.engine.worker_queries import QueryEnvironment, QueryHandler
from mprelease.i18n import Language, Translator
from mprelease.pipeline.run import Limits, Machine, Node, Run
from mprelease.pipeline.runner import Outcome
from mprelease.pipeline.standby import Standby
from mprelease.pipeline.standby_limits import StandbyLimits
from mprelease.platforms.driver import Route, ToolEnvironment
from mprelease.process.sandbox import Unconfined
from mprelease.schemas.apps import App, AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.security.vault import Vault
from mprelease.services import apps, projects, releases
from mprelease.services.context import ServiceContext
from mprelease.simulator.keys import make_key
from mprelease.storage import queue
from mprelease.storage.database import Database, sqlite_url
from mprelease.storage.migrate import migrate
from mprelease.storage.tables import releases as releases_table
from mprelease.workspace.layout import prepared

_ACTOR = Actor("benchmark")
_LABELS = (DEFAULT_LABEL,)
_ROUNDS = 200
_CLAIMS = 40
_QUEUED = 10_000
_KEYS = 60


def measure(folder: Path) -> list[Measurement]:
    """Measure SQLite in one process, and MariaDB and PostgreSQL with Redis."""
    rows = _shape(folder / "alone", sqlite_url(folder / "alone.db"), None, "SQLite", 50)
    with ExitStack() as running:
        redis = running.enter_context(servers.redis_server()).url
        for start, name in ((servers.mariadb, "MariaDB"), (servers.postgresql, "PostgreSQL")):
            url = running.enter_context(start()).new_database()
            rows += _shape(folder / name, url, redis, f"{name}, Redis", 200)
    return rows


def _shape(folder: Path, url: str, redis: str | None, name: str, below: float) -> list[Measurement]:
    folder.mkdir()
    with _opened(folder, url) as (services, app):
        waits = sorted(_waits(services, folder, redis))
        begins = Measurement(
            f"request to first stage, p99, {name}",
            waits[int(0.99 * len(waits))],
            f"its median, n = {len(waits)}",
            median(waits),
            Target(Of.ALONE, below),
        )
        return [begins, _claims(services, app, name)]


def _waits(services: ServiceContext, folder: Path, redis: str | None) -> Iterator[float]:
    """Yield the delays from request to first stage of many releases, in ms."""
    calls, begun = _dispatch(folder, redis), _Begun()
    waking = replace(services, wake=calls.wake)
    worker = _worker(services, folder, begun.pipeline)
    worker.start()
    # A dispatch of its own, as on another machine or in another process.
    receiver = _dispatch(folder, redis)
    receiver.listen(_LABELS, worker.on_wakeup)
    for _ in range(_ROUNDS):
        begun.event.clear()
        began = time.perf_counter()
        releases.request(waking, _ACTOR, ReleaseRequest(app=APP, kind=Kind.PREVIEW))
        if not begun.event.wait(10):
            raise InvalidMeasurement("a release did not begin")
        yield (begun.at - began) * 1000
        begun.over.wait(10)
        # A random pause, so that requests are not synchronised with the worker's polling.
        time.sleep(secrets.randbelow(150) / 1000)
    worker.close(requeue=True)
    worker.join()
    for dispatch in (calls, receiver):
        dispatch.close()


def _dispatch(folder: Path, redis: str | None) -> Dispatch | LocalDispatch:
    return Dispatch(redis) if redis else LocalDispatch(folder / "wakeup.socket")


class _Begun:
    """A pipeline that records the time at which its first stage was stored as running."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.over = threading.Event()
        self.at = 0.0

    def pipeline(self, run: Run) -> Outcome:
        self.over.clear()
        run.recorder.started(Stage.CHECKOUT)
        self.at = time.perf_counter()
        self.event.set()
        self.over.set()
        return Outcome(State.SUCCEEDED)


def _claims(services: ServiceContext, app: App, name: str) -> Measurement:
    """Compare a claim from a nearly empty queue with one from a queue of ten thousand."""
    empty = median(_claim(services, app, fill=True) for _ in range(_CLAIMS))
    _fill(services, app, _QUEUED)
    full = median(_claim(services, app, fill=False) for _ in range(_CLAIMS))
    what = f"claim, {_QUEUED:,} queued, {name}"
    return Measurement(what, full, "claim, 1 queued", empty, Target(Of.RATIO, 2))


def _claim(services: ServiceContext, app: App, *, fill: bool) -> float:
    if fill:
        _fill(services, app, 1)
    taken: list[queue.Lease] = []

    def claim() -> None:
        if lease := claim_next(services.database, "benchmark", _LABELS, 60_000):
            taken.append(lease)

    took = time_of(claim)
    if not taken:
        raise InvalidMeasurement("nothing was claimed")
    with services.database.writing() as db:
        queue.end(db, taken[0], State.SUCCEEDED)
    return took


def _fill(services: ServiceContext, app: App, count: int) -> None:
    blank = {
        "app_id": app.id,
        "kind": Kind.PREVIEW,
        "state": State.QUEUED,
        "ref": "main",
        "environment": "production",
        "robot": 1,
        "description": "",
        "requested_by": _ACTOR.name,
        "created_at": 0,
        "warnings": [],
        "label": DEFAULT_LABEL,
        "priority": 0,
        "attempt": 0,
        "cancel_requested": False,
        "publish_state": "none",
    }
    rows = [{**blank, "due": n, "serial_key": f"key:{n % _KEYS}"} for n in range(count)]
    with services.database.writing() as db:
        db.connection.execute(insert(releases_table), rows)


@contextmanager
def _opened(folder: Path, url: str) -> Iterator[tuple[ServiceContext, App]]:
    database = Database(url)
    migrate(database, folder / "migration.lock")
    services = ServiceContext(
        database, Vault(bytes(32)), lambda: time.time_ns() // 1_000_000, ZoneInfo("Asia/Shanghai")
    )
    projects.add(
        services, _ACTOR, ProjectChange(name=APP, repository="/srv/app.git", default_branch="main")
    )
    apps.add(services, _ACTOR, APP, Platform.WECHAT, _credential())
    with database.reading() as db:
        app = apps.get(db, APP)
    yield services, app
    database.close()


def _credential() -> AppChange:
    return native().with_(credential=make_key().encode())


def _worker(services: ServiceContext, folder: Path, pipeline: Callable[[Run], Outcome]) -> Worker:
    layout = prepared(folder / "data")
    machine = Machine(
        layout=layout,
        sandbox=Unconfined("a benchmark"),
        standby=Standby(
            prepared(folder),
            Unconfined(""),
            ToolEnvironment(folder, "node", folder, None),
            StandbyLimits(0),
        ),
        node=Node("node", "npm", folder, "", ""),
        environment={},
        build_variables={},
        npm_registry=None,
        route=Route(),
        limits=Limits(dict.fromkeys(Stage, 60), 512),
        words=Translator(Language.ENGLISH),
    )
    worker_queries = QueryHandler(
        services, QueryEnvironment(machine.layout.mirrors, {}, Route(), None)
    )
    dependencies = WorkerDependencies(services, machine, 60, pipeline)
    return Worker(dependencies, WorkerConfig("benchmark", _LABELS, 2, 0), worker_queries)
