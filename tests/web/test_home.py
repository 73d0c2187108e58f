"""The home page: the matrix of apps, one click to the last branch, favourites, search, folding."""

import re

import pytest

from databases import SQLITE
from mprelease.domain.codes import lasting
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, Release, State
from mprelease.domain.users import Actor, Role
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, projects, releases
from mprelease.storage import lists, queue
from mprelease.storage.lists import Search
from mprelease.web.matrix import folds_in
from releases_on_pages import ended_with_code
from web_clients import BrowserClient, Site, has_twin

BOSS = Actor("admin")
EN = {"accept-language": "en"}


@pytest.fixture
def kind() -> str:
    return SQLITE


def newest(site: Site) -> Release:
    with site.services.database.reading() as db:
        return lists.search(db, Search(limit=1))[0]


def row_of(page: str, app: str) -> str:
    """Return the first row of an app."""
    rows = re.findall(r'<tr class="matrix-row".*?</tr>', page, re.DOTALL)
    return next(row for row in rows if f'href="/apps/{app}"' in row)


def add_apps(site: Site, count: int, upload_key: str) -> None:
    for number in range(count):
        project = f"p-{number // 10}"
        if not number % 10:
            change = ProjectChange(name=project, repository=f"/srv/{number}", default_branch="main")
            projects.add(site.services, BOSS, change)
        new = AppChange(
            name=f"app-{number:03d}",
            platform_app_id=f"wx{number:016d}",
            credential=upload_key.encode(),
        )
        apps.add(site.services, BOSS, project, Platform.WECHAT, new)


def test_a_row_answers_which_branch_how_old_by_whom_and_until_when(site: Site) -> None:
    ended_with_code(site, site.first, lasting(minutes=25), age=5 * 60_000)
    row = row_of(site.logged_in(Role.VIEWER).client.get("/", headers=EN).text, "shop")
    for shown in (">main</a>", "admin", "data-expires", f'data-code="{site.first}"'):
        assert shown in row
    assert "formaction" not in row.split("star")[0]
    assert "btn" not in row, "a viewer only looks"


def test_one_click_previews_the_newest_commit_of_the_last_branch(site: Site) -> None:
    ended_with_code(site, site.first, lasting(minutes=25))
    member = site.logged_in(Role.MEMBER)
    page = member.client.get("/").text
    assert f'formaction="/releases/{site.first}/preview"' in row_of(page, "shop")
    key = re.search(r'name="key" value="(\w+)"', page)
    assert key
    for _ in range(2):
        member.send(f"/releases/{site.first}/preview", key=key[1])
    made = newest(site)
    assert made.id == site.first + 1, "a second click makes no second release"
    assert (made.kind, made.ref, made.ref_name, made.artifact) == (
        *(Kind.PREVIEW, "main", None, None),
    )
    assert made.requested_by == "a-member"


def test_a_preview_of_an_uploads_branch_is_no_upload(site: Site) -> None:
    wanted = ReleaseRequest(app="shop", kind=Kind.UPLOAD, ref="release/1", description="x")
    upload = releases.request(site.services, BOSS, wanted)
    site.logged_in(Role.MEMBER).send(f"/releases/{upload}/preview")
    made = newest(site)
    assert (made.kind, made.ref, made.version, made.description) == (
        *(Kind.PREVIEW, "release/1", None, ""),
    )


def test_a_failure_after_the_code_is_shown_beside_it(site: Site) -> None:
    ended_with_code(site, site.first, lasting(minutes=25))
    wanted = ReleaseRequest(app="shop", kind=Kind.PREVIEW, ref="feature/x")
    failed = releases.request(site.services, BOSS, wanted)
    lease = queue.claim(site.services.database, failed, "worker", "token")
    assert lease
    with site.services.database.writing() as db:
        queue.end(db, lease, State.FAILED)
    row = row_of(site.logged_in(Role.MEMBER).client.get("/").text, "shop")
    assert f'data-code="{site.first}"' in row
    assert re.search(rf'state-failed.*href="/releases/{failed}">feature/x<', row, re.DOTALL)


