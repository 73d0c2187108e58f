"""Commands that use a server's API instead of a data folder: releases and their logs."""

import secrets
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mprelease.cli import outcome
from mprelease.cli.follow import View, views_of
from mprelease.cli.translation import t
from mprelease.domain.errors import ProblemError, Refused
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.domain.releases import Release
from mprelease.schemas.releases import ReleaseFields, ReleaseRequest
from mprelease.settings.environment import user_folder

if TYPE_CHECKING:
    from mprelease.remote.api_client import ApiClient

_PAGE = 100


@dataclass(frozen=True)
class Repetition:
    """How an earlier release is repeated; with `node` the app's Node is set first."""

    node: str | None = None
    build_anew: bool = False


def server() -> "ApiClient | None":
    """Return the client of the configured server; None to work on this machine. Raise Refused."""
    from mprelease.settings.settings import load

    settings = load()
    if not settings.server:
        return None
    if not settings.token:
        raise Refused(Problem.SERVER_TOKEN_MISSING, url=settings.server)
    from mprelease.remote.api_client import ApiClient

    token = settings.token.get_secret_value().strip()
    language = t.language.replace("_", "-")
    return ApiClient(settings.server, token, language, settings.extra_ca_certs)


def release(
    client: "ApiClient", wanted: ReleaseRequest, qr_code: Path | None, *, lines: bool, json: bool
) -> int:
    """Queue a release on the server, follow it, report it, and return the exit code."""
    made = _post(client, "/releases", {"app": wanted.app, **_body(wanted)})
    return _follow(client, made, qr_code, lines=lines, json=json)


def release_all(
    client: "ApiClient", project: str, wanted: ReleaseRequest, *, lines: bool, json: bool
) -> int:
    """Queue a release of each app of a project on the server, and follow all of them."""
    from mprelease.remote.parsing import release_of

    made = _post(client, f"/projects/{quote(project, safe='')}/releases", _body(wanted))
    queued = [release_of(one) for one in made]
    views = views_of([one.app_name for one in queued], lines=lines)
    ended = _followed(client, queued, views)
    outcome.report_all([(one, _save_qr_code(client, one, None)) for one in ended], json=json)
    return outcome.exit_code(ended)


def again(
    client: "ApiClient",
    release_id: int,
    qr_code: Path | None,
    how: Repetition,
    *,
    lines: bool,
    json: bool,
) -> int:
    """Queue a release with the parameters of an earlier one on the server, and follow it."""
    path, node = f"/releases/{release_id}/again", how.node
    changes: dict[str, object] = {"build_anew": True} if how.build_anew else {}
    made = (
        _post(client, f"{path}-with-node", {"node": node}) if node else _post(client, path, changes)
    )
    return _follow(client, made, qr_code, lines=lines, json=json)


def cancel(client: "ApiClient", release_id: int) -> None:
    """Request the cancellation of a release on the server."""
    with _reaching(client):
        client.post(f"/releases/{release_id}/cancel", {})


def log(client: "ApiClient", release_id: int, *, follow: bool) -> None:
    """Print the log of a release on the server; with `follow` until its end."""
    from mprelease.remote.parsing import listed_lines_of, release_of

    path = f"/releases/{release_id}"
    if follow:
        with _reaching(client):
            release = release_of(client.get(path))
        _watch(client, release, View(lines=True))
        return
    place = {"attempt": 0, "line": 0}
    while True:
        with _reaching(client):
            part = client.get_with_retries(f"{path}/log", limit=5000, **place)
        for line in listed_lines_of(part["items"]):
            sys.stdout.write(f"{line.text}\n")
        if not part["items"]:
            return
        place = part["next"]


