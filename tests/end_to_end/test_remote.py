"""The command line on another machine or in a CI job, with a server."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from browser import answers, free_port
from command_line import Answer, CommandLine, wait_until
from command_server import CommandServer, Request
from forked_program import ForkedProgram
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Stage, State
from mprelease.domain.users import Role
from mprelease.schemas.apps import AppChange
from mprelease.schemas.users import NewUser
from mprelease.security.vault import Vault
from mprelease.services import apps, sessions, users
from mprelease.services.context import ServiceContext
from mprelease.simulator.wechat import WeChat
from mprelease.storage import access_keys, lists
from mprelease.storage.access_keys import KeyKind
from mprelease.storage.database import Database, sqlite_url
from recorded_release import ADMIN, claimed, opened_services
from repositories import make_repository

pytestmark = pytest.mark.slow

FILES = {
    "project.config.json": "{}",
    "app.json": '{"pages":["pages/a"]}',
    "app.js": "App({})",
    "pages/a.js": "Page({})",
    "pages/a.wxml": "<view>你好</view>",
}


class RemoteClient:
    """A machine with nothing but the command line and a token."""

    def __init__(self, home: Path, url: str, token: str, commands: CommandServer) -> None:
        self.home = home
        self.commands = commands
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "en_US.UTF-8",
            "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
            "MPRELEASE_SERVER": url,
            "MPRELEASE_TOKEN": token,
        }

    def fork(self, *arguments: str) -> ForkedProgram:
        request = Request(arguments, self.environment, str(self.home), None)
        return self.commands.start(request)

    def run(self, *arguments: str) -> Answer:
        request = Request(arguments, self.environment, str(self.home), None)
        return Answer(*self.commands.run(request, 120))


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def remote_client(tmp_path: Path, cli: CommandLine, port: int) -> RemoteClient:
    """A client with a member's token of the data folder."""
    cli.must("app", "list")
    database = Database(sqlite_url(cli.data / "mprelease.db"))
    services = ServiceContext(database, Vault(bytes(32)), lambda: 0, ZoneInfo("UTC"))
    now = ServiceContext(database, Vault(bytes(32)), _now, ZoneInfo("UTC"))
    user, _ = users.add(services, ADMIN, NewUser(name="小李", role=Role.MEMBER, password=None))
    token = sessions.add_token(now, user, "laptop", 1)
    database.close()
    home = tmp_path / "laptop"
    home.mkdir()
    return RemoteClient(home, f"http://127.0.0.1:{port}", token, cli.commands)


def _now() -> int:
    return time.time_ns() // 1_000_000


def served(cli: CommandLine, port: int, *options: str) -> ForkedProgram:
    server = cli.fork("serve", "--port", str(port), *options)
    wait_until(lambda: answers(port) or server.poll() is not None)
    assert server.poll() is None, server.communicate()[1]
    return server


@pytest.mark.light_tool
def test_a_client_uploads_follows_and_gets_the_code(
    cli: CommandLine, remote_client: RemoteClient, port: int, wechat: WeChat, tmp_path: Path
) -> None:
    cli.has_app(make_repository(tmp_path / "mini", FILES, "feat: 首页"))
    served(cli, port)
    code = tmp_path / "code.png"
    answer = remote_client.run("upload", "shop", "--follow", "--json", "--qr-code", str(code))
    assert answer.code == 0, answer.err
    assert answer.json["state"] == "succeeded"
    assert answer.json["version"] == wechat.received[0].version
    assert answer.json["commit"]["subject"] == "feat: 首页"
    assert answer.json["sizes"]["full"] > 0
    assert code.stat().st_size > 0
    for words in ("▶ checkout", "feat: 首页", "✔ publish"):
        assert words in answer.err
    again = remote_client.run("again", "1")
    assert (again.code, "succeeded" in again.out, "█" in again.out) == (0, True, True), again.err
    assert remote_client.run("log", "1").out == cli.log(1)
    assert "小李" in remote_client.run("releases").out
    assert not (remote_client.home / ".local").exists(), "nothing of a server is made here"

    misspelt = remote_client.run("upload", "shop", "--version", "1.0 0")
    assert (misspelt.code, misspelt.err.count("\n")) == (2, 1), misspelt.err
    failed = remote_client.run("preview", "shop", "--ref", "nowhere", "--json")
    assert (failed.code, failed.json["error"]["problem"]) == (1, "git_ref_not_found"), failed.err


def test_following_goes_on_when_the_server_has_died_and_ctrl_c_cancels(
    cli: CommandLine, remote_client: RemoteClient, port: int, upload_key: str
) -> None:
    server = served(cli, port, "--no-worker")
    with opened_services(cli, upload_key) as services:
        following = remote_client.fork("preview", "shop", "--follow")
        printed, reader = listening(following)
        wait_until(lambda: bool(newest(services)))
        release = claimed(services, 1)
        release.recorder.started(Stage.BUILD)
        release.write(f"module {number}" for number in range(20))
        wait_until(lambda: any("module 19" in line for line in printed))
        server.kill()
        server.communicate()
        wait_until(lambda: any("cannot be reached" in line for line in printed))
        release.write(f"while it was dead {number}" for number in range(20))
        server = served(cli, port, "--no-worker")
        wait_until(lambda: any("is back" in line for line in printed))
        release.write(["afterwards"])
        wait_until(lambda: any("afterwards" in line for line in printed))
        following.send_signal(signal.SIGINT)
        wait_until(lambda: any("cancel" in line.lower() for line in printed))
        release.end(State.CANCELED)
        reader.join()
        following.communicate(timeout=30)
        assert following.returncode == 130
    lines = [line.strip() for line in printed if line.startswith("  ")]
    assert lines == [
        *(f"module {number}" for number in range(20)),
        *(f"while it was dead {number}" for number in range(20)),
        "afterwards",
    ]


