"""Values that a newer node has written are shown by an older one, and left alone.

Issue 12, number 29: nodes are updated one by one (docs/operating.md).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import pytest
from sqlalchemy import Column, Table, insert, update

from api_clients import api_client
from mprelease.domain.logs import LogLine, Position
from mprelease.domain.newer_values import known_or_newer
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Message, Problem, ProblemDetail
from mprelease.domain.releases import Stage, State
from mprelease.domain.users import Permission, Role
from mprelease.domain.worker_queries import WorkerQuery, WorkerQueryKind
from mprelease.i18n import Language, Translator
from mprelease.remote.parsing import release_of
from mprelease.storage import logs, releases, tables, worker_queries
from mprelease.storage.candidates import candidates
from test_rights import routes
from web_clients import Site

pytestmark = pytest.mark.lasting

NEWER = "newer"
ENUMS = [
    (tables.apps, "platform"),
    (tables.apps, "project_type"),
    (tables.releases, "kind"),
    (tables.releases, "state"),
    (tables.releases, "environment"),
    (tables.releases, "failed_stage"),
    (tables.releases, "publish_state"),
    (tables.stages, "name"),
    (tables.stages, "state"),
    (tables.log_chunks, "stage"),
    (tables.workers, "sandbox"),
    (tables.worker_queries, "kind"),
    (tables.audit, "action"),
    (tables.users, "role"),
    (tables.access_keys, "kind"),
    (tables.qr_codes, "kind"),
]
JSON_VALUES = {
    "error": {"problem": NEWER, "parameters": {"path": "a.js"}},
    "warnings": [{"id": f"warning.{NEWER}", "parameters": {"path": "a.js"}}],
}
CLAIMED_BY = {"platform", "project_type", "kind", "environment", "state"}


def with_a_row_everywhere(site: Site) -> None:
    line = LogLine(Position(1, 1), site.services.now(), Stage.BUILD, "a line")
    with site.services.database.writing() as db:
        logs.append(db, site.first, [line])
        worker_queries.add(db, "default", WorkerQuery(WorkerQueryKind.REFS, "web"))
        releases.put_qr_code(db, site.first, b"\x89PNG", "image/png", site.services.now())
        db.connection.execute(
            insert(tables.workers).values(
                name="worker",
                labels=["default"],
                slots=1,
                version="1",
                started_at=site.services.now(),
                seen_at=site.services.now(),
                draining=False,
                sandbox="user",
            )
        )


def written(site: Site, table: Table, column: Column[Any]) -> None:
    change = update(table).values({column: NEWER})
    if table is tables.users:
        change = change.where(tables.users.c.role == Role.VIEWER)
    elif table is tables.stages:
        change = change.where(tables.stages.c.position == 1)
    with site.services.database.writing() as db:
        db.connection.execute(change)


def walked(site: Site) -> None:
    """Every page and every list of the API answers, and so does the remote client that reads it."""
    browser, ci = site.logged_in(Role.SUPER_ADMIN), api_client(site, Role.SUPER_ADMIN)
    bearer = {"authorization": f"Bearer {ci.token}"}
    for route, method, address, _ in routes(site):
        if method == "GET":
            headers = bearer if address.startswith("/api/") else {}
            answer = browser.client.get(address, headers=headers, follow_redirects=False)
            assert answer.status_code < 500, (route.path, answer.text[-600:])
    answer = ci.call("GET", f"/releases/{site.first}")
    assert release_of(answer).id == site.first


def names_of(columns: Sequence[tuple[Table, str]]) -> str:
    return " ".join(f"{table}.{name}" for table, name in columns)


def walks() -> Iterator[list[tuple[Table, str]]]:
    """Share the columns out: no two of a row, and those of apps alone, as they hide others."""
    yield from ([one] for one in ENUMS if one[0] is tables.apps)
    left = [one for one in ENUMS if one[0] is not tables.apps]
    while left:
        walk = dict(reversed(left))
        yield list(walk.items())
        left = [(table, name) for table, name in left if walk[table] != name]


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("columns", list(walks()), ids=names_of)
def test_every_page_and_list_shows_what_it_does_not_know(
    site: Site, columns: list[tuple[Table, str]]
) -> None:
    with_a_row_everywhere(site)
    for table, name in columns:
        written(site, table, table.c[name])
    walked(site)


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("name", JSON_VALUES)
def test_problems_and_warnings_of_a_newer_node_are_shown_with_their_names(
    site: Site, name: str
) -> None:
    with site.services.database.writing() as db:
        db.connection.execute(update(tables.releases).values({name: JSON_VALUES[name]}))
    walked(site)
    page = site.logged_in(Role.SUPER_ADMIN).client.get(f"/releases/{site.first}").text
    assert NEWER in page
    assert "a.js" in page


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize(
    ("table", "name"), [(table, name) for table, name in ENUMS if name in CLAIMED_BY], ids=str
)
def test_no_worker_takes_a_release_or_a_query_that_it_does_not_understand(
    site: Site, table: Table, name: str
) -> None:
    with_a_row_everywhere(site)
    with site.services.database.reading() as db:
        assert candidates(db, ["default"]) == [site.first]
    written(site, table, table.c[name])
    with site.services.database.reading() as db:
        if table in {tables.apps, tables.releases}:
            assert candidates(db, ["default"]) == []
    if table is tables.worker_queries:
        assert worker_queries.claim(site.services.database, ["default"], 1000) is None


def test_a_newer_value_is_its_text_and_no_member() -> None:
    newer = known_or_newer(Platform, NEWER)
    assert (newer, str(newer), f"{newer}", json.dumps(newer)) == (NEWER, NEWER, NEWER, '"newer"')
    assert newer not in set(Platform)
    assert known_or_newer(Platform, "wechat") is Platform.WECHAT
    assert asdict(ProblemDetail(known_or_newer(Problem, NEWER)))["problem"] == NEWER
    assert not known_or_newer(State, NEWER).is_final
    assert not known_or_newer(Role, NEWER).may(Permission.VIEW)
    with pytest.raises(ValueError, match=NEWER):
        Platform(NEWER)


@pytest.mark.parametrize("language", Language)
def test_words_of_a_newer_node_are_plain(language: Language) -> None:
    t = Translator(language)
    problem_detail = ProblemDetail(known_or_newer(Problem, NEWER), {"path": "a.js"})
    assert t("platform.newer") == NEWER
    for words in (t.of_problem(problem_detail), t.of(Message("warning.newer", {"path": "a.js"}))):
        assert "newer (path: a.js)" in words
        assert "problem." not in words
