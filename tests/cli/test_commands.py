"""The command line as people and programs use it: answers, refusals, exit codes."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]
APP_ID = "wx0123456789abcdef"


def has_app(call: Call, key_file: Path) -> None:
    assert call("project", "add", "web", "--repository", "/srv/web.git").code == 0
    added = call(
        *("app", "add", "shop", "--project", "web", "--app-id", APP_ID),
        *("--credential-file", str(key_file)),
    )
    assert added.code == 0, added.err


def test_projects_are_added_listed_shown_changed_and_removed(call: Call) -> None:
    assert "web" in call("project", "add", "web", "--repository", "/srv/web.git").out
    assert json.loads(call("project", "list", "--json").out)[0]["repository"] == "/srv/web.git"
    assert call("project", "edit", "web", "--branch", "develop", "--name", "site").code == 0
    shown = json.loads(call("project", "show", "site", "--json").out)
    assert (shown["default_branch"], shown["secrets"]) == ("develop", [])
    assert call("project", "remove", "site").code == 0
    assert json.loads(call("project", "list", "--json").out) == []


def test_apps_are_added_listed_shown_changed_and_removed(call: Call, key_file: Path) -> None:
    has_app(call, key_file)
    assert APP_ID in call("app", "list").out
    changed = call("app", "edit", "shop", "--robot", "9", "--setting", "es6=false", "--json")
    assert json.loads(changed.out)["build"]["compile_settings"] == {"es6": False}
    back = call("app", "edit", "shop", "--setting", "es6=", "--json")
    assert json.loads(back.out)["build"]["compile_settings"] == {}
    assert "9" in call("app", "show", "shop").out
    assert call("app", "remove", "shop").code == 0
    assert json.loads(call("app", "list", "--json").out) == []


def test_a_key_is_shown_nowhere(call: Call, key_file: Path, upload_key: str) -> None:
    has_app(call, key_file)
    secret = upload_key.splitlines()[3]
    for command in (("app", "show", "shop"), ("app", "list", "--json"), ("project", "list")):
        assert secret not in call(*command).out


REFUSED = {
    "unknown app": ("preview", "nobody"),
    "unknown project": ("project", "show", "nobody"),
    "robot outside 1-30": ("preview", "shop", "--robot", "31"),
    "version of the wrong shape": ("upload", "shop", "--version", "the next"),
    "ref that is an option": ("preview", "shop", "--ref=--upload-pack=x"),
    "page with a query": ("preview", "shop", "--page", "pages/a?b=1"),
    "scene that is none": ("preview", "shop", "--scene", "1"),
    "unknown release": ("log", "77"),
    "release whose end is known": ("release", "resolve", "77", "--published"),
    "text over its limit": ("app", "edit", "shop", "--build-command", "x" * 4001),
    "setting of a strange name": ("app", "edit", "shop", "--setting", "é=1"),
    "repository that is none": ("project", "add", "x", "--repository", "ext::sh -c id"),
    "repository with a password": ("project", "add", "x", "--repository", "https://a:b@c.d/e"),
    "key file that is missing": ("app", "edit", "shop", "--credential-file", "/nowhere"),
    "key that is none": ("app", "edit", "shop", "--credential-file", "/etc/hostname"),
    "nothing to change": ("app", "edit", "shop"),
    "app id of another shape": ("app", "edit", "shop", "--app-id", "wx1"),
    "neither an app nor a project": ("upload",),
    "an app and a project": ("preview", "shop", "--project", "web"),
    "one file for several QR codes": ("preview", "--project", "web", "--qr-code", "code.png"),
    "all apps of an unknown project": ("preview", "--project", "nobody"),
    "finishing a release that is unknown": ("release", "finish", "77"),
    "version of an unknown app": ("app", "last-version", "nobody"),
    "unknown environment": ("preview", "shop", "--environment", "staging"),
    "unknown platform": ("tools", "install", "nokia"),
    "unknown command": ("deploy",),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_use_gets_a_sentence_exit_code_2_and_no_traceback(
    case: str, call: Call, key_file: Path
) -> None:
    has_app(call, key_file)
    answer = call(*REFUSED[case])
    assert answer.code == 2
    assert answer.err.strip()
    assert "Traceback" not in answer.err
    assert json.loads(call("releases", "--json").out) == []


def test_of_several_apps_the_refused_one_is_named(call: Call, key_file: Path) -> None:
    has_app(call, key_file)
    answer = call("upload", "--project", "web", "--version", "the next")
    assert (answer.code, answer.err.startswith("shop: ")) == (2, True)


def test_apps_are_added_and_edited_with_the_same_options(call: Call) -> None:
    added, edited = (call("app", command, "--help").out for command in ("add", "edit"))
    shared = [word for word in added.split() if word.startswith("--")]
    assert {"--setting", "--build-command", "--node-memory", "--label"} <= set(shared)
    assert set(shared) - {"--project", "--platform"} <= set(edited.split())


def test_options_of_an_app_reach_it(call: Call, key_file: Path) -> None:
    has_app(call, key_file)
    inputs = ("--install-inputs", "scripts/* tools")
    options = ("--type", "miniGame", "--private-dependencies", "--setting", "es6=false")
    assert call("app", "edit", "shop", *inputs, *options).code == 0
    app = json.loads(call("app", "show", "shop", "--json").out)
    assert app["project_type"] == "miniGame"
    assert app["build"]["install_inputs"] == ["scripts/*", "tools"]
    assert app["build"]["compile_settings"] == {"es6": False}
    assert app["build"]["private_dependencies"]
    assert call("app", "edit", "shop", "--setting", "es6=", "--shared-dependencies").code == 0
    app = json.loads(call("app", "show", "shop", "--json").out)
    assert app["build"]["compile_settings"] == {}
    assert not app["build"]["private_dependencies"]


def test_a_setting_that_cannot_be_used_is_bad_use(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPRELEASE_TIMEZONE", "Mars/Base")
    answer = call("releases")
    assert answer.code == 2
    assert "MPRELEASE_TIMEZONE" in answer.err


def test_a_broken_database_is_told(call: Call, data: Path) -> None:
    (data / "mprelease.db").write_text("this is no database, and longer than a page")
    answer = call("releases")
    assert answer.code == 2
    assert "Traceback" not in answer.err


def test_the_files_of_a_new_data_folder_are_private(call: Call, key_file: Path, data: Path) -> None:
    shutil.rmtree(data)
    has_app(call, key_file)
    for path in data.iterdir():
        if path.is_file():
            assert path.stat().st_mode & 0o077 == 0, path


def test_the_doctor_tells_what_is_there(call: Call) -> None:
    answer = call("doctor", "--json")
    names = {finding["name"] for finding in json.loads(answer.out)}
    assert {"git", "node", "npm", "sandbox", "miniprogram-ci", "disk"} <= names


def findings(call: Call) -> dict[str, dict[str, str]]:
    return {found["name"]: found for found in json.loads(call("doctor", "--json").out)}


def test_the_doctor_names_each_gap(call: Call) -> None:
    found = findings(call)
    is_root = os.geteuid() == 0
    assert (found["build-uids"]["status"] == "ok") is is_root
    assert {"ok", "warning"} >= {found["network"]["status"], found["sandbox"]["status"]}
    assert not {"redis-password", "database-password"} & found.keys()


def test_the_doctor_says_why_builds_reach_our_ports(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPRELEASE_SANDBOX", "off")
    found = findings(call)
    assert {found[name]["status"] for name in ("sandbox", "build-uids", "network")} == {"warning"}
    assert "root" in found["network"]["detail"] or "off" in found["network"]["detail"]


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("redis://127.0.0.1:6379/0", "warning"),
        ("redis://:secret@127.0.0.1:6379/0", "ok"),
        ("redis://127.0.0.1:6379/0?password=secret", "ok"),
    ],
)
def test_the_doctor_warns_of_a_server_without_a_password(
    call: Call, monkeypatch: pytest.MonkeyPatch, url: str, status: str
) -> None:
    monkeypatch.setenv("MPRELEASE_REDIS_URL", url)
    found = findings(call)
    assert found["redis-password"]["status"] == status
    assert "secret" not in json.dumps(found)


def test_a_missing_node_is_told_before_anything_is_queued(
    call: Call, key_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    has_app(call, key_file)
    monkeypatch.setenv("PATH", str(tmp_path))
    answer = call("preview", "shop")
    assert answer.code == 2
    assert "git" in answer.err
    doctor = call("doctor")
    assert doctor.code == 1
    assert "✘" in doctor.out


def test_another_host_of_a_repository_asks_for_its_token_anew(call: Call, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("glpat-s3cret")
    address = ("--repository", "https://git.example.com/web.git")
    call("project", "add", "web", *address, "--git-token-file", str(token))
    moved = ("--repository", "https://git.example.com:8443/web.git")
    answer = call("project", "edit", "web", *moved)
    assert answer.code == 0
    assert "give them anew" in answer.err
    assert json.loads(call("project", "show", "web", "--json").out)["secrets"] == []
    assert call("project", "edit", "web", "--branch", "next").err == ""
