"""What is killed, canceled or doubled ends well, and leaves nobody behind."""

import os
import signal
from pathlib import Path

import pytest

from command_line import CommandLine, interrupt, living, path_without_bwrap, wait_until
from mprelease.simulator.sample import make_sample
from mprelease.simulator.wechat import WeChat
from repositories import commit, git, make_repository

pytestmark = [pytest.mark.slow, pytest.mark.light_tool]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_sample(tmp_path / "sample")


def test_ctrl_c_in_the_build_cancels_and_the_whole_tree_is_gone(
    cli: CommandLine, repository: Path
) -> None:
    mark = f"7{os.getpid()}"
    script = f"(setsid sleep {mark} &) ; sleep {mark}"
    cli.has_app(repository, "--build-command", script, "--output", ".")
    process = cli.start("preview", "shop", "--json")
    wait_until(lambda: len(living(mark)) >= 2)
    interrupt(process)
    out, _ = process.communicate(timeout=10)
    assert process.returncode == 130
    assert '"state": "canceled"' in out
    wait_until(lambda: not living(mark), seconds=5)


def test_a_worker_that_was_killed_leaves_nobody_and_its_release_is_done_by_the_next(
    cli: CommandLine, wechat: WeChat, repository: Path
) -> None:
    mark = f"8{os.getpid()}"
    cli.has_app(repository, "--build-command", f"sleep {mark}", "--output", ".")
    process = cli.start("upload", "shop")
    wait_until(lambda: bool(living(mark)))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    wait_until(lambda: not living(mark), seconds=5)
    cli.must("app", "edit", "shop", "--build-command", "true")
    cli.must("preview", "shop")
    releases = {release["id"]: release["state"] for release in cli.must("releases", "--json").json}
    assert releases == {1: "succeeded", 2: "succeeded"}
    assert [received.version for received in wechat.received].count(None) == 0
    assert len([each for each in wechat.received if each.kind == "upload"]) == 1


def test_two_commands_at_once_on_one_data_folder_both_end_well(
    cli: CommandLine, wechat: WeChat, repository: Path, tmp_path: Path
) -> None:
    cli.has_app(repository)
    first, second = cli.start("upload", "shop", "--json"), cli.start("upload", "shop", "--json")
    for process in (first, second):
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    versions = [received.version for received in wechat.received]
    assert len(set(versions)) == 2


def test_a_failed_build_fails_the_release_and_says_its_exit_code(
    cli: CommandLine, repository: Path
) -> None:
    cli.has_app(repository, "--build-command", "echo almost; exit 3", "--output", ".")
    answer = cli.run("upload", "shop", "--json")
    assert answer.code == 1
    assert answer.json["failed_stage"] == "build"
    assert "3" in answer.json["error"]["message"]
    assert "almost" in cli.log()


def test_a_build_without_end_is_ended_by_its_time_limit(cli: CommandLine, repository: Path) -> None:
    cli.extra["MPRELEASE_BUILD_LIMIT"] = "1"
    cli.has_app(repository, "--build-command", "sleep 500", "--output", ".")
    answer = cli.run("preview", "shop", "--json")
    assert answer.code == 1
    assert answer.json["error"]["problem"] == "time_limit"


@pytest.mark.parametrize(
    "mode",
    [
        "auto",
        pytest.param(
            "user", marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root has this mode")
        ),
    ],
)
def test_a_build_may_ask_git_where_it_stands(
    mode: str, cli: CommandLine, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mode == "user":
        monkeypatch.setenv("PATH", path_without_bwrap(cli.folder / "programs"))
        cli.extra["MPRELEASE_SANDBOX"] = "required"
    script = "echo HEAD=$(git rev-parse HEAD) $(git rev-parse --abbrev-ref HEAD)"
    cli.has_app(repository, "--build-command", script, "--output", ".")
    head = cli.must("preview", "shop", "--json").json["commit"]["id"]
    assert f"HEAD={head} main" in cli.log()


def test_what_people_type_reaches_no_shell(cli: CommandLine, repository: Path) -> None:
    cli.has_app(repository, "--build-command", "echo ref=$MPRELEASE_REF", "--output", ".")
    branch = "feature/$(touch${IFS}pwned);`id`"
    commit(repository, {}, "on a branch")
    git(repository, "branch", branch)
    cli.must("preview", "shop", "--ref", branch, "--description", "; rm -rf /")
    assert f"ref={branch}" in cli.log()
    assert not list(cli.folder.rglob("pwned"))


def test_a_link_to_a_file_of_ours_is_not_published(
    cli: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    repository = make_sample(tmp_path / "linked")
    (repository / "pages" / "stolen.js").symlink_to(cli.data / "master.key")
    commit(repository, {}, "a link")
    cli.has_app(repository)
    answer = cli.run("upload", "shop", "--json")
    assert answer.code == 1
    assert answer.json["error"]["problem"] == "link_leads_outside"
    assert wechat.received == []


def test_a_repository_that_is_a_monorepo_is_released_from_its_folder(
    cli: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    files = {
        f"apps/shop/{path.relative_to(sample)}": path.read_bytes()
        for sample in [make_sample(tmp_path / "sample")]
        for path in sample.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }
    cli.has_app(make_repository(tmp_path / "mono", files), "--directory", "apps/shop")
    cli.must("preview", "shop")
    assert "pages/index/index.js" in wechat.received[0].files
    cli.must("app", "edit", "shop", "--directory", "apps/gone")
    answer = cli.run("preview", "shop", "--json")
    assert answer.json["error"]["problem"] == "directory_missing"