def star(browser: BrowserClient, app: str, starred: str = "true") -> None:
    browser.send(f"/apps/{app}/favourite", starred=starred)


def test_favourites_are_ones_own_and_come_first(site: Site, upload_key: str) -> None:
    has_twin(site, upload_key)
    viewer, other = site.logged_in(Role.VIEWER), site.logged_in(Role.MEMBER)
    star(viewer, "twin")
    star(viewer, "twin")
    page = viewer.client.get("/").text
    assert page.index("收藏") < page.index('href="/apps/twin">twin')
    assert re.findall(r'id="section-(\d+)[-\d]*"', page)[0] == "0"
    assert page.count('<tr class="matrix-row"') == 2, "a favourite has one row"
    assert 'id="section-0' not in other.client.get("/").text
    star(viewer, "twin", "false")
    assert 'id="section-0' not in viewer.client.get("/").text
    assert viewer.client.post("/apps/none/favourite", data={"csrf": viewer.csrf}).status_code == 404


def test_a_search_finds_apps_projects_and_branches(site: Site, upload_key: str) -> None:
    add_apps(site, 15, upload_key)
    client = site.logged_in(Role.VIEWER).client

    def rows(text: str) -> list[str]:
        page = client.get("/", params={"q": text}).text
        return re.findall(
            r'<tr class="matrix-row" id="app-\d+">.*?href="/apps/([^"]+)"', page, re.DOTALL
        )

    assert rows("APP-007") == ["app-007"]
    assert rows("p-1") == [f"app-{number:03d}" for number in range(10, 15)]
    assert rows("mai") == ["shop"]
    assert rows("nowhere") == []
    assert "没有匹配的小程序" in client.get("/?q=nowhere").text
    assert 'value="&lt;b&gt;"' in client.get("/?q=<b>").text
    assert client.get("/", params={"q": "x" * 300}).status_code == 422


def test_a_hundred_apps_fold_and_stay_as_they_were_left(site: Site, upload_key: str) -> None:
    add_apps(site, 100, upload_key)
    client = site.logged_in(Role.VIEWER).client
    page = client.get("/").text
    assert page.count('<tr class="matrix-row"') <= 40
    assert "最近发布的" in page, "a stranger sees what was released lately first"
    closed = re.findall(r'data-section="(\d+)">', page)
    assert closed
    assert "app-095" not in re.sub("<nav.*</nav>", "", page, flags=re.DOTALL)
    opened = client.get(f"/?unfold={closed[-1]}").text
    assert f'data-section="{closed[-1]}" open' in opened, "without a script, by a link"
    is_open = re.search(r'data-section="(\d+)" open', page)
    assert is_open
    folds = f"{closed[-1]}+{is_open[1]}-"
    again = client.get(
        "/", headers={"cookie": f"mprelease={client.cookies['mprelease']}; folds={folds}"}
    )
    assert f'data-section="{closed[-1]}" open' in again.text
    assert f'data-section="{is_open[1]}">' in again.text


@pytest.mark.parametrize(
    ("cookie", "folds"),
    [
        ("", {}),
        ("3+17-", {3: True, 17: False}),
        ("x3", {}),
        ("9" * 30 + "+", {int("9" * 18): True}),
    ],
)
def test_what_a_cookie_says_of_folding(cookie: str, folds: dict[int, bool]) -> None:
    assert folds_in(cookie) == folds


def test_a_site_without_releases_shows_three_steps(site: Site) -> None:
    with site.services.database.writing() as db:
        queue.request_cancel(db, site.first)
    releases.delete(site.services, BOSS, [site.first])
    boss = site.logged_in(Role.SUPER_ADMIN)
    page = boss.client.get("/").text
    assert page.count("first-steps") == 1
    assert re.search(r'aria-current="step">\s*<strong>预览', page)
    apps.remove(site.services, BOSS, "shop")
    page = boss.client.get("/").text
    assert re.search(r'aria-current="step">\s*<strong>添加小程序', page)
    assert 'href="/projects/web">添加小程序' in page
    assert "请联系管理员" in site.logged_in(Role.VIEWER).client.get("/").text
