"""All apps of a project by one command: told apart in the terminal, and never half accepted."""

from pathlib import Path

import pytest

from command_line import CommandLine, interrupt, living
from mprelease.simulator.keys import make_key
from mprelease.simulator.wechat import WeChat
from repositories import commit, make_repository

pytestmark = [pytest.mark.slow, pytest.mark.light_tool]

FILES = {
    "app.json": '{"pages":["pages/a"]}',
    "app.js": "App({})",
    "pages/a.js": "Page({})",
    "pages/a.wxml": "<view>你好</view>",
    "project.config.json": '{"setting": {"es6": true}}',
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "repository", FILES)


@pytest.fixture
def pair(cli: CommandLine, wechat: WeChat, repository: Path) -> CommandLine:
    """The command line with the apps `shop` and `desk` of one project."""
    cli.has_app(repository)
    key, file = make_key(), cli.folder / "desk.key"
    file.write_text(key)
    wechat.register("wx00000000000000de", key)
    cli.must(
        *("app", "add", "desk", "--project", "web", "--app-id", "wx00000000000000de"),
        *("--credential-file", str(file)),
    )
    return cli


def test_each_line_names_its_app_and_the_end_names_every_qr_code(
    pair: CommandLine, wechat: WeChat
) -> None:
    answer = pair.must("preview", "--project", "web", "--page", "pages/a")
    names = [line.split()[0] for line in answer.err.splitlines() if "✔" in line]
    assert sorted(names) == ["desk"] * 4 + ["shop"] * 4
    ends = answer.out.splitlines()[-6:]
    assert [line.split()[1] for line in ends[::3]] == ["shop", "desk"]
    assert all("expires at" in line for line in ends[2::3])
    for line in ends[1::3]:
        assert Path(line.partition(": ")[2]).stat().st_size > 0
    assert [one.launch.start_page for one in wechat.received] == ["pages/a"] * 2


def test_one_that_fails_leaves_the_others_alone_and_makes_the_command_fail(
    pair: CommandLine,
) -> None:
    pair.must("app", "edit", "shop", "--directory", "nowhere")
    answer = pair.run("upload", "--project", "web", "--json")
    assert answer.code == 1
    assert [one["state"] for one in answer.json] == ["failed", "succeeded"], answer.out
    assert answer.json[0]["error"]["problem"] == "directory_missing"


def test_ctrl_c_ends_them_all(pair: CommandLine) -> None:
    # Two builds: with the same command one release would wait for the build of the other.
    for app, seconds in (("shop", 60), ("desk", 61)):
        pair.must("app", "edit", app, "--build-command", f"echo on; sleep {seconds}")
    process = pair.fork("upload", "--project", "web", "--follow")
    assert process.stderr
    seen = 0
    for line in process.stderr:
        seen += line.split()[1:] == ["on"]
        if seen == 2:
            break
    interrupt(process)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert living(str(pair.data)) == []
    assert {one["state"] for one in pair.must("releases", "--json").json} == {"canceled"}


def test_a_branch_that_moves_between_two_releases_is_told(
    pair: CommandLine, repository: Path
) -> None:
    """Issue 12, number 30: they were said to be from one checkout."""
    pair.extra["MPRELEASE_SLOTS"] = "1"
    pair.must("app", "edit", "shop", "--build-command", "echo on; sleep 3")
    process = pair.fork("preview", "--project", "web", "--follow")
    assert process.stderr
    next(line for line in process.stderr if line.split()[1:] == ["on"])
    commit(repository, {"pages/a.js": "Page({ moved: 1 })"})
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "not built from one commit" in err
    first = str(pair.must("releases", "--json").json[-1]["commit"]["id"])
    assert first[:8] in out
    same = pair.must("preview", "--project", "web", "--ref", first, "--json")
    assert {one["commit"]["id"] for one in same.json} == {first}
    assert "not built from one commit" not in same.err
