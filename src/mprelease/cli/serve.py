"""`mprelease serve`: serve the pages and, without `--no-worker`, run releases in one process."""

import gc
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from mprelease.cli import worker as worker_command
from mprelease.cli.startup import log_to_stderr, opening
from mprelease.cli.translation import t
from mprelease.domain.errors import Refused, StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.sandbox import SandboxPolicy
from mprelease.domain.worker_queries import WorkerQuery

if TYPE_CHECKING:
    from fastapi import FastAPI

    from mprelease.application import Application
    from mprelease.engine.worker import Worker
    from mprelease.live.hub import Hub
    from mprelease.web.guarded_server import QuietServer

Host = Annotated[str | None, typer.Option(help=t("option.host"))]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help=t("option.port"))]
NoWorker = Annotated[bool, typer.Option("--no-worker", help=t("option.no_worker"))]


def serve(host: Host = None, port: Port = None, no_worker: NoWorker = False) -> None:
    """Serve the pages until a signal; without `--no-worker` also run releases.

    `host` and `port` go before those of the settings.
    """
    with opening() as application:
        # Objects made during the start are never freed: collecting garbage would only take time.
        gc.disable()
        settings = application.settings
        log_to_stderr(settings.log_format)
        run(application, host or settings.host, port or settings.port, works=not no_worker)


def run(application: "Application", host: str, port: int, *, works: bool, words: str = "") -> None:
    """Serve until a signal, then finish or requeue the running releases (`on_terminate`).

    `words` are written after the URL when the server is ready.
    """
    from mprelease.live.hub import Hub
    from mprelease.services.context import require_matching_key
    from mprelease.web.connection_limits import ConnectionGuard, ConnectionLimits
    from mprelease.web.guarded_server import GuardedConfig
    from mprelease.web.held_port import HeldPort, HoldingServer
    from mprelease.web.live_source import StoredState

    require_matching_key(application.services)
    if works and application.settings.sandbox is SandboxPolicy.REQUIRED:
        # The worker starts beside the pages, which would already have shown the first password.
        _ = application.sandbox
    settings = application.settings
    limits = ConnectionLimits().within(_allow_many_sockets())
    hub = Hub(
        StoredState(application.services), application.messaging.subscriber(), application.loops
    )
    config = GuardedConfig(
        _web_app(application, hub, lambda: server.should_exit),
        ConnectionGuard(limits, settings.trusted_proxies),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=",".join(settings.trusted_proxies),
        server_header=False,
        timeout_graceful_shutdown=5,
        # Clients send little, and in a local network compression costs more than it saves.
        ws_max_size=4096,
        ws_per_message_deflate=False,
    )
    port_of_pages = HeldPort()
    server = HoldingServer(config, port_of_pages)
    application.network.refuse_pages(port)
    # The first reading queries the database, which the event loop must not wait for.
    application.services.now()
    # Released after the worker's end: a build must not listen there.
    with closing(port_of_pages), _working(application, server, hub) if works else nullcontext():
        password = _first_password(application)
        url = settings.base_url or f"http://{host_in_url(host)}:{port}"
        typer.echo(t("cli.serve.ready", url=url), err=True)
        if password:
            typer.echo(t("cli.serve.admin", name="admin", password=password), err=True)
        if words:
            typer.echo(words, err=True)
        # After its shutdown uvicorn raises the signal again, but the worker must still be ended.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        gc.freeze()
        gc.enable()
        server.run()


def _allow_many_sockets() -> int:
    """Raise the limit of open files to the hard limit and return it: each socket is a file."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def host_in_url(host: str) -> str:
    """Return the host under which this machine reaches the address that it listens on."""
    if host in {"127.0.0.1", "0.0.0.0", "::"}:  # noqa: S104 (listening there, opened here)
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _first_password(application: "Application") -> str | None:
    from mprelease.services import users

    given = application.settings.admin_password
    chosen = users.begin(application.services, given.get_secret_value() if given else None)
    return None if given else chosen


def _web_app(application: "Application", hub: "Hub", is_over: Callable[[], bool]) -> "FastAPI":
    from sqlalchemy import text

    from mprelease.services import worker_queries
    from mprelease.services.waiting_queries import WaitingQueries
    from mprelease.web.app import create_app
    from mprelease.web.context import WebContext
    from mprelease.web.metrics import Metrics, MetricsConfig

    waiting = WaitingQueries()

    def is_ready() -> bool:
        with application.services.database.reading() as db:
            return bool(db.connection.scalar(text("SELECT 1")))

    def ask(label: str, query: WorkerQuery, *, seconds: float, max_age: float) -> dict[str, object]:
        # Each waiting query blocks a thread of the pages.
        answer = worker_queries.ask(
            application.services,
            label,
            query,
            seconds=seconds,
            max_age=max_age,
            is_over=is_over,
            waiting=waiting,
        )
        if answer.problem_detail:
            raise StageFailed(answer.problem_detail.problem, **answer.problem_detail.parameters)
        return dict(answer.facts or {})

    def wake(label: str) -> None:
        application.services.wake(label)
        hub.changed()

    services = replace(application.services, wake=wake)
    settings, loops = application.settings, application.loops
    token = settings.metrics_token
    metrics = Metrics(
        MetricsConfig(
            token.get_secret_value() if token else None,
            settings.data_dir,
            application.messaging.is_reachable,
        )
    )
    return create_app(
        WebContext(services, ask, settings.base_url, is_ready, hub, loops=loops, metrics=metrics)
    )


@contextmanager
def _working(application: "Application", server: "QuietServer", hub: "Hub") -> Iterator[None]:
    """Run a worker during the block; raise Refused if another process owns the data folder."""
    from mprelease.workspace.owner_lock import owning

    with owning(application.layout) as is_mine:
        if not is_mine:
            folder = str(application.settings.data_dir)
            raise Refused(Problem.DATA_FOLDER_OWNED, folder=folder)
        worker = _BackgroundWorker(application, server, hub)
        try:
            yield
        finally:
            worker.end()


class _BackgroundWorker:
    """The worker of this process; it is started in a thread, so that pages are served at once."""

    def __init__(self, application: "Application", server: "QuietServer", hub: "Hub") -> None:
        self._application = application
        self._hub = hub
        self._server = server
        self._worker: Worker | None = None
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._begin, name="worker start")
        self._thread.start()

    def end(self) -> None:
        """Finish or requeue the running releases; raise the error that prevented the start."""
        from mprelease.domain.workers import OnTerminate

        self._thread.join()
        if self._failure:
            raise self._failure
        assert self._worker is not None
        settings, signals = self._application.settings, threading.Semaphore(0)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: signals.release())
        self._worker.close(requeue=settings.on_terminate is OnTerminate.HAND_BACK)
        worker_command.wait_for_end(self._worker, signals)

    def _begin(self) -> None:
        settings = self._application.settings
        try:
            self._worker = worker_command.start_worker(
                self._application,
                settings.labels,
                settings.slots,
                self._hub,
                self._hub.changed,
            )
        except Exception as failure:  # noqa: BLE001 raised again in the main thread
            self._failure = failure
            self._server.should_exit = True
