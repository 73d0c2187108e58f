"""A native mini program, from a real git repository to the platform, with the real tool."""

import json
from pathlib import Path

import pytest

from command_line import APP_ID, CommandLine
from mprelease.domain.releases import Kind
from mprelease.simulator.sample import make_sample
from mprelease.simulator.vendor_service import Fault
from mprelease.simulator.wechat import WeChat
from repositories import commit, make_repository

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("wechat_tool")]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_sample(tmp_path / "sample")


def test_an_upload_arrives_with_its_version_and_everything_that_was_committed(
    cli: CommandLine, wechat: WeChat, repository: Path
) -> None:
    cli.has_app(repository, "--robot", "7")
    answer = cli.must(
        *("upload", "shop", "--description", "$(touch /tmp/x) `id` \"' 新版", "--json"),
        *("--qr-code", str(cli.folder / "trial.png")),
    )
    release = answer.json
    assert release["state"] == "succeeded"
    assert release["commit"]["subject"] == "feat: 一周的日历"
    assert release["sizes"]["full"] > 0
    assert [stage["state"] for stage in release["stages"]] == ["succeeded"] * 4
    assert (cli.folder / "trial.png").read_bytes().startswith(b"\x89PNG")
    [received] = wechat.received
    assert (received.kind, received.robot, received.app_id) == (Kind.UPLOAD, 7, APP_ID)
    assert received.version == release["version"]
    assert received.description == "$(touch /tmp/x) `id` \"' 新版"
    pages = {f"pages/{name}/{name}" for name in ("index", "about")}
    assert {f"{page}.js" for page in pages} <= received.files.keys()
    assert json.loads(received.files["app.json"])["pages"] == [
        "pages/index/index",
        "pages/about/about",
    ]


def test_a_package_beyond_its_budget_is_a_warning_and_no_failure(
    cli: CommandLine, wechat: WeChat, repository: Path
) -> None:
    cli.has_app(repository, "--size-budgets", "main 1 KB, full 20 MB")
    release = cli.must("upload", "shop", "--json").json
    assert (release["state"], len(wechat.received)) == ("succeeded", 1)
    [warning] = [each for each in release["warnings"] if "budget" in each]
    assert warning.startswith("The package “main” has")
    assert "more than its budget of 1 KB" in warning
    assert release["robot_reason"] == {"source": "least_used", "pattern": None}


def test_a_preview_opens_the_page_that_was_asked_for_and_gives_a_qr_code(
    cli: CommandLine, wechat: WeChat, repository: Path
) -> None:
    cli.has_app(repository)
    answer = cli.must(
        *("preview", "shop", "--page", "/pages/about/about", "--query", "from=test&n=1"),
        *("--scene", "1011", "--robot", "2", "--json"),
    )
    assert Path(answer.json["qr_code"]).read_bytes().startswith(b"\xff\xd8")
    [received] = wechat.received
    assert received.kind is Kind.PREVIEW
    assert (received.launch.start_page, received.launch.query) == (
        "pages/about/about",
        "from=test&n=1",
    )
    assert received.launch.scene == 1011


@pytest.mark.light_tool
def test_the_qr_code_is_drawn_in_the_terminal(cli: CommandLine, repository: Path) -> None:
    cli.has_app(repository)
    answer = cli.must("preview", "shop")
    assert "█▄▄▄▄▄▄▄█" in answer.out
    assert "succeeded" in answer.out


@pytest.mark.light_tool
def test_a_tag_and_a_commit_can_be_released_as_well_as_a_branch(
    cli: CommandLine, wechat: WeChat, repository: Path
) -> None:
    cli.has_app(repository)
    first = cli.must("upload", "shop", "--json").json["commit"]["id"]
    commit(repository, {"pages/index/index.wxml": "<view>new</view>"}, "new")
    cli.must("upload", "shop", "--ref", "main")
    cli.must("upload", "shop", "--ref", first[:10])
    bodies = [received.files["pages/index/index.wxml"] for received in wechat.received]
    assert bodies[0] == bodies[2] != bodies[1]


