"""Issue 12, number 34: what pages say to people. They say it without any script."""

import ast
import re
from html import unescape
from http import HTTPStatus
from pathlib import Path

import pytest

from mprelease.domain.errors import LeaseLost
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.domain.releases import Kind, Stage, StageState, State
from mprelease.domain.sandbox import SandboxMode
from mprelease.domain.users import Actor, Role
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, projects, releases, users
from mprelease.storage import queue, workers
from mprelease.storage import releases as stored
from mprelease.web import assets, pages
from web_clients import NAMES, Site, has_twin

BOSS = Actor("admin")
LEASE_MS = 60_000
DONE = re.compile(r'id="done">([^<]+)<')

pytestmark = [pytest.mark.lasting, pytest.mark.parametrize("kind", ["sqlite"])]


def notice(page: str) -> str | None:
    """Return what a page says that was done."""
    found = DONE.search(page)
    return unescape(found[1]) if found else None


def visible(page: str) -> str:
    """Return the text that people see."""
    text = re.sub(r"(?s)<(script|style|noscript)\b.*?</\1>", " ", page)
    return unescape(re.sub(r"<[^>]*>", " ", text))


def user_id(site: Site, name: str) -> int:
    with site.services.database.reading() as db:
        return users.by_name(db, name).id


def fails(site: Site, release_id: int, error: ProblemDetail, stage: Stage) -> None:
    """Let a release fail in its first stage because of what belongs to another stage."""
    lease = queue.claim(site.services.database, release_id, "w", "token", LEASE_MS)
    assert lease
    with site.services.database.writing() as db:
        queue.start_stage(db, lease, Stage.CHECKOUT, site.services.now())
        queue.end_stage(
            db, lease, Stage.CHECKOUT, StageState.CANCELED, site.services.now(), cached=False
        )
        if not queue.renew(db, lease):
            raise LeaseLost
        queue.end(db, lease, State.FAILED, error, stage)


def test_no_form_leads_anywhere_without_saying_what_it_has_done(site: Site) -> None:
    assert site
    silent = {
        path.name
        for path in Path(pages.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name) and node.id == "RedirectResponse"
    }
    assert silent == {"login.py"}, "logging in and out shows itself; all others use flash.done"


def test_every_save_says_so_once(site: Site, upload_key: str) -> None:
    has_twin(site, upload_key)
    boss = site.logged_in(Role.SUPER_ADMIN)
    with site.services.database.writing() as db:
        workers.register(db, "w", ["default"], 1, "1")
    member = f"/users/{user_id(site, NAMES[Role.MEMBER])}"
    project = {"name": "web", "repository": "/srv/web.git", "default_branch": "dev"}
    app = {"name": "twin", "platform_app_id": "wx0123456789abcdee"}
    saves: list[tuple[str, dict[str, str], str]] = [
        ("/projects", {"name": "new", "repository": "/srv/new.git"}, "已添加项目“new”，请继续"),
        ("/projects/web", project, "项目“web”的设置已保存"),
        ("/projects/new/delete", {}, "项目“new”已删除"),
        ("/apps/twin/settings", app, "小程序“twin”的设置已保存"),
        ("/apps/twin/delete", {}, "小程序“twin”已删除"),
        (member, {"name": "小林", "role": "viewer"}, "用户“小林”已修改"),
        (f"{member}/delete", {}, "用户“小林”已删除"),
        ("/profile", {"name": "admin", "robot": "3"}, "个人中心的设置已保存"),
        ("/profile/avatar", {"remove": "true"}, "头像已移除"),
        ("/workers/drain", {"name": "w", "draining": "true"}, "执行机“w”不再接受新任务"),
        ("/workers/drain", {"name": "w"}, "执行机“w”已恢复"),
        ("/apps/shop/preview", {"ref": "main"}, "已提交发布任务 #2"),
        ("/projects/web/release", {"kind": "preview", "apps": "shop"}, "已提交 1 个发布任务：#3"),
        ("/releases/2/cancel", {}, "正在取消发布任务 #2"),
        ("/releases/2/again", {}, "已提交发布任务 #4"),
        ("/releases/delete", {"ids": "2", "confirmed": "true"}, "已删除发布任务：#2"),
        ("/releases/delete", {}, "没有选择任何发布任务"),
    ]
    for address, form, words in saves:
        page = boss.send(address, **form)
        assert words in (notice(page) or ""), f"{address}: {visible(page)[:300]}"
        assert notice(boss.client.get("/").text) is None, "and only once"


