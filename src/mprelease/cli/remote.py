"""The command line against a server: releases and their logs, without a data folder here."""

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mprelease.cli import outcome
from mprelease.cli.follow import View
from mprelease.cli.words import say
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Release, ReleaseRequest
from mprelease.settings.environment import user_folder

if TYPE_CHECKING:
    from mprelease.remote.server import Server
    from mprelease.remote.watching import News

_PAGE = 100


def server() -> "Server | None":
    """Return the server that the settings name, None where this machine is meant."""
    from mprelease.settings.knobs import load

    settings = load()
    if not settings.server:
        return None
    if not settings.token:
        raise Refused(Problem.SERVER_TOKEN_MISSING, url=settings.server)
    from mprelease.remote.server import Server

    token = settings.token.get_secret_value().strip()
    language = say.language.replace("_", "-")
    return Server(settings.server, token, language, settings.extra_ca_certs)


def release(
    there: "Server", wanted: ReleaseRequest, qr_code: Path | None, *, lines: bool, json: bool
) -> int:
    """Have a release made there, follow it to its end, show it, and return the exit code."""
    asked = {
        "app": wanted.app,
        "kind": wanted.kind,
        "ref": wanted.ref,
        "version": wanted.version,
        "description": wanted.description,
        "environment": wanted.environment,
        "robot": wanted.robot,
        "page": wanted.launch.page,
        "query": wanted.launch.query,
        "scene": wanted.launch.scene,
        "settings": dict(wanted.settings),
        "priority": wanted.priority,
    }
    # A lost answer is asked for again, and nothing is released twice.
    key = f"cli-{secrets.token_hex(12)}"
    with _reaching(there):
        made = there.post("/releases", asked, key)
    return _follow(there, made, qr_code, lines=lines, json=json)


def again(
    there: "Server", release_id: int, qr_code: Path | None, *, lines: bool, json: bool
) -> int:
    """Have the same release made anew there, and follow it."""
    with _reaching(there):
        made = there.post(f"/releases/{release_id}/again", {})
    return _follow(there, made, qr_code, lines=lines, json=json)


def log(there: "Server", release_id: int, *, follow: bool) -> None:
    """Print the log of a release there, to its end or as far as it goes."""
    from mprelease.remote.reading import listed_lines_of, release_of

    path = f"/releases/{release_id}"
    if follow:
        with _reaching(there):
            found = release_of(there.get(path))
        _watch(there, found, View(lines=True))
        return
    place = {"attempt": 0, "line": 0}
    while True:
        with _reaching(there):
            told = there.get(f"{path}/log", limit=5000, **place)
        for line in listed_lines_of(told["items"]):
            sys.stdout.write(f"{line.text}\n")
        if not told["items"]:
            return
        place = told["next"]


def releases(there: "Server", app: str | None, limit: int) -> list[Release]:
    """Return the newest releases there."""
    from mprelease.remote.reading import release_of

    found: list[Release] = []
    asked: dict[str, str | int] = {"app": app} if app else {}
    while len(found) < limit:
        asked["limit"] = min(_PAGE, limit - len(found))
        with _reaching(there):
            told = there.get("/releases", **asked)
        found += map(release_of, told["items"])
        if told["next"] is None:
            break
        asked["before"] = told["next"]
    return found


def _follow(there: "Server", made: object, qr_code: Path | None, *, lines: bool, json: bool) -> int:
    from mprelease.remote.reading import release_of

    ended = _watch(there, release_of(made), View(lines=lines), cancels=True)
    saved = _save_qr_code(there, ended, qr_code)
    outcome.tell(ended, saved, json=json)
    return outcome.exit_code([ended])


def _watch(there: "Server", found: Release, view: View, *, cancels: bool = False) -> Release:
    """Show a release until its end; Ctrl-C asks for its cancellation where it is one's own."""
    from mprelease.remote.watching import Watching

    def tell(news: "News") -> None:
        view.say(say(news))

    watching = Watching(there, found, tell)
    while True:
        try:
            for heard in watching:
                found, lines = heard.release, heard.lines
                view.update(found, lines)
        except KeyboardInterrupt:
            if not cancels:
                raise
            with _reaching(there):
                there.post(f"/releases/{found.id}/cancel", {})
            view.say(say("cli.canceling"))
        else:
            view.end(found)
            return found


def _save_qr_code(there: "Server", ended: Release, wanted: Path | None) -> Path | None:
    try:
        with _reaching(there):
            image = there.image(f"/releases/{ended.id}/qr-code")
    except Refused:
        return None
    folder = user_folder("XDG_CACHE_HOME", ".cache") / "qr-codes"
    return outcome.write_qr_code(image, wanted, folder / str(ended.id))


@contextmanager
def _reaching(there: "Server") -> Iterator[None]:
    """Raise Refused in words where the server does not answer."""
    from mprelease.remote.server import Lost

    try:
        yield
    except Lost as lost:
        raise Refused(Problem.SERVER_UNREACHABLE, url=there.url, detail=str(lost)) from None