def test_all_apps_of_a_project_are_followed_at_once(
    cli: CommandLine, remote_client: RemoteClient, port: int, upload_key: str
) -> None:
    served(cli, port, "--no-worker")
    with opened_services(cli, upload_key) as services:
        twin = AppChange(
            name="twin", platform_app_id="wx0123456789abcdee", credential=upload_key.encode()
        )
        apps.add(services, ADMIN, "web", Platform.WECHAT, twin)
        following = remote_client.fork("preview", "--project", "web", "--follow", "--json")
        wait_until(lambda: len(newest(services)) == 2)
        for number, state in ((1, State.FAILED), (2, State.SUCCEEDED)):
            release = claimed(services, number)
            release.stage(Stage.BUILD, [f"module {number}"])
            release.end(state)
        out, err = following.communicate(timeout=30)
        ended = Answer(following.returncode, out, err)
        assert (ended.code, [one["state"] for one in ended.json]) == (1, ["failed", "succeeded"])
        assert {"shop    module 1", "twin    module 2"} < set(err.splitlines())
        assert "too late" in remote_client.run("cancel", "2").err
        wait = remote_client.fork("upload", "shop")
        wait_until(lambda: len(newest(services)) == 1)
        assert remote_client.run("cancel", "3").code == 0
        assert (wait.wait(30), "canceled" in wait.communicate()[0]) == (130, True)
    refused = remote_client.run("upload", "--project", "web", "--version", "1 x")
    assert (refused.code, refused.err.startswith("shop: ")) == (2, True), refused.err


def test_a_second_ctrl_c_leaves_it_to_the_server(
    cli: CommandLine, remote_client: RemoteClient, port: int, upload_key: str
) -> None:
    server = served(cli, port, "--no-worker")
    with opened_services(cli, upload_key) as services:
        following = remote_client.fork("preview", "shop", "--follow")
        printed, reader = listening(following)
        wait_until(lambda: bool(newest(services)))
        release = claimed(services, 1)
        release.recorder.started(Stage.BUILD)
        release.write(["module 1"])
        # A server that dies before it has answered is another matter.
        wait_until(lambda: any("module 1" in line for line in printed))
        server.kill()
        server.communicate()
        wait_until(lambda: any("cannot be reached" in line for line in printed))
        following.send_signal(signal.SIGINT)
        wait_until(lambda: any("MPRELEASE_SERVER" in line for line in printed))
        following.send_signal(signal.SIGINT)
        reader.join()
        assert following.communicate(timeout=30)[0] == ""
        assert following.returncode == 130


def test_what_is_refused_after_the_release_was_accepted_is_no_bad_use(
    cli: CommandLine, remote_client: RemoteClient, port: int, upload_key: str
) -> None:
    served(cli, port, "--no-worker")
    with opened_services(cli, upload_key) as services:
        following = remote_client.fork("preview", "shop")
        wait_until(lambda: bool(newest(services)))
        with services.database.reading() as db:
            user = users.by_name(db, "小李")
            [key] = access_keys.of_user(db, user.id, KeyKind.TOKEN)
        sessions.remove_token(services, user, key.id)
        _, err = following.communicate(timeout=60)
        assert (following.returncode, "does not know this token" in err) == (1, True), err
        assert newest(services), "it goes on there"


def test_what_cannot_be_is_said_in_one_sentence(
    cli: CommandLine, remote_client: RemoteClient, port: int
) -> None:
    for command in (("upload", "shop"), ("log", "1"), ("releases",)):
        answer = remote_client.run(*command)
        assert (answer.code, "cannot be reached" in answer.err) == (2, True), answer.err
    with another() as other:
        remote_client.environment["MPRELEASE_SERVER"] = other
        answer = remote_client.run("releases")
        assert (answer.code, "is not mprelease" in answer.err) == (2, True), answer.err
    remote_client.environment["MPRELEASE_SERVER"] = f"http://127.0.0.1:{port}"
    served(cli, port, "--no-worker")
    assert "There is no app" in remote_client.run("preview", "shop").err
    assert remote_client.run("preview", "shop").code == 2
    assert remote_client.run("log", "7", "--follow").code == 2
    for command in (("app", "list"), ("serve",)):
        answer = remote_client.run(*command)
        assert (answer.code, "works only on" in answer.err) == (2, True), answer.err
    remote_client.environment["MPRELEASE_TOKEN"] = "mpr_unknown"
    answer = remote_client.run("releases")
    assert (answer.code, "token" in answer.err) == (2, True), answer.err
    del remote_client.environment["MPRELEASE_TOKEN"]
    assert "MPRELEASE_TOKEN" in remote_client.run("releases").err


def listening(process: ForkedProgram) -> tuple[list[str], threading.Thread]:
    """Gather what a process says on standard error, line by line."""
    printed: list[str] = []

    def read() -> None:
        printed.extend(line.rstrip("\n") for line in process.stderr or ())

    reader = threading.Thread(target=read)
    reader.start()
    return printed, reader


def newest(services: ServiceContext) -> list[object]:
    with services.database.reading() as db:
        return list(lists.unfinished(db))


@contextmanager
def another() -> Iterator[str]:
    """Have a server of something else, during the block."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>Welcome</html>")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