def test_what_was_done_is_not_taken_by_what_a_script_fetches_meanwhile(site: Site) -> None:
    boss = site.logged_in(Role.SUPER_ADMIN)
    form = {"csrf": boss.csrf, "name": "admin"}
    boss.client.post("/profile", data=form, follow_redirects=False)
    assert notice(boss.client.get("/", headers={"sec-fetch-mode": "cors"}).text) is None
    assert notice(boss.client.get("/apps/shop?before=9", headers={"hx-request": "1"}).text) is None
    assert notice(boss.client.get("/profile", headers={"sec-fetch-mode": "navigate"}).text)


@pytest.mark.parametrize("cookie", ["", "x", "bnVsbA==", "WzFd", "WyJ3ZWIubmFtZSIsIHt9XQ=="])
def test_a_cookie_that_anybody_wrote_says_nothing(site: Site, cookie: str) -> None:
    boss = site.logged_in(Role.SUPER_ADMIN).client
    answer = boss.get(
        "/", headers={"cookie": f"mprelease={boss.cookies['mprelease']}; done={cookie}"}
    )
    assert answer.status_code == HTTPStatus.OK
    assert notice(answer.text) is None


@pytest.mark.parametrize("address", ["/apps/shop", "/releases"])
def test_a_filter_that_finds_nothing_says_so_and_can_be_cleared(site: Site, address: str) -> None:
    page = site.logged_in(Role.ADMIN).client.get(f"{address}?ref=nowhere").text
    assert "没有符合筛选条件的发布任务" in page
    assert f'href="{address}">清除筛选' in page
    assert "还没有发布任务" not in page


def test_an_app_without_releases_has_none_yet(site: Site, upload_key: str) -> None:
    has_twin(site, upload_key)
    page = site.logged_in(Role.ADMIN).client.get("/apps/twin").text
    assert "还没有发布任务" in page
    assert "清除筛选" not in page


def test_a_queued_release_without_a_worker_says_so_and_what_to_do(site: Site) -> None:
    addresses = ("/", "/apps/shop", f"/releases/{site.first}", "/releases")
    member, admin = site.logged_in(Role.MEMBER).client, site.logged_in(Role.ADMIN).client
    for address in addresses:
        page = visible(member.get(address).text)
        assert re.search(r"没有(带)?标签(为)? default 的执行机", page), address
    assert "请联系管理员启动" in visible(member.get(f"/releases/{site.first}").text)
    page = admin.get(f"/releases/{site.first}").text
    assert "<code>mprelease worker --labels default</code>" in page
    for labels, draining, is_served in (
        (["intranet"], False, False),
        (["default"], True, False),
        (["intranet", "default"], False, True),
    ):
        with site.services.database.writing() as db:
            workers.register(db, "w", labels, 1, "1")
            workers.drain(db, "w", draining=draining)
        shown = visible(member.get(f"/releases/{site.first}").text)
        assert ("default 的执行机" not in shown) is is_served, labels


def test_an_upload_is_published_again_only_after_a_question(site: Site) -> None:
    upload = releases.request(site.services, BOSS, ReleaseRequest(app="shop", kind=Kind.UPLOAD))
    for each in (site.first, upload):
        releases.cancel(site.services, BOSS, each)
    member = site.logged_in(Role.MEMBER).client
    page = member.get(f"/releases/{upload}").text
    question = re.search(r'(?s)<details class="ask">.*?</details>', page)
    assert question, "one press opens it, another sends"
    assert f'action="/releases/{upload}/again"' in question[0]
    assert "再次上传到微信：“shop”，main？" in question[0]
    assert page.count(f"/releases/{upload}/again") == 1
    assert 'class="ask"' not in member.get(f"/releases/{site.first}").text, "a preview is harmless"


