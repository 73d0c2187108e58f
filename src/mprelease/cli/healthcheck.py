"""`mprelease healthcheck`: whether the pages or the worker of this machine work, for containers."""

from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Annotated

import typer

from mprelease.cli.startup import opening
from mprelease.cli.translation import t

if TYPE_CHECKING:
    from mprelease.settings.settings import Settings

_SECONDS = 5.0
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (listening there, asked here)
OfWorker = Annotated[bool, typer.Option("--worker", help=t("option.healthcheck_worker"))]


def healthcheck(worker: OfWorker = False) -> None:
    """Exit with 0 if the pages answer and reach their database, else with 1 and the reason.

    With `--worker`: if the worker of this data folder lives, by its heartbeat in the database.
    """
    from mprelease.settings.settings import load

    if reason := _why_dead() if worker else _why_not_ready(load()):
        typer.echo(reason, err=True)
        raise typer.Exit(1)


def _why_not_ready(settings: "Settings") -> str:
    host, port = _ANY_ADDRESS.get(settings.host, settings.host), settings.port
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/readyz"
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


def _why_dead() -> str:
    from mprelease.storage import workers

    with opening() as application, application.services.database.reading() as db:
        alive = {worker.name for worker in workers.every(db) if worker.is_alive}
    name = application.worker_name
    return "" if name in alive else t("healthcheck.worker_dead", name=name)
