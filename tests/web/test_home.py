"""The home page: a row for each app, favourites, search, one click to the last branch's code."""

import re

import pytest

from mprelease.domain.codes import lasting
from mprelease.domain.releases import Kind, State
from mprelease.domain.users import Actor, Role
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import projects, releases
from mprelease.storage import lists
from mprelease.storage.lists import Search
from releases_on_pages import ended_with_code
from web_clients import BrowserClient, Site, has_twin

pytestmark = pytest.mark.parametrize("kind", ["sqlite"])
BOSS = Actor("admin")


def rows(page: str) -> list[str]:
    """Return the texts of the rows of apps."""
    found = re.findall(r"<tr>\s*<th class=\"m-app\".*?</tr>", page, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", each).split()) for each in found]


def home(browser: BrowserClient, address: str = "/") -> str:
    return browser.client.get(address).text


def has_preview(site: Site, ref: str) -> int:
    """Let the app have a preview of a branch that has a code."""
    releases.cancel(site.services, BOSS, site.first)
    number = releases.request(site.services, BOSS, wanted(ref))
    ended_with_code(site, number, lasting(minutes=25))
    return number


def wanted(ref: str) -> ReleaseRequest:
    return ReleaseRequest(app="shop", kind=Kind.PREVIEW, ref=ref, start_page="pages/index/index")


def test_a_row_says_which_branch_how_old_whose_and_how_long(site: Site) -> None:
    has_preview(site, "feature/pay")
    [row] = rows(home(site.logged_in(Role.MEMBER)))
    assert "shop" in row
    assert re.search(r"feature/pay .*刚刚 · admin 还剩 2[45]:\d\d · 有效期至", row), row
    [row] = rows(home(site.logged_in(Role.VIEWER)))
    assert "预览 ☆" not in row
    assert "换分支" not in row, "a viewer releases nothing"


def test_one_click_previews_the_branch_of_the_code_again(site: Site) -> None:
    like = has_preview(site, "feature/pay")
    browser = site.logged_in(Role.MEMBER)
    page = home(browser)
    assert f'name="like" value="{like}"' in page
    newest = re.search(r'formaction="(/previews\?newest=\d+)"', page)
    assert newest
    shown = [browser.send(newest[1], like=str(like)) for _ in range(2)]
    with site.services.database.reading() as db:
        made = lists.search(db, Search(state=State.QUEUED))
    assert [(each.shown_ref, each.kind, each.launch.start_page) for each in made] == [
        ("feature/pay", Kind.PREVIEW, "pages/index/index")
    ], "a second click is no second release"
    assert f"#{made[0].id}" in shown[0]
    assert (
        site.logged_in(Role.VIEWER).client.post("/previews", data={"like": like}).status_code == 403
    )


def test_favourites_are_at_the_top_of_ones_own_page_alone(site: Site, upload_key: str) -> None:
    has_twin(site, upload_key)
    browser, other = site.logged_in(Role.VIEWER), site.logged_in(Role.MEMBER)
    assert "我的收藏" not in re.sub(r"<title>.*", "", home(browser)).split('id="home"')[1]
    for _ in range(2):
        browser.send("/favourites?chosen=true", app="twin")
    assert " twin " in rows(home(browser))[0]
    assert len(rows(home(browser))) == 3
    assert len(rows(home(other))) == 2
    browser.send("/favourites?chosen=false", app="twin")
    assert len(rows(home(browser))) == 2
    missing = browser.client.post("/favourites", data={"csrf": browser.csrf, "app": "gone"})
    assert missing.status_code == 404
    assert "gone" in missing.text


@pytest.mark.parametrize(
    ("text", "found"),
    [("SHOP", ["shop"]), ("web", ["shop", "twin"]), ("feature/p", ["shop"]), ("nothing", [])],
)
def test_the_search_finds_apps_projects_and_branches(
    site: Site, upload_key: str, text: str, found: list[str]
) -> None:
    has_twin(site, upload_key)
    has_preview(site, "feature/pay")
    page = home(site.logged_in(Role.VIEWER), f"/?q={text}")
    assert [name for name in ("shop", "twin") for row in rows(page) if f" {name} " in row] == found
    assert ("清除" in page) is (not found)
    assert f'value="{text}"' in page


def test_an_empty_installation_shows_the_next_step(site: Site) -> None:
    boss, viewer = site.logged_in(Role.SUPER_ADMIN), site.logged_in(Role.VIEWER)
    assert "三步" not in home(boss)
    releases.cancel(site.services, BOSS, site.first)
    assert "三步" not in home(boss), "a canceled release is one, too"
    boss.send("/apps/shop/delete")
    text = home(boss)
    assert 'aria-current="step"' in text
    assert "添加小程序</a>" in text
    assert "请联系管理员" in home(viewer)
    boss.send("/projects/web/delete")
    assert "添加项目</a>" in home(boss)
    projects.add(site.services, BOSS, ProjectChange(name="new", repository="/srv/new.git"))
    assert "添加小程序</a>" in home(boss)
