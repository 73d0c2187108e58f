"""`mprelease worker` runs releases; `mprelease workers …` lists and manages workers."""

import signal
import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from mprelease.cli import options, show
from mprelease.cli.startup import log_to_stderr, me, opening, reading
from mprelease.cli.translation import t
from mprelease.cli.worker_queries import ask
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.worker_queries import WorkerQuery, WorkerQueryKind
from mprelease.domain.workers import DEFAULT_LABEL, OnTerminate, WorkerRecord

if TYPE_CHECKING:
    from mprelease.application import Application
    from mprelease.engine.recorder import LogListener
    from mprelease.engine.worker import Worker

_RECENT_MS = 7 * 24 * 3_600_000

commands = typer.Typer(help=t("cli.workers"))

Name = Annotated[str, typer.Argument(metavar="NAME", help=t("option.worker"))]


def worker(
    labels: Annotated[str | None, typer.Option("--labels", help=t("option.labels"))] = None,
    slots: Annotated[int | None, typer.Option(min=1, max=64, help=t("option.slots"))] = None,
) -> None:
    """Run releases until a signal."""
    from mprelease.schemas import validation
    from mprelease.services.context import require_matching_key
    from mprelease.workspace.owner_lock import owning

    with opening() as application, owning(application.layout) as is_mine:
        if not is_mine:
            folder = str(application.settings.data_dir)
            raise Refused(Problem.DATA_FOLDER_OWNED, folder=folder)
        log_to_stderr(application.settings.log_format)
        chosen = labels.split(",") if labels else application.settings.labels
        require_matching_key(application.services)
        checked = tuple(validation.label(label.strip()) for label in chosen)
        work(application, checked, slots or application.settings.slots)


def work(application: "Application", labels: tuple[str, ...], slots: int) -> None:
    """Run releases until a signal, then finish or requeue the running ones (`on_terminate`)."""
    signals = threading.Semaphore(0)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: signals.release())
    worker = start_worker(application, labels, slots)
    signals.acquire()
    hands_back = application.settings.on_terminate is OnTerminate.HAND_BACK
    typer.echo(t("cli.worker.hands_back" if hands_back else "cli.worker.finishes"), err=True)
    worker.close(requeue=hands_back)
    wait_for_end(worker, signals)


def start_worker(
    application: "Application",
    labels: tuple[str, ...],
    slots: int,
    live: "LogListener | None" = None,
    on_call: Callable[[], object] = lambda: None,
) -> "Worker":
    """Start and return a worker; this process must own the data folder.

    `live` is called with every line of the logs, `on_call` at each wake-up call.
    Raise Refused if this machine cannot run releases.
    """
    application.require_programs()
    worker = application.worker(labels, slots, live)
    worker.recover()
    _fill_standby(application, labels, slots)
    worker.start()

    def on_wakeup() -> bool:
        on_call()
        return worker.on_wakeup()

    application.messaging.dispatch.listen(labels, on_wakeup)
    name, joined = application.worker_name, ", ".join(labels)
    typer.echo(t("cli.worker.works", name=name, labels=joined, slots=slots), err=True)
    return worker


def _fill_standby(application: "Application", labels: tuple[str, ...], slots: int) -> None:
    """Let processes wait for the platforms of recent releases, and later for all in use."""
    from mprelease.platforms.registry import driver_of, served
    from mprelease.storage import apps

    standby = application.machine.standby
    standby.enable(slots)
    services = application.services
    with services.database.reading() as db:
        used = apps.recent_platforms(db, labels, services.now() - _RECENT_MS)
    for platform in sorted(set(served()) & set(used), key=used.index):
        if application.has_tool(platform):
            standby.use(driver_of(platform))


def wait_for_end(worker: "Worker", signals: threading.Semaphore) -> None:
    """Wait until a closed worker has ended; after another signal requeue its releases."""
    threading.Thread(target=_requeue_at_signal, args=(signals, worker), daemon=True).start()
    worker.join()


def _requeue_at_signal(signals: threading.Semaphore, worker: "Worker") -> None:
    signals.acquire()
    worker.close(requeue=True)


@commands.callback(invoke_without_command=True)
def workers(context: typer.Context, json: options.Json = False) -> None:
    """List the workers: state, labels, slots, running releases, and the last heartbeat."""
    if context.invoked_subcommand:
        return
    from mprelease.settings.settings import load
    from mprelease.storage import workers as stored

    with reading() as db:
        found = stored.every(db)
    zone = ZoneInfo(load().timezone)
    if json:
        show.as_json([show.plain(each) for each in found])
        return
    rows = [
        [
            each.name,
            t(_state(each)),
            ", ".join(each.labels),
            f"{len(each.runs)}/{each.slots}",
            " ".join(f"#{release}" for release in each.runs),
            f"{datetime.fromtimestamp(each.seen_at / 1000, zone):%Y-%m-%d %H:%M:%S}",
        ]
        for each in found
    ]
    show.table(("name", "state", "labels", "slots", "runs", "seen"), rows)


@commands.command(help=t("cli.workers.drain"))
def drain(name: Name) -> None:
    """Let a worker finish its releases and take no more."""
    _drain(name, draining=True)


@commands.command(help=t("cli.workers.resume"))
def resume(name: Name) -> None:
    """Let a drained worker take releases again."""
    _drain(name, draining=False)


@commands.command(help=t("cli.workers.address"))
def address(
    label: Annotated[str, typer.Option("--label", help=t("option.label"))] = DEFAULT_LABEL,
) -> None:
    """Show the public IP address of the workers of a label."""
    with opening() as application:
        typer.echo(ask(application, label, WorkerQuery(WorkerQueryKind.ADDRESS))["address"])


def _drain(name: str, *, draining: bool) -> None:
    from mprelease.services import workers as operations

    with opening() as application:
        operations.drain(application.services, me(), name, draining=draining)
    typer.echo(t("cli.workers.draining" if draining else "cli.workers.resumed", name=name))


def _state(worker: WorkerRecord) -> str:
    if not worker.is_alive:
        return "worker.dead"
    return "worker.draining" if worker.draining else "worker.alive"
