"""The search over releases: parts of a text in either case, with nothing that is a pattern."""

import pytest

from mprelease.domain.releases import Kind
from mprelease.storage import lists
from mprelease.storage.database import Database
from mprelease.storage.lists import Search
from mprelease.storage.tables import releases
from sample_rows import add_app, add_release

COMMIT = {"id": "3F2C9a7e" * 5, "author": "Zhao", "subject": 'feat(首页): "改版" 50%', "time": 0}


@pytest.fixture
def found_by(database: Database) -> dict[str, int]:
    with database.writing() as db:
        app = add_app(db)
        rows = {
            "branch": {"ref": "Feature/Pay_now"},
            "note": {"description": "修复 100% 的支付 \\ 问题"},
            "version": {"version": "26.11.22.7"},
            "commit": {"commit": COMMIT},
            "person": {"requested_by": "林小满"},
        }
        ids = {}
        for name, values in rows.items():
            ids[name] = add_release(db, app, Kind.PREVIEW)
            row = releases.update().where(releases.c.id == ids[name])
            db.connection.execute(row.values(values))
        return ids


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pay_NOW", "branch"),
        ("100%", "note"),
        ("支付 \\", "note"),
        ("22.7", "version"),
        ("3f2c9a7e3f", "commit"),
        ("首页", "commit"),
        ('"改版" 50%', "commit"),
        ("小满", "person"),
    ],
)
def test_it_finds_a_part_of_each_field(
    database: Database, found_by: dict[str, int], text: str, expected: str
) -> None:
    with database.reading() as db:
        found = lists.search(db, Search(text=text))
    assert [one.id for one in found] == [found_by[expected]]


@pytest.mark.parametrize("text", ["Pay%now", "Payxnow", "1__%", "nothing", "\\\\"])
def test_it_has_no_patterns(database: Database, found_by: dict[str, int], text: str) -> None:
    assert found_by
    with database.reading() as db:
        assert lists.search(db, Search(text=text)) == []


def test_it_goes_on_where_a_page_has_ended(database: Database, found_by: dict[str, int]) -> None:
    with database.reading() as db:
        first = lists.search(db, Search(text="MAIN", limit=2))
        rest = lists.search(db, Search(text="MAIN", limit=9, before=first[-1].id))
    named = [each for name, each in found_by.items() if name != "branch"]
    assert [one.id for one in first + rest] == sorted(named, reverse=True)
