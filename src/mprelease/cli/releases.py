"""`mprelease releases`, `log`, `cancel` and `release …`: list, show and manage releases."""

import sys
import time
from datetime import datetime, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from mprelease.cli import options, outcome, remote, show
from mprelease.cli.follow import View, watch
from mprelease.cli.output_file import refuse_unwritable
from mprelease.cli.startup import me, opening, reading
from mprelease.cli.translation import t
from mprelease.cli.worker_queries import ask
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Release
from mprelease.domain.worker_queries import WorkerQuery, WorkerQueryKind
from mprelease.i18n.progress import progress


def releases(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help=t("option.app"))] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help=t("option.limit"))] = 20,
    json: options.Json = False,
) -> None:
    """List the newest releases."""
    from mprelease.settings.settings import load

    zone = ZoneInfo(load().timezone)
    client = remote.server()
    found = remote.releases(client, name, limit) if client else _newest(name, limit)
    if json:
        show.as_json([show.release(release, None) for release in found])
    else:
        columns = ("id", "app", "kind", "version", "ref", "state", "by", "time", "error")
        show.table(columns, [_row(release, zone) for release in found])


def _newest(name: str | None, limit: int) -> list[Release]:
    from mprelease.storage import apps
    from mprelease.storage import releases as stored
    from mprelease.storage.estimates import Estimates
    from mprelease.storage.progress import with_progress

    with reading() as db:
        app = apps.by_name(db, name) if name else None
        if name and app is None:
            raise Refused(Problem.APP_UNKNOWN, name=name)
        found = stored.newest(db, app.id if app else None, limit)
        return with_progress(db, Estimates(), found)


def log(release_id: options.ReleaseId, *, follow_: options.Follow = False) -> None:
    """Print the log of a release."""
    from mprelease.storage import logs
    from mprelease.storage import releases as stored

    if client := remote.server():
        remote.log(client, release_id, follow=follow_)
    elif follow_:
        with opening() as application:
            watch(application, release_id, View(lines=True))
    else:
        with reading() as db:
            if stored.by_id(db, release_id) is None:
                raise Refused(Problem.RELEASE_UNKNOWN, release=release_id)
            for line in logs.after(db, release_id):
                sys.stdout.write(f"{line.text}\n")


def cancel(release_id: options.ReleaseId) -> None:
    """Cancel a release that is queued, or running and not yet being uploaded."""
    from mprelease.services import releases as operations

    if client := remote.server():
        remote.cancel(client, release_id)
    else:
        with opening() as application:
            operations.cancel(application.services, me(), release_id)
    typer.echo(t("cli.canceling"))


resolving = typer.Typer(no_args_is_help=True, help=t("cli.release"))


@resolving.command(help=t("cli.release.resolve"))
def resolve(
    release_id: options.ReleaseId,
    published: Annotated[
        bool, typer.Option("--published/--not-published", help=t("option.published"))
    ],
) -> None:
    """Decide how a release ended whose worker died during the upload."""
    from mprelease.services import releases as operations

    with opening() as application:
        release = operations.resolve(application.services, me(), release_id, published=published)
    typer.echo(f"#{release.id} {release.app_name} · {t(f'state.{release.state}')}")


@resolving.command(help=t("cli.release.keep"))
def keep(
    release_id: options.ReleaseId,
    *,
    off: Annotated[bool, typer.Option("--off", help=t("option.keep_off"))] = False,
) -> None:
    """Keep a release regardless of its age, or no longer."""
    from mprelease.services import retention

    with opening() as application:
        release = retention.keep(application.services, me(), release_id, kept=not off)
    kept = t("cli.release.kept" if release.kept else "cli.release.not_kept")
    typer.echo(f"#{release.id} {release.app_name} · {kept}")


@resolving.command(help=t("cli.release.finish"))
def finish(
    release_id: options.ReleaseId, qr_code: options.QrCode = None, *, json: options.Json = False
) -> None:
    """Run the missed step of an accepted upload, and show its QR code."""
    from mprelease.services import finishing
    from mprelease.services import releases as operations

    refuse_unwritable(qr_code)
    with opening() as application:
        with application.services.database.reading() as db:
            _, app = finishing.upload(db, release_id)
        query = WorkerQuery(WorkerQueryKind.FINISH, str(release_id), {"who": me().name})
        ask(application, app.label, query)
        with application.services.database.reading() as db:
            release = operations.get(db, release_id)
        code = outcome.show_one(application, release, qr_code, json=json)
    raise typer.Exit(code)


def _row(release: Release, zone: tzinfo) -> list[str]:
    return [
        str(release.id),
        release.app_name,
        t(f"kind.{release.kind}"),
        release.version or "",
        release.shown_ref,
        _state(release),
        release.requested_by,
        f"{datetime.fromtimestamp(release.created_at / 1000, zone):%Y-%m-%d %H:%M}",
        t.of(release.error.message) if release.error else "",
    ]


def _state(release: Release) -> str:
    """Return the state, with the remaining time or the place in the queue."""
    state = t(f"state.{release.state}")
    if release.queue:
        return f"{state} · {t('progress.position', position=release.queue.position)}"
    words = progress(t, release, time.time_ns() // 1_000_000)
    return f"{state} · {words}" if words else state
