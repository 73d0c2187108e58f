"""Issue 13, number 3: a driver that only this test registers goes through pages and API."""

import re
from pathlib import Path

import pytest

from api_clients import api_client
from databases import SQLITE
from mprelease.domain.problems import Message
from mprelease.domain.releases import Kind, Release, State
from mprelease.domain.users import Role
from mprelease.engine.claims import claim_next
from mprelease.platforms import registry
from mprelease.platforms.registry import served
from mprelease.services import apps
from mprelease.storage import lists, queue
from mprelease.storage import releases as stored
from mprelease.storage.candidates import candidates
from mprelease.storage.lists import Search
from mprelease.web.api.openapi import document
from paper_platform import APP_ID, CREDENTIAL, MISSED, PAPER, register
from web_clients import BrowserClient, Site

SOURCE = Path(__file__).parents[2] / "src" / "mprelease"
# The drivers themselves and what stands in for the vendors' services; the words for people name
# what a person has to click; and of the platforms' names the first is where nobody names one.
MAY_NAME_VENDORS = ("platforms", "simulator", "i18n/locales", "domain/platforms.py")
# A migration is about the rows of one time, whatever drivers there are later.
MAY_NAME_VENDORS += ("storage/migrations/versions",)
VENDORS = re.compile(
    r"wechat|weixin|alipay|douyin|toutiao|bytedance|微信|支付宝|抖音",
    re.IGNORECASE,
)


@pytest.fixture
def kind() -> str:
    return SQLITE


@pytest.fixture
def boss(site: Site, monkeypatch: pytest.MonkeyPatch) -> BrowserClient:
    register(monkeypatch)
    return site.logged_in(Role.SUPER_ADMIN)


def has_letter(boss: BrowserClient) -> None:
    form = {"platform": PAPER, "name": "letter", "platform_app_id": APP_ID, "robot": "4"}
    page = boss.send("/projects/web/new-app", **form, **CREDENTIAL, **{"setting.sheets": "2"})
    assert 'role="alert"' not in page


def newest(site: Site) -> Release:
    with site.services.database.reading() as db:
        return lists.search(db, Search(limit=1))[0]


def uploaded(site: Site, boss: BrowserClient) -> int:
    boss.send("/apps/letter/upload", ref="main", robot="5", shown_switches="fold")
    release = newest(site)
    services = site.services
    with services.database.writing() as db:
        queue.request_cancel(db, site.first)
    lease = claim_next(services.database, "worker", ["default"], 30_000)
    assert lease
    assert lease.release_id == release.id
    with services.database.writing() as db:
        stored.put_qr_code(db, release.id, b"\x89PNG", "image/png", services.now())
        queue.warn(db, lease, Message(MISSED))
        queue.end(db, lease, State.SUCCEEDED)
    return release.id


def test_the_form_of_an_app_asks_for_what_the_driver_names(boss: BrowserClient) -> None:
    page = boss.client.get("/projects/web/new-app?platform=paper").text
    for part in (f'placeholder="{APP_ID}"', 'name="ink"', 'name="setting.fold"'):
        assert part in page
    assert re.search(r'name="stamp" type="password"', page)
    assert "(3–5)" in page or "（3–5）" in page
    assert page.count('<option value="miniGame"') == 1
    assert 'name="key_file"' not in page


def test_an_app_is_added_shown_and_changed(site: Site, boss: BrowserClient) -> None:
    has_letter(boss)
    with site.services.database.reading() as db:
        app = apps.get(db, "letter")
    assert (app.platform, app.robot, app.build.compile_settings) == (PAPER, 4, {"sheets": 2})
    home = boss.client.get("/").text
    assert 'fill="#7a5c00"' in home
    assert "纸" in home
    assert f"https://console.paper.example/{APP_ID}" in boss.client.get("/apps/letter").text
    fields = {"name": "letter", "platform_app_id": APP_ID, "robot": "6"}
    assert 'role="alert"' in boss.send("/apps/letter/settings", **fields)
    assert 'role="alert"' not in boss.send("/apps/letter/settings", **{**fields, "robot": "5"})