def test_a_native_project_gets_its_npm_dependency_packed(
    cli: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    repository = make_repository(
        tmp_path / "native",
        {
            ".gitignore": "node_modules\nminiprogram_npm\n",
            "package.json": json.dumps(
                {"name": "native", "version": "1.0.0", "dependencies": {"is-number": "7.0.0"}}
            ),
            "project.config.json": json.dumps(
                {"compileType": "miniprogram", "appid": APP_ID, "setting": {"es6": True}}
            ),
            "app.json": json.dumps({"pages": ["pages/a/a"]}),
            "app.js": "App({})",
            "pages/a/a.js": "const isNumber = require('is-number')\nPage({n: isNumber('1')})",
            "pages/a/a.wxml": "<view>{{n}}</view>",
        },
    )
    cli.has_app(repository)
    answer = cli.must("upload", "shop", "--json")
    [received] = wechat.received
    assert "miniprogram_npm/is-number/index.js" in received.files
    assert answer.json["warnings"], "there is no lock file: that is said"
    again = cli.must("upload", "shop", "--json").json
    install = next(stage for stage in again["stages"] if stage["name"] == "install")
    assert install["cached"]
    assert wechat.received[-1].files == received.files


@pytest.mark.parametrize("manager", ["npm", "pnpm@9.15.9"])
@pytest.mark.usefixtures("kept_managers")
def test_packages_that_a_workspace_keeps_above_the_app_are_packed_with_what_they_need(
    manager: str, cli: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    root: dict[str, object] = {"name": "root", "private": True}
    root |= {"workspaces": ["packages/*"]} if manager == "npm" else {"packageManager": manager}
    app = {"name": "app", "version": "1.0.0", "dependencies": {"is-odd": "3.0.1"}}
    files = {
        "app.json": json.dumps({"pages": ["pages/a/a"]}),
        "app.js": "App({})",
        "pages/a/a.js": "const isOdd = require('is-odd')\nPage({n: isOdd(1)})",
        "pages/a/a.wxml": "<view>{{n}}</view>",
        "package.json": json.dumps(app),
    }
    repository = make_repository(
        tmp_path / "native",
        {
            ".gitignore": "node_modules\nminiprogram_npm\n",
            "package.json": json.dumps(root),
            **({} if manager == "npm" else {"pnpm-workspace.yaml": "packages:\n  - packages/*\n"}),
            **{f"packages/app/{name}": text for name, text in files.items()},
        },
    )
    cli.has_app(repository, "--directory", "packages/app")
    warnings = cli.must("preview", "shop", "--json").json["warnings"]
    assert len(warnings) == 1, "there is no lock file, and nothing else to say"
    packed = {name for name in wechat.received[0].files if name.endswith("index.js")}
    assert packed == {"miniprogram_npm/is-odd/index.js", "miniprogram_npm/is-number/index.js"}


REFUSALS = {
    Fault.BAD_IP: ("127.0.0.1", "IP"),
    Fault.BAD_KEY: ("key", "--credential-file"),
    Fault.UNKNOWN_APP: (APP_ID, "--app-id"),
}


@pytest.mark.parametrize("fault", REFUSALS)
def test_a_refused_credential_ends_the_release_before_the_build(
    fault: Fault, cli: CommandLine, wechat: WeChat, repository: Path
) -> None:
    cli.has_app(repository, "--build-command", "sleep 60", "--output", ".")
    wechat.set_fault(APP_ID, fault)
    answer = cli.run("upload", "shop", "--json", seconds=30)
    assert answer.code == 1
    error = answer.json["error"]
    sentences = f"{error['message']} {error['remedy']}"
    assert all(word in sentences for word in REFUSALS[fault]), sentences
    assert answer.json["failed_stage"] == "publish"
    check = cli.run("app", "check", "shop")
    assert check.code == 1
    assert error["remedy"] in check.err
    assert cli.run("app", "check", "shop", "--json").json["accepted"] is False


@pytest.mark.parametrize(
    ("fault", "word"),
    [(Fault.TOO_LARGE, "2048"), (Fault.SERVER_ERROR, ""), (Fault.CONNECTION_CUT, "arrived")],
)
def test_what_the_platform_refuses_at_the_end_is_told_with_its_remedy(
    fault: Fault, word: str, cli: CommandLine, wechat: WeChat, repository: Path
) -> None:
    cli.has_app(repository)
    wechat.set_fault(APP_ID, fault)
    answer = cli.run("upload", "shop", "--json")
    assert answer.code == 1
    assert answer.json["state"] == "failed"
    assert word in answer.json["error"]["message"]
    assert answer.json["error"]["remedy"]


def test_an_accepted_credential_is_confirmed(cli: CommandLine, repository: Path) -> None:
    cli.has_app(repository)
    assert APP_ID in cli.must("app", "check", "shop").out


def test_a_syntax_error_is_told_with_file_and_line(cli: CommandLine, repository: Path) -> None:
    commit(repository, {"pages/index/index.js": "Page({\n  data: {,}\n})\n"}, "broken")
    cli.has_app(repository)
    answer = cli.run("preview", "shop", "--json")
    assert answer.code == 1
    assert "pages/index/index.js:2" in answer.json["error"]["message"]


def test_a_page_that_is_missing_is_told(cli: CommandLine, repository: Path) -> None:
    config = json.dumps({"pages": ["pages/index/index", "pages/gone/gone"]})
    commit(repository, {"app.json": config}, "broken")
    cli.has_app(repository)
    answer = cli.run("preview", "shop", "--json")
    assert answer.code == 1
    assert "pages/gone/gone" in answer.json["error"]["message"]


def test_a_preview_of_a_page_that_does_not_exist_is_told(
    cli: CommandLine, repository: Path
) -> None:
    cli.has_app(repository)
    answer = cli.run("preview", "shop", "--page", "pages/nowhere/nowhere", "--json")
    assert answer.code == 1
    assert "pages/nowhere/nowhere" in answer.json["error"]["message"]
