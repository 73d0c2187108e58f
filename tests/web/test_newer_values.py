"""Values that a newer node has written are shown by an older one, and left alone.

Issue 12, number 29: nodes are updated one by one (docs/operating.md).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import pytest
from sqlalchemy import Column, Table, insert, update

from guests import World
from mprelease.domain.logs import LogLine, Position
from mprelease.domain.newer_values import known_or_newer
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Message, Problem, ProblemDetail
from mprelease.domain.releases import Stage, State
from mprelease.domain.users import Permission, Role
from mprelease.domain.worker_queries import WorkerQuery, WorkerQueryKind
from mprelease.i18n import Language, Translator
from mprelease.remote.parsing import release_of
from mprelease.storage import logs, queue, releases, tables, worker_queries
from programs import program
from test_rights import routes

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


def with_a_row_everywhere(world: World) -> None:
    line = LogLine(Position(1, 1), world.services.now(), Stage.BUILD, "a line")
    with world.services.database.writing() as db:
        logs.append(db, world.first, [line])
        worker_queries.add(db, "default", WorkerQuery(WorkerQueryKind.REFS, "web"))
        releases.put_qr_code(db, world.first, b"\x89PNG", "image/png", world.services.now())
        db.connection.execute(
            insert(tables.workers).values(
                name="worker",
                labels=["default"],
                slots=1,
                version="1",
                started_at=world.services.now(),
                seen_at=world.services.now(),
                draining=False,
                sandbox="user",
            )
        )


def written(world: World, table: Table, column: Column[Any]) -> None:
    change = update(table).values({column: NEWER})
    if table is tables.users:
        change = change.where(tables.users.c.role == Role.VIEWER)
    elif table is tables.stages:
        change = change.where(tables.stages.c.position == 1)
    with world.services.database.writing() as db:
        db.connection.execute(change)


def walked(world: World) -> None:
    """Every page and every list of the API answers, and so does the remote client that reads it."""
    browser, ci = world.session_of(Role.SUPER_ADMIN), program(world, Role.SUPER_ADMIN)
    bearer = {"authorization": f"Bearer {ci.token}"}
    for route, method, address, _ in routes(world):
        if method == "GET":
            headers = bearer if address.startswith("/api/") else {}
            answer = browser.client.get(address, headers=headers, follow_redirects=False)
            assert answer.status_code < 500, (route.path, answer.text[-600:])
    told = ci.call("GET", f"/releases/{world.first}")
    assert release_of(told).id == world.first


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
    world: World, columns: list[tuple[Table, str]]
) -> None:
    with_a_row_everywhere(world)
    for table, name in columns:
        written(world, table, table.c[name])
    walked(world)


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("name", JSON_VALUES)
def test_problems_and_warnings_of_a_newer_node_are_shown_with_their_names(
    world: World, name: str
) -> None:
    with world.services.database.writing() as db:
        db.connection.execute(update(tables.releases).values({name: JSON_VALUES[name]}))
    walked(world)
    page = world.session_of(Role.SUPER_ADMIN).client.get(f"/releases/{world.first}").text
    assert NEWER in page
    assert "a.js" in page


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize(
    ("table", "name"), [(table, name) for table, name in ENUMS if name in CLAIMED_BY], ids=str
)
def test_no_worker_takes_a_release_or_an_errand_that_it_does_not_understand(
    world: World, table: Table, name: str
) -> None:
    with_a_row_everywhere(world)
    with world.services.database.reading() as db:
        assert queue.candidates(db, ["default"]) == [world.first]
    written(world, table, table.c[name])
    with world.services.database.reading() as db:
        if table in {tables.apps, tables.releases}:
            assert queue.candidates(db, ["default"]) == []
    if table is tables.worker_queries:
        assert worker_queries.claim(world.services.database, ["default"], 1000) is None


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