def test_what_deletes_names_what_it_deletes(site: Site, upload_key: str) -> None:
    has_twin(site, upload_key)
    boss = site.logged_in(Role.SUPER_ADMIN)
    boss.send("/profile/tokens", name="构建机器")
    projects.add(
        site.services,
        BOSS,
        ProjectChange(name="empty", repository="/srv/empty.git", default_branch="main"),
    )
    for address, question in (
        ("/projects/empty", "永久删除项目“empty”"),
        ("/apps/twin/settings", "删除小程序“twin”（wx0123456789abcdee）"),
        ("/users", f"删除用户“{NAMES[Role.MEMBER]}”"),
        ("/users", f"为“{NAMES[Role.VIEWER]}”重置随机密码"),
        ("/profile", "吊销令牌“构建机器”"),
    ):
        assert question in boss.client.get(address).text, address
    full = boss.client.get("/projects/web").text
    assert "没有小程序的项目才能删除" in full
    assert "永久删除项目" not in full


def test_chosen_releases_are_named_before_they_are_deleted(site: Site) -> None:
    releases.cancel(site.services, BOSS, site.first)
    boss = site.logged_in(Role.ADMIN)
    page = boss.send("/releases/delete", ids=str(site.first))
    assert "永久删除以下发布任务" in page
    assert f"#{site.first}" in page
    assert "shop" in page
    assert boss.client.get(f"/releases/{site.first}").status_code == HTTPStatus.OK
    deleted = boss.send("/releases/delete", ids=str(site.first), confirmed="true")
    assert "已删除发布任务" in (notice(deleted) or "")
    assert boss.client.get(f"/releases/{site.first}").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_everybody_sees_the_list_of_releases_and_only_administrators_delete(
    site: Site, role: Role
) -> None:
    page = site.logged_in(role).client.get("/releases")
    assert page.status_code == HTTPStatus.OK
    assert f'href="/releases/{site.first}"' in page.text
    assert 'name="ids"' not in page.text
    assert "删除所选" not in page.text
    assert '<a href="/releases"' in site.logged_in(role).client.get("/").text, "and the way to it"
    assert 'name="ids"' in site.logged_in(Role.ADMIN).client.get("/releases").text


# Values of enumerations; `app.edit` and the like are those of the audit.
RAW = re.compile(
    r"\b(wechat|alipay|douyin|preview|upload|queued|running|succeeded|failed|canceled|pending|"
    r"production|development|super_admin|admin|member|viewer|checkout|install|build|publish|"
    r"bwrap|off|git_token|ssh_key|mini(Program|Game)(Plugin)?|\w+\.(add|edit|remove|drain))\b"
)


def test_no_chinese_page_shows_a_raw_value(site: Site, upload_key: str) -> None:
    boss = site.logged_in(Role.SUPER_ADMIN)
    has_twin(site, upload_key)
    error = ProblemDetail(
        Problem.OUTPUT_OF_OTHER_PLATFORM, {"found": "alipay", "wanted": "wechat", "file": "a"}
    )
    fails(site, site.first, error, Stage.BUILD)
    boss.send(
        "/projects/web",
        name="web",
        repository="/srv/web.git",
        default_branch="main",
        git_token="t",
    )
    with site.services.database.writing() as db:
        workers.register(db, "w", ["x"], 1, "1", sandbox=SandboxMode.OFF)
    addresses = ("/", "/apps/shop", "/apps/shop/settings", f"/releases/{site.first}", "/releases")
    more = (
        "/projects",
        "/projects/web",
        "/users",
        "/workers",
        "/audit",
        "/profile",
        "/apps/shop/upload",
    )
    own = {*NAMES.values()}
    for address in (*addresses, *more):
        text = re.sub(r"`[^`]*`|<code>.*?</code>", " ", boss.client.get(address).text)
        text = re.sub("|".join(sorted(own, key=len, reverse=True)), " ", visible(text))
        assert not (found := RAW.findall(text)), f"{address}: {found}"


