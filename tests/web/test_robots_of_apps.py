"""Names and rules of robots in forms and API, and the robot of a release with its reason."""

import pytest

from api_clients import api_client
from mprelease.domain.users import Role
from web_clients import Site

pytestmark = pytest.mark.parametrize("kind", ["sqlite"])
NAMES = ["1 测试", "2 预发"]
RULES = ["release/* → 2"]
FORM = {"name": "shop", "platform_app_id": "wx0123456789abcdef", "robot": "1"}


def test_names_and_rules_are_typed_on_lines(site: Site) -> None:
    boss = site.logged_in(Role.ADMIN)
    typed = {"robot_names": "1 测试\n2 预发\n", "robot_rules": "release/* 2, main=1"}
    page = boss.send("/apps/shop/settings", **FORM, **typed)
    assert "已保存" in page
    assert ">1 测试\n2 预发</textarea>" in page
    assert ">release/* → 2\nmain → 1</textarea>" in page
    page = boss.send("/apps/shop/settings", **FORM, robot_names="", robot_rules="main 1")
    assert ">main → 1</textarea>" in page
    assert "预发" not in page


def test_a_wrong_line_is_named_and_what_was_typed_stays(site: Site) -> None:
    boss = site.logged_in(Role.ADMIN)
    page = boss.send("/apps/shop/settings", **FORM, robot_names="1 测试\n预发", robot_rules="x → 2")
    assert page.count('role="alert"') == 1
    assert "“预发”" in page
    assert "例如“1 测试”" in page
    assert ">1 测试\n预发</textarea>" in page
    assert ">x → 2</textarea>" in page


def test_the_form_of_a_release_shows_the_robot_and_the_reason_before(site: Site) -> None:
    boss, member = site.logged_in(Role.ADMIN), site.logged_in(Role.MEMBER)
    boss.send("/apps/shop/settings", **FORM, robot_names="\n".join(NAMES), robot_rules=RULES[0])
    form = member.client.get("/apps/shop/upload").text
    assert "自动选择：1 测试（该分支上次使用）" in form
    fragment = member.client.get("/apps/shop/robot?ref=release/7").text
    assert "自动选择：2 预发（按规则 release/*）" in fragment
    assert "自动选择：1 测试（最久未使用）" in member.client.get("/apps/shop/robot?ref=x").text
    page = member.send("/apps/shop/upload", ref="release/7", forced_ref="release/7", robot="")
    assert "2 预发" in page
    assert "按规则 release/*" in page
    page = member.send("/apps/shop/upload", ref="release/7", forced_ref="release/7", robot="9")
    assert "由发布人指定" in page


def test_programs_set_names_and_rules_and_see_the_reason(site: Site) -> None:
    boss = api_client(site, Role.ADMIN)
    change = {"robot_names": NAMES, "robot_rules": RULES}
    changed = boss.call("PATCH", "/apps/shop", json=change)
    assert (changed["robot_names"], changed["robot_rules"]) == (NAMES, RULES)
    wanted = {"app": "shop", "kind": "upload", "ref": "release/7"}
    made = boss.call("POST", "/releases", 201, json=wanted)
    assert (made["robot"], made["robot_name"]) == (2, "预发")
    assert made["robot_reason"] == {"source": "rule", "pattern": "release/*"}
    refused = boss.call("PATCH", "/apps/shop", 422, json={"robot_rules": ["a", "b → 31"]})
    assert refused["problem"] == "robot_rules_shape"
    assert "“a”, “b → 31”" in refused["message"]
    for nothing in ([], None):
        boss.call("PATCH", "/apps/shop", json={"robot_names": nothing, "robot": 1})
    assert boss.call("GET", "/apps/shop/settings")["robot_names"] == []
