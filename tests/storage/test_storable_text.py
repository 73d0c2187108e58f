"""Issue 12, number 7: whatever text is to be stored, it is stored and can be shown."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, text, update

from databases import SQLITE
from mprelease.domain.logs import LogLine, Position
from mprelease.domain.problems import Message, Problem, ProblemDetail
from mprelease.domain.releases import Stage, State
from mprelease.storage import audit, logs, queue, releases, tables
from mprelease.storage.audit import AuditEntry
from mprelease.storage.database import Database
from mprelease.storage.storable_text import (
    StorableJson,
    StorableKey,
    StorableString,
    StorableText,
    storable,
)
from sample_rows import NOW, add_app, add_release

GBK = "你好.js".encode("gbk").decode(errors="surrogateescape")
SHOWN = r"\xc4\xe3\xba\xc3.js"


@pytest.mark.parametrize(
    "column",
    [column for table in tables.metadata.sorted_tables for column in table.columns],
    ids=str,
)
def test_every_column_of_text_is_of_a_type_that_makes_it_storable(column: Column[Any]) -> None:
    plain = Integer | BigInteger | Boolean | LargeBinary
    ours = StorableJson | StorableKey | StorableString | StorableText
    assert isinstance(column.type, plain | ours), "use the types of storage/storable_text.py"


@given(some.text(some.characters()))
def test_what_is_storable_is_utf_8_without_nul_and_stays_as_it_is(given_text: str) -> None:
    made = storable(given_text)
    assert "\x00" not in made
    assert made.encode().decode() == made
    assert storable(made) == made
    if given_text.isprintable():
        assert made == given_text


def test_names_that_are_no_utf_8_are_stored_everywhere(database: Database) -> None:
    with database.writing() as db:
        release = add_release(db, add_app(db, "shop"))
        audit.write(
            db, AuditEntry("added", f"a\x00{GBK}", {GBK: [GBK, {"nul": "\x00"}]}, at=NOW, who=GBK)
        )
        logs.append(db, release, [LogLine(Position(1, 1), NOW, Stage.BUILD, GBK)])
    lease = queue.claim(database, release, GBK, "token")
    assert lease
    with database.writing() as db:
        queue.warn(db, lease, Message("hint.link", {"path": GBK}))
        problem_detail = ProblemDetail(Problem.LINK_LEADS_OUTSIDE, {"path": f"\udfff{GBK}"})
        assert queue.end(db, lease, State.FAILED, problem_detail)
    with database.reading() as db:
        found = releases.by_id(db, release)
        entry = audit.every(db)[0]
        lines = [line.text for line in logs.after(db, release)]
    assert found
    assert found.error
    assert found.error.parameters == {"path": rf"\udfff{SHOWN}"}
    assert found.warnings[0].parameters == {"path": SHOWN}
    assert (entry.who, entry.subject) == (SHOWN, rf"a\x00{SHOWN}")
    assert entry.details == {SHOWN: [SHOWN, {"nul": r"\x00"}]}
    assert lines == [SHOWN]


@pytest.mark.parametrize("kind", [SQLITE], indirect=True)
def test_what_an_older_version_has_stored_can_be_shown(database: Database) -> None:
    with database.writing() as db:
        release = add_release(db, add_app(db))
        stored = json.dumps({"problem": Problem.LINK_LEADS_OUTSIDE, "parameters": {"path": GBK}})
        assert "\\udcc4" in stored
        db.connection.execute(text("UPDATE releases SET error = :error"), {"error": stored})
    with database.reading() as db:
        found = releases.by_id(db, release)
    assert found
    assert found.error
    assert found.error.parameters == {"path": SHOWN}


def test_a_search_for_such_a_name_finds_what_was_stored(database: Database) -> None:
    with database.writing() as db:
        release = add_release(db, add_app(db))
        row = tables.releases.c.id == release
        db.connection.execute(update(tables.releases).where(row).values(worker_id=GBK))
        same = tables.releases.select().where(tables.releases.c.worker_id == GBK)
        assert db.connection.execute(same).one().worker_id == SHOWN
