"""The command line against a server: releases and their logs, without a data folder here."""

import secrets
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
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


def server() -> "ApiClient | None":
    """Return the server that the settings name, None where this machine is meant."""
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
    there: "ApiClient", wanted: ReleaseRequest, qr_code: Path | None, *, lines: bool, json: bool
) -> int:
    """Have a release made there, follow it to its end, show it, and return the exit code."""
    made = _config(there, "/releases", {"app": wanted.app, **_asked(wanted)})
    return _follow(there, made, qr_code, lines=lines, json=json)


def release_all(
    there: "ApiClient", project: str, wanted: ReleaseRequest, *, lines: bool, json: bool
) -> int:
    """Have a release made of each app of a project there, and follow all of them."""
    from mprelease.remote.parsing import release_of

    made = _config(there, f"/projects/{quote(project, safe='')}/releases", _asked(wanted))
    found = [release_of(one) for one in made]
    views = views_of([one.app_name for one in found], lines=lines)
    ended = _followed(there, found, views)
    outcome.report_all([(one, _save_qr_code(there, one, None)) for one in ended], json=json)
    return outcome.exit_code(ended)


def again(
    there: "ApiClient", release_id: int, qr_code: Path | None, *, lines: bool, json: bool
) -> int:
    """Have the same release made anew there, and follow it."""
    made = _config(there, f"/releases/{release_id}/again", {})
    return _follow(there, made, qr_code, lines=lines, json=json)


def cancel(there: "ApiClient", release_id: int) -> None:
    """Ask for the end of a release there."""
    with _reaching(there):
        there.post(f"/releases/{release_id}/cancel", {})


def log(there: "ApiClient", release_id: int, *, follow: bool) -> None:
    """Print the log of a release there, to its end or as far as it goes."""
    from mprelease.remote.parsing import listed_lines_of, release_of

    path = f"/releases/{release_id}"
    if follow:
        with _reaching(there):
            found = release_of(there.get(path))
        _watch(there, found, View(lines=True))
        return
    place = {"attempt": 0, "line": 0}
    while True:
        with _reaching(there):
            told = there.get_with_retries(f"{path}/log", limit=5000, **place)
        for line in listed_lines_of(told["items"]):
            sys.stdout.write(f"{line.text}\n")
        if not told["items"]:
            return
        place = told["next"]


def releases(there: "ApiClient", app: str | None, limit: int) -> list[Release]:
    """Return the newest releases there."""
    from mprelease.remote.parsing import release_of

    found: list[Release] = []
    asked: dict[str, str | int] = {"app": app} if app else {}
    while len(found) < limit:
        asked["limit"] = min(_PAGE, limit - len(found))
        with _reaching(there):
            told = there.get_with_retries("/releases", **asked)
        found += map(release_of, told["items"])
        if told["next"] is None:
            break
        asked["before"] = told["next"]
    return found


def _asked(wanted: ReleaseRequest) -> dict[str, object]:
    return wanted.model_dump(mode="json", include=set(ReleaseFields.model_fields))


def _config(there: "ApiClient", path: str, asked: dict[str, object]) -> Any:
    # A lost answer is asked for again, and nothing is released twice.
    key = f"cli-{secrets.token_hex(12)}"
    with _reaching(there):
        return there.post(path, asked, key)


def _follow(
    there: "ApiClient", made: object, qr_code: Path | None, *, lines: bool, json: bool
) -> int:
    from mprelease.remote.parsing import release_of

    [ended] = _followed(there, [release_of(made)], [View(lines=lines)])
    return outcome.report(ended, _save_qr_code(there, ended, qr_code), json=json)


def _followed(there: "ApiClient", found: Sequence[Release], views: Sequence[View]) -> list[Release]:
    """Show one's own releases until their ends, at once; Ctrl-C asks for their cancellation."""
    ends: list[Future[Release]] = [Future() for _ in found]

    def watch(end: "Future[Release]", one: Release, view: View) -> None:
        try:
            end.set_result(_watch(there, one, view))
        except Refused as refused:
            # Accepted releases go on there: it is not as if nothing had been queued.
            problem_detail = refused.problem_detail
            end.set_exception(ProblemError(problem_detail.problem, **problem_detail.parameters))
        except Exception as failure:  # noqa: BLE001 raised again in the main thread
            end.set_exception(failure)

    own = list(zip(ends, found, views, strict=True))
    for each in own:
        # Nobody waits for a server that has died: it goes on there.
        threading.Thread(target=watch, args=each, daemon=True).start()
    with suppress(KeyboardInterrupt):
        return [end.result() for end in ends]
    for end, one, view in own:
        if not end.done():
            view.cancel(partial(cancel, there, one.id))
    # A second Ctrl-C leaves it to the server.
    return [end.result() for end in ends]


def _watch(there: "ApiClient", found: Release, view: View) -> Release:
    """Show a release until its end."""
    from mprelease.remote.release_watch import ReleaseWatch

    for heard in ReleaseWatch(there, found, lambda news: view.t(t(news))):
        found = heard.release
        view.update(found, heard.lines)
    view.end(found)
    return found


def _save_qr_code(there: "ApiClient", ended: Release, wanted: Path | None) -> outcome.SavedCode:
    from mprelease.remote.api_client import ServerLost

    try:
        image = there.image(f"/releases/{ended.id}/qr-code")
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
def _reaching(there: "ApiClient") -> Iterator[None]:
    """Raise Refused in words where the server does not answer."""
    from mprelease.remote.api_client import ServerLost

    try:
        yield
    except ServerLost as lost:
        raise Refused(Problem.SERVER_UNREACHABLE, url=there.url, detail=str(lost)) from None
