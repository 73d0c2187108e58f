"""What is written comes back as it was, on every kind of database."""

import random
import time
from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import Column, String, TypeDecorator, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DataError

from databases import MARIADB, POSTGRESQL
from mprelease.domain.apps import Environment, ProjectType
from mprelease.domain.logs import LogLine, Position
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, PublishState, Stage, StageState, State
from mprelease.storage import audit, logs, projects, releases, secrets, tables
from mprelease.storage.audit import AuditEntry
from mprelease.storage.clock import now_ms
from mprelease.storage.database import Database, Reader
from sample_rows import NOW, add_app, add_release

CHINESE_AND_EMOJI = "小程序 «Größe» 𠮷 🚀👩‍💻"
MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    "other", ["Shop", "shöp", "sho\N{LATIN SMALL LETTER P WITH ACUTE}", "ｓhop", "shop\u200b"]
)
def test_names_are_compared_letter_by_letter(database: Database, other: str) -> None:
    with database.writing() as db:
        for name in ("shop", other):
            projects.add(db, name, "/srv/shop.git", "main", NOW)
    with database.reading() as db:
        found = [projects.by_name(db, name) for name in ("shop", other, "SHOP")]
    assert [project and project.name for project in found] == ["shop", other, None]


def test_chinese_and_emoji_survive_in_every_kind_of_column(database: Database) -> None:
    words = CHINESE_AND_EMOJI
    with database.writing() as db:
        project = projects.add(db, words, f"/srv/{words}.git", "main", NOW)
        audit.write(db, AuditEntry("added", "project", {words: [words]}, at=NOW, who=words))
        release = add_release(db, add_app(db, words))
        logs.append(db, release, [LogLine(Position(1, 1), NOW, Stage.BUILD, words)])
    with database.reading() as db:
        assert projects.by_id(db, project.id) == project
        assert audit.every(db) == [
            AuditEntry("added", "project", {words: [words]}, at=NOW, who=words)
        ]
        assert [line.text for line in logs.after(db, release)] == [words]
        found = releases.by_id(db, release)
    assert found
    assert found.app_name == words


def test_bytes_of_all_kinds_survive(database: Database) -> None:
    sealed = bytes(range(256)) * 4096  # one MiB, the most that a key or token may have
    with database.writing() as db:
        secrets.put(db, "app:1", "credential", sealed, NOW)
        release = add_release(db, add_app(db))
        releases.put_qr_code(db, release, sealed, "image/png", NOW)
    with database.reading() as db:
        assert secrets.sealed(db, "app:1") == {"credential": sealed}
        assert releases.qr_code(db, release) == (sealed, "image/png")


def test_twenty_megabytes_of_log_are_kept_at_once_though_nothing_compresses(
    database: Database,
) -> None:
    lines = list(_noise(20 * MEGABYTE, 50_000))
    with database.writing() as db:
        release = add_release(db, add_app(db))
        logs.append(db, release, lines)
    with database.reading() as db:
        assert list(logs.after(db, release)) == lines
        assert list(logs.after(db, release, Position(1, 377))) == lines[377:]


def _noise(size: int, of_line: int) -> Iterable[LogLine]:
    chance = random.Random(7)
    for number in range(1, size // of_line + 1):
        text_ = chance.randbytes(of_line // 2).hex()
        yield LogLine(Position(1, number), NOW, Stage.BUILD, text_)


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.servers) for kind in (MARIADB, POSTGRESQL)],
    indirect=True,
)
def test_a_value_that_is_too_long_is_an_error_and_is_not_cut_off(database: Database) -> None:
    with pytest.raises(DataError), database.writing() as db:
        projects.add(db, "x" * 192, "/srv/shop.git", "main", NOW)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (tables.apps.c.platform, Platform),
        (tables.apps.c.project_type, ProjectType),
        (tables.releases.c.kind, Kind),
        (tables.releases.c.state, State),
        (tables.releases.c.environment, Environment),
        (tables.releases.c.publish_state, PublishState),
        (tables.releases.c.failed_stage, Stage),
        (tables.stages.c.name, Stage),
        (tables.stages.c.state, StageState),
        (tables.log_chunks.c.stage, Stage),
    ],
)
def test_every_word_of_a_list_fits_into_its_column(
    column: Column[Any], words: Iterable[str]
) -> None:
    assert isinstance(column.type, TypeDecorator)
    implementation = column.type.load_dialect_impl(sqlite.dialect())
    assert isinstance(implementation, String)
    length = implementation.length
    assert length is not None
    assert max(map(len, words)) <= length


def clock(db: Reader) -> int:
    now = db.connection.scalar(select(now_ms()))
    assert isinstance(now, int)
    return now


def test_the_databases_clock_is_right_within_a_second(database: Database) -> None:
    with database.reading() as db:
        assert abs(clock(db) - time.time() * 1000) < 1000


def test_the_clock_goes_on_within_a_transaction(database: Database) -> None:
    deadline = time.monotonic() + 10
    with database.writing() as db:
        began = clock(db)
        while clock(db) == began:
            assert time.monotonic() < deadline


@pytest.mark.parametrize("kind", [pytest.param(MARIADB, marks=pytest.mark.servers)], indirect=True)
def test_no_summer_time_moves_the_clock(database: Database) -> None:
    with database.reading() as db:
        assert db.connection.scalar(text("SELECT @@session.time_zone")) == "+00:00"


def test_a_number_of_more_than_64_bits_is_refused_as_data(database: Database) -> None:
    with pytest.raises(DataError), database.writing() as db:
        projects.add(db, "web", "/srv/web.git", "main", 2**70)