def releases(client: "ApiClient", app: str | None, limit: int) -> list[Release]:
    """Return the newest releases of the server."""
    from mprelease.remote.parsing import release_of

    listed: list[Release] = []
    parameters: dict[str, str | int] = {"app": app} if app else {}
    while len(listed) < limit:
        parameters["limit"] = min(_PAGE, limit - len(listed))
        with _reaching(client):
            part = client.get_with_retries("/releases", **parameters)
        listed += map(release_of, part["items"])
        if part["next"] is None:
            break
        parameters["before"] = part["next"]
    return listed


def _body(wanted: ReleaseRequest) -> dict[str, object]:
    return wanted.model_dump(mode="json", include=set(ReleaseFields.model_fields))


def _post(client: "ApiClient", path: str, body: dict[str, object]) -> Any:
    # The key makes retries safe: a repeated request makes no second release.
    key = f"cli-{secrets.token_hex(12)}"
    with _reaching(client):
        return client.post(path, body, key)


def _follow(
    client: "ApiClient", made: object, qr_code: Path | None, *, lines: bool, json: bool
) -> int:
    from mprelease.remote.parsing import release_of

    [ended] = _followed(client, [release_of(made)], [View(lines=lines)])
    return outcome.report(ended, _save_qr_code(client, ended, qr_code), json=json)


def _followed(
    client: "ApiClient", queued: Sequence[Release], views: Sequence[View]
) -> list[Release]:
    """Follow own releases in parallel until their end and return them; Ctrl-C cancels them."""
    ends: list[Future[Release]] = [Future() for _ in queued]

    def watch(end: "Future[Release]", one: Release, view: View) -> None:
        try:
            end.set_result(_watch(client, one, view))
        except Refused as refused:
            # The releases were accepted and continue: the exit code must not be that of a refusal.
            problem_detail = refused.problem_detail
            end.set_exception(ProblemError(problem_detail.problem, **problem_detail.parameters))
        except Exception as failure:  # noqa: BLE001 raised again in the main thread
            end.set_exception(failure)

    own = list(zip(ends, queued, views, strict=True))
    for each in own:
        # Daemon threads: the program must be able to end while a server does not respond.
        threading.Thread(target=watch, args=each, daemon=True).start()
    with suppress(KeyboardInterrupt):
        return [end.result() for end in ends]
    for end, one, view in own:
        if not end.done():
            view.cancel(partial(cancel, client, one.id))
    # A second Ctrl-C ends the program without waiting.
    return [end.result() for end in ends]


def _watch(client: "ApiClient", release: Release, view: View) -> Release:
    """Write the progress of a release until its end."""
    from mprelease.remote.release_watch import ReleaseWatch

    for update in ReleaseWatch(client, release, lambda message: view.write(t(message))):
        release = update.release
        view.update(release, update.lines)
    view.end(release)
    return release


def _save_qr_code(client: "ApiClient", ended: Release, wanted: Path | None) -> outcome.SavedCode:
    from mprelease.remote.api_client import ServerLost

    try:
        image = client.image(f"/releases/{ended.id}/qr-code")
    except ServerLost as lost:
        return _not_fetched(ended, wanted, str(lost))
    except Refused as refused:
        if refused.problem_detail.parameters.get("code") != Problem.NO_QR_CODE:
            return _not_fetched(ended, wanted, t.of(refused.problem_detail.message))
        image = None
    folder = user_folder("XDG_CACHE_HOME", ".cache") / "qr-codes"
    return outcome.write_qr_code(image, ended, wanted, folder)


def _not_fetched(ended: Release, wanted: Path | None, detail: str) -> outcome.SavedCode:
    problem_detail = ProblemDetail(
        Problem.QR_CODE_NOT_FETCHED, {"release": ended.id, "detail": detail}
    )
    return outcome.SavedCode(None, problem_detail, is_missed=wanted is not None)


@contextmanager
def _reaching(client: "ApiClient") -> Iterator[None]:
    """Raise Refused if the server cannot be reached."""
    from mprelease.remote.api_client import ServerLost

    try:
        yield
    except ServerLost as lost:
        raise Refused(Problem.SERVER_UNREACHABLE, url=client.url, detail=str(lost)) from None
