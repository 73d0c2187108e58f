"""`mprelease app board`, `app trial` and `project board`: which version is where."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from mprelease.cli import show, startup
from mprelease.cli.options import AppName, Json, ProjectName
from mprelease.cli.translation import t
from mprelease.cli.worker_queries import ask
from mprelease.domain.releases import State
from mprelease.domain.worker_queries import WorkerQuery, WorkerQueryKind

if TYPE_CHECKING:
    from mprelease.domain.board import Board, BoardRow, Placement


def of_app(name: AppName, json: Json = False) -> None:
    """Show which version is on each robot or channel of an app."""
    from mprelease.services import board

    with startup.reading() as db:
        found = [board.of_app(db, name)]
    _show(found, json=json)


def of_project(name: ProjectName, json: Json = False) -> None:
    """Show which version is on each robot or channel of a project's apps."""
    from mprelease.services import board, projects
    from mprelease.storage import apps

    with startup.reading() as db:
        found = board.boards(db, apps.of_project(db, projects.get(db, name).id))
    _show(found, json=json)


def trial(
    name: AppName,
    robot: Annotated[int | None, typer.Option(help=t("option.trial_robot"))] = None,
    json: Json = False,
) -> None:
    """Mark which robot or channel has the version that testers see, or request it."""
    from mprelease.services import apps, board

    with startup.opening() as application:
        services = application.services
        if robot is None:
            with services.database.reading() as db:
                app = apps.get(db, name)
            board.require_report(app)
            query = WorkerQuery(WorkerQueryKind.TRIAL_VERSION, name)
            board.store_answer(services, name, ask(application, app.label, query)["version"])
        else:
            board.mark(services, startup.me(), name, robot)
        with services.database.reading() as db:
            found = [board.of_app(db, name)]
    _show(found, json=json)


def _show(boards: "Sequence[Board]", *, json: bool) -> None:
    from mprelease.schemas.board_document import board_of
    from mprelease.settings.settings import load

    if json:
        show.as_json([board_of(each).model_dump(mode="json") for each in boards])
        return
    zone = ZoneInfo(load().timezone)
    columns = ("app", "robot", "kind", "version", "ref", "by", "time", "trial")
    show.table(columns, [row for each in boards for row in _rows(each, zone)])


def _rows(board: "Board", zone: ZoneInfo) -> list[list[str]]:
    return [
        _line(board, row, placed, zone)
        for row in board.rows
        for placed in (row.unsure, row.upload, row.preview)
        if placed
    ]


def _line(board: "Board", row: "BoardRow", placed: "Placement", zone: ZoneInfo) -> list[str]:
    commit = f" {placed.commit.id[:8]}" if placed.commit else ""
    is_unsure = placed.state is State.UNKNOWN
    since = datetime.fromtimestamp(placed.since / 1000, zone).strftime("%Y-%m-%d %H:%M")
    is_trial = row.is_trial and placed is row.upload
    return [
        board.app,
        row.shown_channel or "-",
        t(f"kind.{placed.kind}") + (f" ({t('state.unknown')})" if is_unsure else ""),
        placed.version or "-",
        f"{placed.ref}{commit}",
        placed.requested_by,
        since,
        t("web.trial") if is_trial else "",
    ]
