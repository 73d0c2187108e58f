"""`mprelease cleanup`: remove what is no longer needed, or show what would be removed."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from mprelease.cli import options, show
from mprelease.cli.startup import opening
from mprelease.cli.translation import t
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.workers import WorkerRecord
from mprelease.i18n.quantities import size

if TYPE_CHECKING:
    from mprelease.application import Application
    from mprelease.domain.stores import StoreReport

_MOST_SECONDS = 1800.0
_POLL_SECONDS = 0.5


def cleanup(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=t("option.dry_run"))] = False,
    json: options.Json = False,
) -> None:
    """Clean the data folder, or show what would be removed and why."""
    with opening() as application:
        reports = application.cleanup.run_all(is_dry_run=True) if dry_run else _cleaned(application)
    if json:
        show.as_json([show.plain(report) for report in reports])
        return
    rows = [
        [
            t(f"store.{report.store}"),
            str(report.items),
            size(report.size),
            "-" if report.limit is None else size(report.limit),
            size(report.removed_size) if report.removed else "-",
            _reasons(report),
        ]
        for report in reports
    ]
    going = "would_go" if dry_run else "removed"
    show.table(("store", "items", "size", "limit", going, "reason"), rows)


def _cleaned(application: "Application") -> "list[StoreReport]":
    from mprelease.workspace.owner_lock import owning

    with owning(application.layout) as is_mine:
        if is_mine:
            return application.cleanup.run_all()
    return _cleaned_by_worker(application)


def _cleaned_by_worker(application: "Application") -> "list[StoreReport]":
    """Let the worker that owns the data folder clean it; raise Refused if it does not."""
    from mprelease.storage import workers

    database, name = application.services.database, application.worker_name
    folder = str(application.settings.data_dir)

    def reported() -> WorkerRecord | None:
        with database.reading() as db:
            return next((one for one in workers.every(db) if one.name == name), None)

    before = reported()
    with database.writing() as db:
        if before is None or not workers.request_cleanup(db, name):
            raise Refused(Problem.DATA_FOLDER_OWNED, folder=folder)
    deadline = time.monotonic() + _MOST_SECONDS
    while (found := reported()) and found.stores_at == before.stores_at:
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL_SECONDS)
    if found is None or found.stores_at == before.stores_at:
        raise Refused(Problem.DATA_FOLDER_OWNED, folder=folder)
    return list(found.stores)


def _reasons(report: "StoreReport") -> str:
    counts = (f"{t(f'removal.{why}')}: {count}" for why, count in report.removed.items())
    return ", ".join(counts)
