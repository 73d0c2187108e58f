import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from checkout_harness import CheckoutHarness
from git_host import GitHost, serving
from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.source.access import Access, opened
from mprelease.source.repository import Repository
from repositories import make_repository

TOKEN = "glpat-5ecret/+%"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    make_repository(tmp_path / "served" / "shop", {"app.json": "{}"})
    with serving(GitHost(tmp_path / "served", login=f"oauth2:{TOKEN}")) as host:
        yield host


def shop(host: GitHost, token: str | None = TOKEN) -> Repository:
    return Repository(f"{host.url}/shop/.git", Access(token))


def problem_of(harness: CheckoutHarness, repository: Repository) -> Problem:
    with pytest.raises(StageFailed) as failed:
        harness.fetch(repository, "main")
    return failed.value.problem_detail.problem


def test_a_token_opens_the_repository(harness: CheckoutHarness, host: GitHost) -> None:
    harness.check_out(shop(host))
    assert harness.names() == {"app.json"}


def test_a_host_that_wants_a_certain_name_gets_it(harness: CheckoutHarness, host: GitHost) -> None:
    host.login = "deploy:pass word"
    harness.check_out(shop(host, "deploy:pass word"))
    assert harness.names() == {"app.json"}


def test_a_commit_that_is_here_needs_no_network(harness: CheckoutHarness, host: GitHost) -> None:
    fetched = harness.check_out(shop(host))
    host.requests.clear()
    harness.check_out(shop(host), fetched.commit.id)
    assert host.requests == []


def test_a_missing_or_wrong_token_is_a_refused_login(
    harness: CheckoutHarness, host: GitHost
) -> None:
    assert problem_of(harness, shop(host, None)) is Problem.GIT_LOGIN_REFUSED
    assert problem_of(harness, shop(host, "wrong")) is Problem.GIT_LOGIN_REFUSED


def test_what_a_host_answers_is_told_apart(harness: CheckoutHarness, host: GitHost) -> None:
    host.status = 403
    assert problem_of(harness, shop(host)) is Problem.GIT_LOGIN_REFUSED
    host.status = 404
    assert problem_of(harness, shop(host)) is Problem.GIT_NOT_A_REPOSITORY
    host.status = 500
    assert problem_of(harness, shop(host)) is Problem.GIT_FAILED


def test_a_host_that_does_not_listen_is_unreachable(harness: CheckoutHarness) -> None:
    nowhere = Repository("http://127.0.0.1:9/shop.git", Access(TOKEN))
    assert problem_of(harness, nowhere) is Problem.GIT_HOST_UNREACHABLE
    nobody = Repository("https://no-such-host.invalid/shop.git")
    assert problem_of(harness, nobody) is Problem.GIT_HOST_UNREACHABLE


def test_a_token_stands_on_no_command_line_in_no_variable_and_in_no_log(
    harness: CheckoutHarness, host: GitHost, tmp_path: Path
) -> None:
    record = tmp_path / "record"
    put_first_in_path(harness, tmp_path / "bin", "git", f'echo "$@" >>{record}; env >>{record}')
    fetched = harness.check_out(shop(host))
    recorded = record.read_text()
    assert "fetch" in recorded
    assert "GIT_TERMINAL_PROMPT=0" in recorded
    for secret in (TOKEN, "5ecret"):
        assert secret not in recorded
        assert secret not in "\n".join(harness.lines)
        assert secret not in repr((fetched, shop(host)))


def test_a_token_stays_on_no_disk(harness: CheckoutHarness, host: GitHost) -> None:
    harness.check_out(shop(host))
    files = [path for path in harness.folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"5ecret" in path.read_bytes()]


def test_a_redirection_to_another_host_does_not_get_the_token(
    harness: CheckoutHarness, host: GitHost, tmp_path: Path
) -> None:
    with serving(GitHost(tmp_path / "served", login=f"oauth2:{TOKEN}")) as other:
        for asks_first in (True, False):
            host.login = f"oauth2:{TOKEN}" if asks_first else None
            host.redirect = other.url
            assert problem_of(harness, shop(host)) is Problem.GIT_LOGIN_REFUSED
            assert bool(host.logins) == asks_first
            host.logins.clear()
    assert other.requests
    assert other.logins == []


def test_a_secret_is_for_its_owner_only_while_it_lies_on_disk(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    (folder / "left by a killed process").mkdir(parents=True)
    with opened(Access(TOKEN, "key"), "https://example.com/shop.git", folder):
        assert {path.name for path in folder.iterdir()} == {"credentials", "key"}
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert not folder.exists()


def test_an_ssh_key_is_offered_alone_and_nobody_is_asked(
    harness: CheckoutHarness, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "shop", {"app.json": "{}"})
    record = tmp_path / "record"
    # Stands in for ssh: notes how it was called and runs what the far side would run.
    stand_in = f"""
for last; do :; done
echo "$@" >{record}
while [ "$1" != -i ]; do shift; done
stat -c %a "$2" >>{record}; cat "$2" >>{record}
exec sh -c "$last"
"""
    put_first_in_path(harness, tmp_path / "bin", "ssh", stand_in)
    key = "-----BEGIN KEY-----\r\nabc\r\n-----END KEY-----"
    harness.check_out(Repository(f"ssh://git@example.com{repository}", Access(ssh_key=key)))
    recorded = record.read_text()
    assert harness.names() == {"app.json"}
    for option in ("BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=accept-new"):
        assert option in recorded
    assert recorded.endswith("600\n-----BEGIN KEY-----\nabc\n-----END KEY-----\n")


def put_first_in_path(harness: CheckoutHarness, folder: Path, name: str, script: str) -> None:
    folder.mkdir()
    path = folder / name
    real = shutil.which(name) or name
    path.write_text(f'#!/bin/sh\n{script}\nexec {real} "$@"\n')
    path.chmod(0o755)
    harness.path = f"{folder}{os.pathsep}{harness.path}"


def test_a_connection_of_ssh_that_has_stopped_ends(tmp_path: Path) -> None:
    """Issue 12, number 31: as ssh itself reads the options."""
    with opened(Access(), "ssh://git.example.com/shop.git", tmp_path / "access") as environment:
        command = [*shlex.split(environment["GIT_SSH_COMMAND"]), "-G", "git.example.com"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    options = dict(line.split(" ", 1) for line in shown.splitlines() if " " in line)
    seconds = int(options["serveraliveinterval"]) * int(options["serveralivecountmax"])
    assert 0 < seconds <= 30
    assert int(options["connecttimeout"]) <= 30
