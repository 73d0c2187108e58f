"""A mini program for Alipay, from a real git repository to the platform, with the real tool."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import CommandLine
from mprelease.domain.releases import Kind
from mprelease.simulator.alipay import Alipay
from mprelease.simulator.keys import make_key
from mprelease.simulator.proxy import Simulator
from mprelease.simulator.wechat import WeChat
from repositories import commit, git, make_repository

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("alipay_tool")]

APP_ID, TOOL_ID = "2021000000000001", "0f3b5c7e9a1d4c2b"
FILES = {
    "app.json": '{"pages":["pages/a"]}',
    "app.js": "App({})",
    "pages/a.json": "{}",
    "pages/a.js": "Page({})",
    "pages/a.axml": "<view>你好</view>",
    "mini.project.json": json.dumps({"format": 2, "scripts": {"beforeUpload": "touch ran"}}),
}


@pytest.fixture
def alipay(tmp_path: Path, upload_key: str) -> Alipay:
    service = Alipay(tmp_path / "alipay")
    service.register(APP_ID, TOOL_ID, upload_key)
    return service


@pytest.fixture
def shop(cli: CommandLine, wechat: WeChat, alipay: Alipay, tmp_path: Path) -> Iterator[CommandLine]:
    """The command line with one app, `shop`, on Alipay."""
    repository = make_repository(tmp_path / "repository", FILES)
    commit(repository, {"more.json": "{}"}, "feat: 你好")
    with Simulator(tmp_path / "vendors", [wechat, alipay]) as simulator:
        cli.simulator = simulator
        given = tmp_path / "tool.json"
        given.write_text(json.dumps({"toolId": TOOL_ID, "privateKey": cli.key}))
        cli.must("project", "add", "web", "--repository", str(repository))
        cli.must(
            *("app", "add", "shop", "--project", "web", "--platform", "alipay"),
            *("--app-id", APP_ID, "--credential-file", str(given)),
        )
        yield cli


def test_an_upload_becomes_the_experience_version_and_the_next_one_counts_on(
    shop: CommandLine, alipay: Alipay
) -> None:
    first = shop.must("upload", "shop", "--json").json
    assert (first["state"], first["warnings"]) == ("succeeded", [])
    assert Path(first["qr_code"]).read_bytes().startswith(b"\x89PNG")
    assert alipay.trial_version(APP_ID) == first["version"]
    [received] = alipay.received
    assert received.files["pages/a.axml"].decode() == FILES["pages/a.axml"]
    assert json.loads(received.files["mini.project.json"]) == {"format": 2}
    assert str(received.description).startswith("feat: 你好 (")
    shop.must("app", "edit", "shop", "--setting", "experience=false")
    second = shop.must("upload", "shop", "--json").json
    assert alipay.versions(APP_ID) == [first["version"], second["version"]]
    assert alipay.trial_version(APP_ID) == first["version"]
    assert alipay.unknown_calls == []


def test_previews_share_the_compiler_that_the_first_one_fetched(
    shop: CommandLine, alipay: Alipay, tools_folder: Path
) -> None:
    logs = []
    for number in (1, 2):
        release = shop.must("preview", "shop", "--page", "pages/a", "--query", "x=1", "--json").json
        assert release["state"] == "succeeded"
        assert Path(release["qr_code"]).read_bytes().startswith(b"\x89PNG")
        logs.append(shop.log(number))
    assert "GET mdn.alipayobjects.com" not in logs[1]
    assert [one.kind for one in alipay.received] == [Kind.PREVIEW] * 2
    assert (alipay.received[0].launch.start_page, alipay.received[0].launch.query) == (
        "pages/a",
        "x=1",
    )
    kept = [one.name for one in (tools_folder / "minidev-2.2.5" / "compilers").iterdir()]
    # Whoever publishes for real from the same folder must not get the stand-in.
    assert kept == ["cubebuild@0.100.12-simulator"]


def test_a_version_that_the_platform_has_already_is_refused_before_the_tool_begins(
    shop: CommandLine, alipay: Alipay
) -> None:
    alipay.add_versions(APP_ID, ["99.1.0"])
    answer = shop.run("upload", "shop", "--version", "26.1.0")
    assert answer.code == 1
    assert "99.1.0" in answer.out + answer.err
    assert alipay.received == []


def test_an_automatic_version_goes_on_from_the_newest_of_the_platform(
    shop: CommandLine, alipay: Alipay
) -> None:
    """Issue 12, number 22: another installation has uploaded a greater one today."""
    alipay.add_versions(APP_ID, ["99.1.4"])
    shop.must("app", "edit", "shop", "--setting", "experience=false")
    shop.must(
        *("app", "edit", "shop", "--output", "dist", "--build-command"),
        'mkdir dist && cp -r app.* pages dist && echo "// $MPRELEASE_VERSION" > dist/v.js',
    )
    first = shop.must("upload", "shop", "--json").json
    second = shop.must("upload", "shop", "--json").json
    assert (first["version"], second["version"]) == ("99.1.5", "99.1.6")
    assert alipay.versions(APP_ID) == ["99.1.4", "99.1.5", "99.1.6"]
    built = [each.files["v.js"].decode()[3:].strip() for each in alipay.received]
    assert built == ["99.1.5", "99.1.6"], "the build was told the version that was uploaded"


def test_the_key_is_checked_in_words(shop: CommandLine, alipay: Alipay) -> None:
    shop.must("app", "check", "shop")
    alipay.register(APP_ID, TOOL_ID, make_key())
    answer = shop.run("app", "check", "shop")
    assert answer.code == 1
    assert APP_ID in answer.out + answer.err


def test_a_repository_with_links_and_packages_in_its_root_arrives_whole(
    shop: CommandLine, alipay: Alipay, tmp_path: Path
) -> None:
    """Issue 12, numbers 14 and 27: it succeeded with the packages and linked files missing."""
    repository = tmp_path / "repository"
    files = {f"mini/{name}": text for name, text in FILES.items() if "project" not in name}
    git(repository, "rm", "-r", "-q", ".")
    for name, target in {
        "mini/shared": "../common",
        "docs/broken": "gone",
        "docs/outside": "/etc/passwd",
    }.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).symlink_to(target)
    commit(
        repository,
        {
            **files,
            "mini.project.json": json.dumps({"format": 2, "miniprogramRoot": "mini"}),
            "mini/package.json": json.dumps({"name": "a", "dependencies": {"is-number": "7.0.0"}}),
            "mini/app.js": "const isNumber = require('is-number'); App({ n: isNumber('1') })",
            "common/a.js": "module.exports = 'linked'",
        },
    )
    answer = shop.must("upload", "shop", "--json").json
    [received] = alipay.received
    assert "is-number" in json.loads(received.files["mini/package.json"])["dependencies"]
    assert "mini/node_modules/is-number/index.js" in received.files
    assert received.files["mini/shared/a.js"] == b"module.exports = 'linked'"
    assert [each for each in answer["warnings"] if "is-number" in each] == []