def test_a_release_is_asked_for_claimed_and_finished(site: Site, boss: BrowserClient) -> None:
    has_letter(boss)
    form = boss.client.get("/apps/letter/upload").text
    assert re.search(r'name="switches" value="fold" checked', form)
    number = uploaded(site, boss)
    with site.services.database.reading() as db:
        release = stored.by_id(db, number)
    assert release
    assert (release.platform, release.kind, release.robot) == (PAPER, Kind.UPLOAD, 5)
    assert release.compile_settings["fold"] is False
    assert re.fullmatch(r"\d\d\.\d{3,4}\.0", str(release.version))
    page = boss.client.get(f"/releases/{number}").text
    assert f'action="/releases/{number}/finish"' in page
    assert "console.paper.example" in page
    assert 'fill="#7a5c00"' in boss.client.get("/").text


def test_each_robot_has_a_line_of_its_own_and_one_code_is_shared(
    site: Site, boss: BrowserClient
) -> None:
    has_letter(boss)
    first, second = uploaded(site, boss), uploaded(site, boss)
    assert f'src="/releases/{first}/qr-code"' not in boss.client.get(f"/releases/{first}").text
    assert f'src="/releases/{second}/qr-code"' in boss.client.get(f"/releases/{second}").text
    boss.send("/apps/letter/preview", ref="main", robot="3")
    with site.services.database.reading() as db:
        before = candidates(db, ["default"], served())
    boss.send("/apps/letter/preview", ref="main", robot="4")
    assert before == [newest(site).id - 1]
    for _ in range(2):
        assert claim_next(site.services.database, "worker", ["default"], 30_000)


def test_the_api_takes_it_as_it_takes_the_others(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = {"project": "web", "platform": PAPER, "name": "letter", "platform_app_id": APP_ID}
    new |= {"credential": CREDENTIAL, "robot": 4, "compile_settings": {"fold": "no"}}
    api = api_client(site, Role.SUPER_ADMIN)
    assert api.call("POST", "/apps", 422, json=new)["problem"] == "field_unusable"
    register(monkeypatch)
    added = api.call("POST", "/apps", 201, json=new)
    assert (added["platform"], added["compile_settings"]) == (PAPER, {"fold": False})
    wrong = api.call("PATCH", "/apps/letter", 422, json={"robot": 30})
    assert wrong["problem"] == "robot_range"
    assert "3 to 5" in wrong["remedy"]
    release = api.call(
        "POST", "/releases", 201, json={"app": "letter", "kind": "upload", "robot": 3}
    )
    assert (release["platform"], release["robot"]) == (PAPER, 3)
    described = str(document(site.app)["components"]["schemas"]["NewApp"])
    assert "paper: an object with some of `ink`, `stamp`" in described


def test_without_its_driver_it_is_shown_and_refused(site: Site, boss: BrowserClient) -> None:
    """What a newer node has written is shown by an older one."""
    has_letter(boss)
    number = uploaded(site, boss)
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(registry.DRIVERS, PAPER)
        for address in ("/", "/projects/web", f"/releases/{number}", "/apps/letter"):
            answer = boss.client.get(address)
            assert answer.status_code == 200, address
            assert ">?</text>" in answer.text
        assert 'role="alert"' in boss.send("/apps/letter/preview", ref="main")


def test_nothing_above_the_drivers_names_a_vendor() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{number}: {line.strip()[:80]}"
        for path in sorted(SOURCE.rglob("*"))
        if path.suffix in {".py", ".html", ".js", ".css", ".cjs"}
        and not str(path.relative_to(SOURCE)).startswith((*MAY_NAME_VENDORS, "web/static/vendor"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if VENDORS.search(line)
    ]
    assert found == []
