"""Names and rules of robots on the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mprelease.cli.follow import View
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind
from mprelease.domain.users import Actor
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, projects, releases
from mprelease.services.context import ServiceContext

Call = Callable[..., Any]


def test_names_and_rules_are_set_by_one_option_each(call: Call, key_file: Path) -> None:
    call("project", "add", "web", "--repository", "/srv/web.git")
    added = call(
        *("app", "add", "shop", "--project", "web", "--app-id", "wx0123456789abcdef"),
        *("--credential-file", str(key_file), "--robot-names", "1 测试, 2 预发", "--json"),
    )
    assert json.loads(added.out)["robot_names"] == ["1 测试", "2 预发"]
    changed = call("app", "edit", "shop", "--robot-rules", "release/* → 2, main=1", "--json")
    assert json.loads(changed.out)["robot_rules"] == ["release/* → 2", "main → 1"]
    wrong = call("app", "edit", "shop", "--robot-rules", "release/*")
    assert wrong.code == 2
    assert "“release/*”" in wrong.err
    emptied = call("app", "edit", "shop", "--robot-names", "", "--json")
    assert json.loads(emptied.out)["robot_names"] == []


def test_the_board_is_shown_and_the_trial_version_marked(call: Call, key_file: Path) -> None:
    call("project", "add", "web", "--repository", "/srv/web.git")
    call(
        *("app", "add", "shop", "--project", "web", "--app-id", "wx0123456789abcdef"),
        *("--credential-file", str(key_file)),
    )
    assert json.loads(call("app", "board", "shop", "--json").out)[0]["rows"] == []
    marked = json.loads(call("app", "trial", "shop", "--robot", "2", "--json").out)
    assert marked[0]["trial"]["robot"] == 2
    assert json.loads(call("project", "board", "web", "--json").out) == marked
    assert call("app", "trial", "shop", "--robot", "31").code == 2
    asked = call("app", "trial", "shop")
    assert (asked.code, "no request" in asked.err) == (2, True)


def test_the_robot_and_its_reason_are_written_once(
    services: ServiceContext, upload_key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    who = Actor("林")
    change = ProjectChange(name="web", repository="/srv/web.git", default_branch="main")
    projects.add(services, who, change)
    new = AppChange(
        name="shop",
        platform_app_id="wx0123456789abcdef",
        credential=upload_key.encode(),
        robot_names=["2 预发"],
    )
    apps.add(services, who, "web", Platform.WECHAT, new)
    wanted = ReleaseRequest(app="shop", kind=Kind.PREVIEW)
    with services.database.reading() as db:
        made = releases.get(db, releases.request(services, who, wanted))
    view = View(lines=False)
    view.update(made, [])
    view.update(made, [])
    assert capsys.readouterr().err == "robot 2 预发 (used least recently)\n"
