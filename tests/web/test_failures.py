"""A failed release shows the lines that matter; an unknown one asks a question."""

import re
from collections.abc import Sequence

import pytest

from mprelease.domain.logs import LogLine, Position
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.domain.releases import Commit, Stage, State
from mprelease.domain.users import Role
from mprelease.storage import logs, queue
from mprelease.storage import releases as stored
from mprelease.web.log_excerpt import excerpt, without_escapes
from web_clients import Site

pytestmark = pytest.mark.parametrize("kind", ["sqlite"])
COMMIT = Commit("c" * 40, "林", "feat: 首页", 0)
BUILD = [
    *(f"module {number}" for number in range(400)),
    "\x1b[31m✖\x1b[39m build failed in src/pages/pay.vue:12:8",
    "Unexpected token (12:8)",
    "  12 | const a = ",
    "npm error Lifecycle script `build` failed with error:",
    "npm error code 1",
    "npm error A complete log of this run can be found in: /home/x.log",
]


def failed(site: Site, lines: Sequence[str], problem: Problem, state: State = State.FAILED) -> None:
    """Let the first release end so, with these lines of its build."""
    database = site.services.database
    with database.reading() as db:
        assert stored.by_id(db, site.first)
    lease = queue.claim(database, site.first, "worker", "token")
    assert lease
    written = [
        LogLine(Position(lease.attempt, number), 1000, Stage.BUILD, text)
        for number, text in enumerate(lines, start=1)
    ]
    with database.writing() as db:
        queue.start_stage(db, lease, Stage.BUILD)
        if written:
            logs.append(db, site.first, written)
        queue.end(db, lease, state, ProblemDetail(problem), Stage.BUILD)


def page(site: Site, role: Role = Role.MEMBER) -> str:
    return site.logged_in(role).client.get(f"/releases/{site.first}").text


def shown(site: Site) -> list[str]:
    with site.services.database.reading() as db:
        release = stored.by_id(db, site.first)
        assert release
        lines = excerpt(db, release)
    return ["".join(text for text, _ in line.parts) for line in lines]


def test_the_excerpt_begins_before_the_error_and_says_where_it_is(site: Site) -> None:
    failed(site, BUILD, Problem.BUILD_FAILED)
    lines = shown(site)
    assert len(lines) <= 8
    assert lines[:4] == [
        "module 398",
        "module 399",
        "✖ build failed in src/pages/pay.vue:12:8",
        BUILD[401],
    ]
    text = page(site)
    assert "module 399\n✖ build failed in <strong>src/pages/pay.vue:12:8</strong>\nUnexp" in text
    assert 'href="#L1-399"' in text, "the first line of the excerpt in the log"
    assert "\x1b" not in text


def test_without_a_line_that_names_an_error_the_last_ones_are_shown(site: Site) -> None:
    failed(site, [f"line {number}" for number in range(20)], Problem.BUILD_FAILED)
    assert shown(site) == [f"line {number}" for number in range(12, 20)]


def test_content_of_a_log_is_no_markup(site: Site) -> None:
    failed(site, ['error: <img src=x onerror="alert(1)"> a.js:1'], Problem.BUILD_FAILED)
    text = page(site)
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text


def test_without_lines_there_is_no_excerpt(site: Site) -> None:
    failed(site, [], Problem.OUTPUT_MISSING)
    text = page(site, Role.SUPER_ADMIN)
    assert "日志中的关键内容" not in text
    assert 'href="/apps/shop/settings">去设置' in text
    assert "去设置" not in page(site), "a member cannot change them"


def test_an_unknown_release_asks_whether_the_platform_has_it(site: Site) -> None:
    failed(site, [], Problem.PUBLISH_CUT, State.UNKNOWN)
    text = page(site)
    assert re.search(rf"上有版本 #{site.first} 吗？", text)
    assert "https://mp.weixin.qq.com/" in text
    assert "吗？" not in page(site, Role.VIEWER)
    browser = site.logged_in(Role.MEMBER)
    browser.send(f"/releases/{site.first}/resolve", published="true")
    assert "吗？" not in page(site)


def test_the_raw_log_has_no_escape_codes(site: Site) -> None:
    failed(site, BUILD, Problem.BUILD_FAILED)
    raw = site.logged_in(Role.VIEWER).client.get(f"/releases/{site.first}/log.txt").text
    assert "✖ build failed in src/pages/pay.vue:12:8\n" in raw
    assert "\x1b" not in raw
    assert without_escapes("\x1b]8;;http://x\x07a\tb\x1b[1;31mc\x00") == "a\tbc"


def test_a_failed_release_has_no_button_for_an_upload(site: Site) -> None:
    failed(site, BUILD, Problem.BUILD_FAILED)
    assert "上传此提交" not in page(site)
