"""The pages of an app: rows by day, search and filters, tabs, trends and activity."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.domain.releases import Kind, Sizes, Stage, StageState, State
from mprelease.domain.users import Actor, Role
from mprelease.schemas.apps import AppChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, releases
from mprelease.storage import queue, tables
from web_clients import NAMES, Site, without_csrf

pytestmark = pytest.mark.parametrize("kind", ["sqlite"])
HTMX = {"hx-request": "true"}
TOO_LARGE = ProblemDetail(Problem.PACKAGE_TOO_LARGE, {"package": "main", "size": 9, "limit": 2})


def ended(
    site: Site, ref: str, state: State = State.SUCCEEDED, *, at: datetime | None = None
) -> int:
    """Add a release with stages and sizes, which was requested at a time."""
    wanted = ReleaseRequest(app="shop", kind=Kind.UPLOAD, ref=ref, description=f"note of {ref}")
    release_id = releases.request(site.services, Actor("Zhao"), wanted)
    lease = queue.claim(site.services.database, release_id, "worker", f"token {release_id}")
    assert lease
    is_good = state is State.SUCCEEDED
    sizes = Sizes(3_000_000, 1_900_000, {"/goods/": 1_100_000})
    with site.services.database.writing() as db:
        if is_good:
            queue.write(db, lease, sizes=vars(sizes))
        for stage, second in zip(Stage, range(4), strict=True):
            queue.start_stage(db, lease, stage, second * 1000 + 1)
            queue.end_stage(db, lease, stage, StageState.SUCCEEDED, second * 2000 + 2)
        queue.end(db, lease, state, None if is_good else TOO_LARGE)
        if at:
            row = tables.releases.update().where(tables.releases.c.id == release_id)
            db.connection.execute(row.values(created_at=round(at.timestamp() * 1000)))
    return release_id


def rows_in(page: str) -> list[int]:
    return [int(each) for each in re.findall(r'<li class="release-row" id="release-(\d+)"', page)]


def test_rows_are_grouped_by_the_days_of_the_configured_zone(site: Site) -> None:
    # In Shanghai the second one is of the next day.
    ended(site, "a", at=datetime(2026, 3, 1, 15, 59, tzinfo=UTC))
    ended(site, "b", at=datetime(2026, 3, 1, 16, 1, tzinfo=UTC))
    ended(site, "c", at=datetime(2026, 3, 2, 1, 0, tzinfo=UTC))
    page = site.logged_in(Role.VIEWER).client.get("/apps/shop").text
    titles = re.findall(r'<h2 class="day-title">(.*?)</h2>', page)
    assert titles[:2] == ["2026-03-02 周一", "2026-03-01 周日"]
    assert titles[2].startswith("今天 · ")
    assert ">00:01</time>" in page


def test_the_search_is_over_all_that_a_row_shows(site: Site) -> None:
    first, second = ended(site, "fix/Pay"), ended(site, "main")
    client = site.logged_in(Role.VIEWER).client
    for text, found in (
        ("fix/pay", [first]),
        ("note of main", [second]),
        ("zhao", [second, first]),
    ):
        assert rows_in(client.get("/apps/shop", params={"q": text}).text) == found
    empty = client.get("/apps/shop", params={"q": '"><b>%'}).text
    assert rows_in(empty) == []
    assert "<b>%" not in empty
    assert 'value="&#34;&gt;&lt;b&gt;%"' in empty
    assert 'href="/apps/shop"' in empty


def test_a_filter_gets_the_list_alone_and_a_browser_without_scripts_the_page(site: Site) -> None:
    made = ended(site, "main", State.FAILED)
    client = site.logged_in(Role.VIEWER).client
    query = {"state": "failed", "kind": "upload", "q": ""}
    part = client.get("/apps/shop", params=query, headers=HTMX).text
    whole = client.get("/apps/shop", params=query).text
    assert rows_in(part) == rows_in(whole) == [made]
    assert "<html" not in part
    assert part.lstrip().startswith('<div id="newest"')
    assert "<noscript><button" in whole
    assert 'hx-replace-url="true"' in whole


def test_older_rows_continue_the_day_that_was_begun(site: Site) -> None:
    at = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
    ids = [ended(site, "main", at=at + timedelta(minutes=number)) for number in range(33)]
    client = site.logged_in(Role.VIEWER).client
    first = client.get("/apps/shop?kind=upload").text
    assert rows_in(first) == ids[::-1][:30]
    [address] = set(re.findall(r'hx-get="(/apps/shop\?before=[^"]*)"', first))
    older = client.get(address.replace("&amp;", "&"), headers=HTMX).text
    assert rows_in(older) == ids[::-1][30:]
    assert "day-title" not in older
    assert "2026-03-01" in client.get(address.replace("&amp;", "&")).text


def test_tabs_are_links_and_the_settings_are_for_administrators(site: Site) -> None:
    for role, count in ((Role.VIEWER, 3), (Role.MEMBER, 3), (Role.ADMIN, 4)):
        page = site.logged_in(role).client.get("/apps/shop/trends").text
        nav = page[page.index("app-tabs") : page.index("</nav>", page.index("app-tabs"))]
        assert nav.count("<a ") == count
        assert nav.count('aria-current="page"') == 1
    boss = site.logged_in(Role.ADMIN).client
    for path in ("", "/trends", "/settings", "/activity"):
        assert f'href="/apps/shop{path}" aria-current="page">' in boss.get(f"/apps/shop{path}").text


def test_trends_are_drawn_with_their_words_and_as_tables(site: Site) -> None:
    client = site.logged_in(Role.VIEWER).client
    assert "还没有已结束的发布任务" in client.get("/apps/shop/trends").text
    good = ended(site, "main")
    ended(site, "main")
    bad = ended(site, "main", State.FAILED)
    page = client.get("/apps/shop/trends").text
    assert page.count('<svg viewBox="0 0 360 190" role="img"') == 2
    assert page.count("<desc") == 2
    assert "style=" not in page
    assert "主包上限 2.00 MB" in page
    assert "/goods/" in page
    assert page.count(f'<th scope="row"><a href="/releases/{good}">') == 2
    assert "67 %" in page
    assert "1 ×" in page
    assert f'<a href="/releases/{bad}">#{bad}</a>' in page
    assert "1.05 MB" in page


def test_the_activity_has_sentences_and_details_are_for_administrators(site: Site) -> None:
    boss = Actor(NAMES[Role.ADMIN])
    apps.edit(site.services, boss, "shop", AppChange(build_command="npm run secret-name"))
    made = ended(site, "main")
    releases.delete(site.services, boss, [made])
    viewer, admin = (
        without_csrf(site.logged_in(role).client.get("/apps/shop/activity").text)
        for role in (Role.VIEWER, Role.ADMIN)
    )
    plain = " ".join(re.sub(r"<[^>]*>", "", viewer).split())
    assert f"Zhao 发起了上传体验版 #{made}" in plain
    assert "删除了" in viewer
    assert "修改了设置" in viewer
    assert "secret-name" not in viewer
    assert "secret-name" in admin


def test_a_release_is_compared_with_the_success_before(site: Site) -> None:
    first = ended(site, "main")
    ended(site, "main", State.FAILED)
    second = ended(site, "main")
    with site.services.database.writing() as db:
        grown = {"full": 3_217_088, "main": 2_117_088, "packages": {"/user/": 1_000_000}}
        row = tables.releases.update().where(tables.releases.c.id == second)
        db.connection.execute(row.values(sizes=grown))
    client = site.logged_in(Role.VIEWER).client
    page = " ".join(client.get(f"/releases/{second}").text.split())
    assert '<strong class="text-danger">+212 KB</strong>' in page
    assert '<strong class="text-danger">+977 KB</strong>' in page
    assert "/goods/ <strong>−1.05 MB</strong>" in page
    assert f'<a href="/releases/{first}">#{first}' in page
    assert "对比" not in client.get(f"/releases/{first}").text


def test_budgets_are_lines_of_the_app_and_a_line_in_its_trends(site: Site) -> None:
    boss = site.logged_in(Role.ADMIN)
    form = {"name": "shop", "platform_app_id": "wx0123456789abcdef", "robot": "1"}
    page = boss.send("/apps/shop/settings", **form, size_budgets="main 1.5M\nmuch")
    assert "“much”" in page
    assert ">main 1.5M\nmuch</textarea>" in page
    page = boss.send("/apps/shop/settings", **form, size_budgets="main 1.5M, * 1 MB")
    assert ">main 1.5 MB\n* 1 MB</textarea>" in page
    ended(site, "main")
    assert "主包预算 1.50 MB" in boss.client.get("/apps/shop/trends").text