def test_a_refused_key_shows_no_stage_that_never_began(site: Site) -> None:
    fails(site, site.first, ProblemDetail(Problem.KEY_REFUSED, {"app_id": "wx1"}), Stage.PUBLISH)
    page = site.logged_in(Role.VIEWER).client.get(f"/releases/{site.first}").text
    assert re.findall(r'<li class="(\w+)" data-stage="(\w+)"', page) == [
        ("canceled", "checkout"),
        ("failed", "publish"),
    ]
    assert "未开始" not in visible(page)


def test_a_release_that_is_canceled_in_the_queue_shows_no_stages(site: Site) -> None:
    viewer = site.logged_in(Role.VIEWER).client
    assert viewer.get(f"/releases/{site.first}").text.count('class="pending"') == len(Stage)
    releases.cancel(site.services, BOSS, site.first)
    assert "data-stage=" not in viewer.get(f"/releases/{site.first}").text


def test_the_project_type_is_chosen_in_the_form(site: Site) -> None:
    boss = site.logged_in(Role.ADMIN)
    assert (
        '<option value="miniProgram" selected>小程序<'
        in boss.client.get("/apps/shop/settings").text
    )
    form = {"name": "shop", "platform_app_id": "wx0123456789abcdef"}
    boss.send("/apps/shop/settings", **form, project_type="miniProgramPlugin")
    with site.services.database.reading() as db:
        assert apps.get(db, "shop").project_type == "miniProgramPlugin"
    page = boss.client.get("/projects/web/new-app?platform=alipay").text
    assert re.findall(r'<option value="(mini\w+)"', page) == ["miniProgram"]


def test_a_person_is_asked_for_the_user_name(site: Site) -> None:
    page = site.anonymous().client.get("/login").text
    assert "用户名</label>" in page
    assert ">名称<" not in page


def test_scripts_are_kept_together_with_whatever_they_import(site: Site) -> None:
    client = site.logged_in(Role.VIEWER).client
    page = client.get(f"/releases/{site.first}").text
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(files) > 8
    for address in files:
        assert "immutable" in client.get(address).headers["cache-control"], address
    for address in (each for each in files if each.endswith(".js") and "vendor" not in each):
        for imported in re.findall(r'from "\./([^"]+)"', client.get(address).text):
            answer = client.get(f"{address.rpartition('/')[0]}/{imported}")
            assert answer.status_code == HTTPStatus.OK
            assert "immutable" in answer.headers["cache-control"], imported


def test_a_file_of_another_release_of_ours_is_not_kept_for_ever(site: Site) -> None:
    client = site.anonymous().client
    for address in ("/static/live.js", "/static/0123456789ab/live.js"):
        answer = client.get(address)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
        again = client.get(address, headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == HTTPStatus.NOT_MODIFIED
    missing = client.get(f"/static/{assets.content_hash()}/nowhere.js")
    assert (missing.status_code, missing.headers["cache-control"]) == (404, "no-store")
    outside = client.get(f"/static/{assets.content_hash()}/%2e%2e/app.py")
    assert outside.status_code == HTTPStatus.NOT_FOUND


def test_a_qr_code_that_a_browser_has_is_not_sent_again(site: Site) -> None:
    with site.services.database.writing() as db:
        stored.put_qr_code(db, site.first, b"\x89PNG", "image/png", 1)
    client, address = site.logged_in(Role.VIEWER).client, f"/releases/{site.first}/qr-code"
    answer = client.get(address)
    known = {"if-none-match": answer.headers["etag"]}
    assert client.get(address, headers=known).status_code == HTTPStatus.NOT_MODIFIED
    assert site.anonymous().client.get(address, headers=known, follow_redirects=False).is_redirect


def test_platforms_have_no_raw_name_in_what_people_are_asked(site: Site) -> None:
    page = site.logged_in(Role.ADMIN).client.get("/projects/web/new-app").text
    for platform in Platform:
        assert platform not in visible(page)
