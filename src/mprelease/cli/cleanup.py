"""`mprelease cleanup`: remove what is no longer needed, or show what would be removed."""

from typing import TYPE_CHECKING, Annotated

import typer

from mprelease.cli import options, show
from mprelease.cli.startup import opening
from mprelease.cli.translation import t
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.i18n.quantities import size

if TYPE_CHECKING:
    from mprelease.application import Application
    from mprelease.domain.stores import StoreReport


def cleanup(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=t("option.dry_run"))] = False,
    json: options.Json = False,
) -> None:
    """Clean the data folder, or show what would be removed and why."""
    with opening() as application:
        reports = _rehearsed(application) if dry_run else _cleaned(application)
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


def _rehearsed(application: "Application") -> "list[StoreReport]":
    return application.cleanup.run(is_rehearsal=True)


def _cleaned(application: "Application") -> "list[StoreReport]":
    from mprelease.workspace.owner_lock import owning

    with owning(application.layout) as is_mine:
        if not is_mine:
            folder = str(application.settings.data_dir)
            raise Refused(Problem.DATA_FOLDER_OWNED, folder=folder)
        return application.cleanup.run()


def _reasons(report: "StoreReport") -> str:
    counts = (f"{t(f'removal.{why}')}: {count}" for why, count in report.removed.items())
    return ", ".join(counts)
