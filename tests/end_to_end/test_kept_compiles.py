"""The vendor's tool compiles the same files of an app once; what is sent is the same."""

import json
from pathlib import Path

import pytest

from command_line import APP_ID, CommandLine
from mprelease.simulator.sample import make_sample
from mprelease.simulator.wechat import WeChat
from mprelease.workspace.compile_results import CompileResults
from repositories import commit, git, make_repository

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("wechat_tool")]
USED_AGAIN = "the tool has compiled these files before"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_sample(tmp_path / "sample")


def uses_kept(cli: CommandLine, release: int) -> bool:
    return USED_AGAIN in cli.log(release)


def test_an_upload_after_a_preview_sends_what_was_compiled_for_that(
    cli: CommandLine, wechat: WeChat, repository: Path
) -> None:
    cli.has_app(repository)
    cli.must("preview", "shop")
    cli.must("upload", "shop", "--robot", "3")
    preview, upload = wechat.received
    assert (uses_kept(cli, 1), uses_kept(cli, 2)) == (False, True)
    assert preview.files == upload.files


def test_what_changes_what_is_sent_is_compiled(
    cli: CommandLine, wechat: WeChat, repository: Path
) -> None:
    cli.has_app(repository)
    cli.must("preview", "shop")
    cli.must("preview", "shop", "--setting", "es6=no")
    commit(repository, {"pages/index/index.js": "Page({ onLoad: () => 'new' })"}, "new")
    cli.must("preview", "shop")
    cli.extra["MPRELEASE_REUSE_COMPILE_RESULTS"] = "false"
    cli.must("preview", "shop")
    assert [uses_kept(cli, number) for number in range(1, 5)] == [False] * 4
    first, modern, changed, again = (one.files for one in wechat.received)
    assert first["app.js"] != modern["app.js"]
    assert b"new" in changed["pages/index/index.js"]
    assert changed == again


def test_an_app_never_gets_what_was_compiled_for_another_one(
    cli: CommandLine, repository: Path
) -> None:
    cli.has_app(repository)
    cli.must("preview", "shop")
    key_file = str(cli.folder / "private.key")
    cli.must(
        *("app", "add", "copy", "--project", "web", "--app-id", APP_ID),
        *("--credential-file", key_file),
    )
    cli.must("preview", "copy")
    assert not uses_kept(cli, 2)


def test_a_damaged_result_is_made_again_with_a_warning(
    cli: CommandLine, wechat: WeChat, repository: Path
) -> None:
    cli.has_app(repository)
    cli.must("preview", "shop")
    for content in (cli.data / "compile-results").glob("*/*/content"):
        content.write_bytes(content.read_bytes()[:-1])
    warned = cli.must("preview", "shop", "--json").json["warnings"]
    assert any("damaged" in each for each in warned), warned
    assert not cli.must("preview", "shop", "--json").json["warnings"]
    assert [uses_kept(cli, number) for number in (1, 2, 3)] == [False, False, True]
    assert len({json.dumps(sorted(each.files)) for each in wechat.received}) == 1


def test_what_npm_packs_and_leaves_out_is_told_again(
    cli: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    repository = make_repository(
        tmp_path / "native",
        {
            ".gitignore": "node_modules\n",
            "package.json": json.dumps(
                {"name": "native", "version": "1.0.0", "dependencies": {"is-number": "7.0.0"}}
            ),
            "project.config.json": json.dumps({"setting": {"es6": True}}),
            "app.json": json.dumps({"pages": ["pages/a"]}),
            "app.js": "App({})",
            "cloud/index.js": "exports.main = () => 1",
            "pages/a.js": "const isNumber = require('is-number')\nPage({n: isNumber('1')})",
            "pages/a.wxml": "<view>{{n}}</view>",
        },
    )
    cli.has_app(repository)
    first, second = (cli.must("upload", "shop", "--json").json for _ in range(2))
    assert uses_kept(cli, 2)
    assert first["warnings"] == second["warnings"]
    one, other = (each.files for each in wechat.received)
    assert one == other
    assert "miniprogram_npm/is-number/index.js" in other


def test_of_a_changed_project_only_changed_files_are_compiled(
    cli: CommandLine, wechat: WeChat, repository: Path
) -> None:
    cli.has_app(repository)
    cli.must("preview", "shop")
    before = json.loads(_files_of(cli).read_bytes().split(b"\n", 1)[0])
    commit(repository, {"pages/index/index.js": "Page({ onLoad: () => 'new' })"}, "new")
    cli.must("preview", "shop")
    after = json.loads(_files_of(cli).read_bytes().split(b"\n", 1)[0])
    assert len({key for key, _ in after} - {key for key, _ in before}) == 1
    cli.extra |= {"MPRELEASE_REUSE_COMPILE_RESULTS": "false"}
    cli.must("preview", "shop")
    _, kept, plain = (each.files for each in wechat.received)
    assert kept == plain


def test_what_a_branch_has_compiled_is_for_that_branch_and_what_main_has_for_all(
    cli: CommandLine, wechat: WeChat, repository: Path
) -> None:
    """A tool that a branch's content has taken over could name results of others as it likes."""
    cli.has_app(repository)
    git(repository, "checkout", "--quiet", "-b", "feature")
    commit(repository, {"pages/about/about.json": '{"navigationBarTitleText": "1"}'}, "one")
    cli.must("preview", "shop", "--ref", "feature")
    _poison(_files_of(cli))
    commit(repository, {"pages/about/about.json": '{"navigationBarTitleText": "2"}'}, "two")
    cli.must("preview", "shop", "--ref", "feature")
    git(repository, "checkout", "--quiet", "main")
    git(repository, "merge", "--quiet", "feature")
    cli.must("preview", "shop", "--ref", "main")
    first, spoiled, main = (each.files for each in wechat.received)
    assert any(b"Evil" in content for content in spoiled.values()), "the branch has used them"
    assert spoiled != first
    assert not any(b"Evil" in content for content in main.values())
    # The other way round they are used: nobody but main's own releases has written them.
    git(repository, "checkout", "--quiet", "-b", "other")
    commit(repository, {"pages/about/about.json": '{"navigationBarTitleText": "3"}'}, "three")
    for item in (cli.data / "compile-results").glob("*/*/content"):
        if _is_of_files(item):
            _poison(item)
    cli.must("preview", "shop", "--ref", "other")
    assert any(b"Evil" in content for content in wechat.received[-1].files.values())


def _is_of_files(content: Path) -> bool:
    return isinstance(json.loads(content.read_bytes().split(b"\n", 1)[0]), list)


def _files_of(cli: CommandLine) -> Path:
    """Return the kept results of single files, of which there are some of one trust only."""
    [found] = filter(_is_of_files, (cli.data / "compile-results").glob("*/*/content"))
    return found


def _poison(content: Path) -> None:
    """Replace what is kept, with the right digest."""
    other = content.with_name("other")
    other.write_bytes(content.read_bytes().replace(b"Page(", b"Evil("))
    CompileResults(content.parent.parent).keep(content.parent.name, other, ())
