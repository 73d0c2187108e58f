"""Workers on one machine, users on another, a server between them."""

import base64
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from command_line import CommandLine, living, wait_until
from databases import MARIADB, Servers, blank
from forked_program import ForkedProgram
from mprelease.simulator.sample import make_sample
from mprelease.simulator.wechat import WeChat
from silent_host import SilentHost

pytestmark = [pytest.mark.slow, pytest.mark.light_tool]
MASTER_KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_sample(tmp_path / "sample")


@pytest.fixture
def grown(cli: CommandLine, servers: Servers, redis_url: str) -> Iterator[CommandLine]:
    """The users' machine: a data folder, the database and Redis, no tools and no worker."""
    with blank(servers.address(MARIADB)) as url:
        shared = {
            "MPRELEASE_DATABASE_URL": url,
            "MPRELEASE_REDIS_URL": redis_url,
            "MPRELEASE_MASTER_KEY": MASTER_KEY,
        }
        yield replace(cli, extra={**cli.extra, **shared})


@pytest.fixture
def machine(grown: CommandLine, tmp_path: Path) -> Iterator[CommandLine]:
    """Another machine, with the same settings and a data folder of its own."""
    folder = tmp_path / "machine"
    folder.mkdir()
    made = replace(grown, folder=folder, started=[])
    yield made
    made.end()


def working(machine: CommandLine, *options: str) -> ForkedProgram:
    """Start a worker and wait until it is seen."""
    before = len(machine.must("workers", "--json").json)
    process = machine.fork("worker", *options)
    wait_until(lambda: len(machine.must("workers", "--json").json) > before)
    return process


def test_people_release_over_a_worker_elsewhere_and_ask_it_what_it_sees(
    grown: CommandLine, machine: CommandLine, wechat: WeChat, repository: Path
) -> None:
    grown.has_app(repository)
    worker = working(machine, "--slots", "1")
    assert grown.must("project", "refs", "web", "--json").json["branches"] == ["main"]
    assert grown.must("project", "commits", "web", "--json").json
    assert grown.must("app", "check", "shop", "--json").json["accepted"]
    release = grown.must("upload", "shop", "--json").json
    assert release["state"] == "succeeded"
    assert [received.version for received in wechat.received] == [release["version"]]
    assert not (grown.data / "workspaces").exists()
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=20)
    assert worker.returncode == 0
    assert grown.must("workers", "--json").json == []


def test_a_release_for_another_label_waits_and_says_for_whom(
    grown: CommandLine, machine: CommandLine, repository: Path
) -> None:
    grown.has_app(repository, "--label", "intranet")
    working(machine)
    waiting = grown.fork("preview", "shop")
    wait_until(lambda: bool(grown.must("releases", "--json").json))
    (release,) = grown.must("releases", "--json").json
    assert release["state"] == "queued"
    assert waiting.stderr
    assert waiting.stderr.readline().startswith("robot 1 ")
    assert "intranet" in waiting.stderr.readline()
    grown.must("cancel", str(release["id"]))
    waiting.communicate(timeout=20)
    assert waiting.returncode == 130


def test_a_worker_told_to_end_hands_back_and_another_takes_over(
    grown: CommandLine, machine: CommandLine, wechat: WeChat, repository: Path
) -> None:
    mark = f"6{os.getpid()}"
    grown.has_app(repository, "--build-command", f"sleep {mark}", "--output", ".")
    first = working(
        replace(machine, extra={**machine.extra, "MPRELEASE_ON_TERMINATE": "hand_back"})
    )
    following = grown.fork("upload", "shop", "--json")
    wait_until(lambda: bool(living(mark)))
    grown.must("app", "edit", "shop", "--build-command", "true")
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=20)
    assert not living(mark)
    working(machine)
    out, err = following.communicate(timeout=60)
    assert following.returncode == 0, err + out
    assert len(wechat.received) == 1


def test_a_worker_told_to_end_does_not_wait_for_a_silent_git_host(
    grown: CommandLine, machine: CommandLine
) -> None:
    host = SilentHost()
    try:
        grown.must("project", "add", "far", "--repository", host.url)
        worker = working(machine)
        asking = grown.fork("project", "commits", "far")
        wait_until(lambda: host.connections > 0)
        began = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        _, err = worker.communicate(timeout=20)
        # Less than the 10 s that such a host gets.
        assert time.monotonic() - began < 8
        assert worker.returncode == 0
        assert "queries requeued" in err
        asking.kill()
        asking.communicate()
    finally:
        host.close()
