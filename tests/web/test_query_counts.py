"""How many queries a page takes does not depend on how much there is (issue 12, number 33)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import Engine, event

from mprelease.cli.follow import FollowedRelease, View, _update_views
from mprelease.domain.platforms import Platform
from mprelease.domain.projects import ProjectSecret
from mprelease.domain.releases import Kind
from mprelease.domain.users import Actor, Role
from mprelease.domain.worker_queries import QueryAnswer, WorkerQuery, WorkerQueryKind
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.schemas.users import NewUser
from mprelease.services import apps, projects, releases, sessions, shares, users, worker_queries
from mprelease.services.context import ServiceContext
from mprelease.storage import releases as stored
from mprelease.storage import users as stored_users
from mprelease.storage import worker_queries as stored_queries
from mprelease.storage import workers
from web_clients import Site

if TYPE_CHECKING:
    from mprelease.application import Application

pytestmark = [pytest.mark.lasting, pytest.mark.parametrize("kind", ["sqlite"])]
MORE = 12
FILLED = {"{name}": "shop", "{kind}": "preview"}
# A whole log comes in pieces, and a code of a login has no list.
NO_LIST = {"/releases/{release_id}/log.txt", "/s/{key}", "/s/{key}/qr-code"}


@contextmanager
def counted() -> Iterator[list[str]]:
    """List the statements of all engines during the block."""
    seen: list[str] = []

    def count_query(*given: object) -> None:
        seen.append(str(given[2]))

    event.listen(Engine, "before_cursor_execute", count_query)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", count_query)


def grow(site: Site, upload_key: str) -> None:
    """Add much of everything that lists show."""
    services, boss = site.services, Actor("admin")
    with services.database.reading() as db:
        admin = next(each for each in stored_users.every(db) if each.name == "admin")
    for number in range(MORE):
        name = f"more-{number}"
        secrets = {ProjectSecret.GIT_TOKEN: "token-0123456789"}
        change = ProjectChange(
            name=name, repository=f"/srv/{name}.git", default_branch="main", secrets=secrets
        )
        projects.add(services, boss, change)
        # Apps of a project of their own, and of the one that all pages show.
        for project, app in ((name, f"app-{number}"), ("web", f"twin-{number}")):
            new = AppChange(
                name=app,
                platform_app_id=f"wx{project == 'web':d}{number:015d}",
                credential=upload_key.encode(),
            )
            apps.add(services, boss, project, Platform.WECHAT, new)
            for release in (
                ReleaseRequest(app=app, kind=Kind.PREVIEW),
                ReleaseRequest(app="shop", kind=Kind.UPLOAD),
            ):
                made = releases.request(services, boss, release)
                with services.database.writing() as db:
                    stored.put_qr_code(db, made, b"image", "image/png", services.now())
                shares.share(services, boss, made)
        person, _ = users.add(
            services, boss, NewUser(name=f"person-{number}", role=Role.MEMBER, password=None)
        )
        sessions.add_token(services, person, "laptop", 1)
        sessions.add_token(services, admin, f"laptop {number}", 1)
        with services.database.writing() as db:
            workers.register(db, f"worker-{number}", ["default"], 2, "1")


def addresses(site: Site) -> dict[str, str]:
    """Return every page and answer that is got, by its path."""
    included = [getattr(one, "original_router", None) for one in site.app.routes]
    routes = (*site.app.routes, *(one for each in included if each for one in each.routes))
    found = {}
    for route in routes:
        if isinstance(route, APIRoute) and "GET" in route.methods and route.path not in NO_LIST:
            address = route.path.replace("{release_id}", str(site.first))
            for gap, word in FILLED.items():
                address = address.replace(gap, "web" if "/projects/" in address else word)
            found[route.path] = address
    return found


def test_the_number_of_queries_does_not_grow_with_what_there_is(
    site: Site, upload_key: str
) -> None:
    browser = site.logged_in(Role.SUPER_ADMIN)
    paths = addresses(site)
    assert len(paths) > 30

    def counts() -> dict[str, int]:
        found = {}
        for path, address in paths.items():
            browser.client.get(address)
            with counted() as seen:
                browser.client.get(address, follow_redirects=False)
            found[path] = len(seen)
        return found

    few = counts()
    grow(site, upload_key)
    many = counts()
    assert {path: (few[path], many[path]) for path in paths if many[path] > few[path]} == {}
    assert max(many.values()) < 20


def test_what_a_request_for_a_whole_project_asks_grows_by_what_it_writes_alone(
    site: Site, upload_key: str
) -> None:
    def query_count() -> int:
        with counted() as seen:
            releases.verify_all(site.services, "web", ReleaseRequest(app="", kind=Kind.UPLOAD))
        return len(seen)

    few = query_count()
    grow(site, upload_key)
    assert query_count() <= few + 2


@dataclass
class Opened:
    """As much of an application as following takes."""

    services: ServiceContext


def test_following_a_whole_project_asks_as_much_as_following_one_app(
    site: Site, upload_key: str
) -> None:
    grow(site, upload_key)
    wanted = ReleaseRequest(app="", kind=Kind.PREVIEW)
    accepted = releases.request_all(site.services, Actor("admin"), "web", wanted)
    views = [FollowedRelease(number, View(lines=True)) for number in accepted]
    assert len(views) > MORE

    def query_count(watched: list[FollowedRelease]) -> int:
        with counted() as seen:
            _update_views(cast("Application", Opened(site.services)), watched, has_own_worker=True)
        return len(seen)

    query_count(views)  # estimates are kept for some seconds
    assert query_count(views) == query_count(views[:1])


def test_a_cached_answer_waits_for_no_writer(site: Site) -> None:
    services, query = site.services, WorkerQuery(WorkerQueryKind.REFS, "web")
    with services.database.writing() as db:
        workers.register(db, "one", ["default"], 1, "1")
        stored_queries.add(db, "default", query)
    taken = stored_queries.claim(services.database, ["default"], 1000)
    assert taken
    with services.database.writing() as db:
        stored_queries.answer(db, taken, QueryAnswer({"branches": ["main"]}))
    answers: list[object] = []

    def ask() -> None:
        answers.append(worker_queries.ask(services, "default", query, seconds=5, max_age=60).facts)

    with services.database.writing():
        asking = threading.Thread(target=ask)
        asking.start()
        asking.join(3)
        assert answers == [{"branches": ["main"]}]
    asking.join()
