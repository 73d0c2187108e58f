"""`mprelease healthcheck`: whether the pages or the worker of this machine work, for containers."""

import time
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mprelease.cli.serve import host_in_url
from mprelease.cli.translation import t

if TYPE_CHECKING:
    from mprelease.settings.settings import Settings

_SECONDS = 5.0
# A tick waits for the database, up to a quarter of a minute for each of its statements.
_STUCK_SECONDS = 120.0
OfWorker = Annotated[bool, typer.Option("--worker", help=t("option.healthcheck_worker"))]


def healthcheck(worker: OfWorker = False) -> None:
    """Exit with 0 if the pages answer and reach their database, else with 1 and the reason.

    With `--worker`: if the worker of this data folder runs and its tick does not stand still. A
    database that is away does not count: the worker waits for it, and restarting would not help.
    """
    from mprelease.settings.settings import load

    settings = load()
    if reason := _why_dead(settings.data_dir) if worker else _why_not_ready(settings):
        typer.echo(reason, err=True)
        raise typer.Exit(1)


def _why_not_ready(settings: "Settings") -> str:
    host, port = host_in_url(settings.host), settings.port
    url = f"http://{host}:{port}/readyz"
    # Not httpx, which takes longer to import than everything else here.
    connection = HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request("GET", "/readyz")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return t("healthcheck.no_answer", url=url, detail=str(error) or type(error).__name__)
    finally:
        connection.close()
    return "" if status == HTTPStatus.OK else t("healthcheck.not_ready", url=url, status=status)


def _why_dead(folder: Path) -> str:
    from mprelease.workspace.layout import Layout

    try:
        silent = time.time() - Layout(folder).worker_tick.stat().st_mtime
    except OSError:
        return t("healthcheck.no_worker", folder=str(folder))
    return t("healthcheck.worker_stuck", seconds=int(silent)) if silent > _STUCK_SECONDS else ""
