"""The command line with a simulated WeChat."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from browser import Site, browsing, serving
from command_line import APP_ID, CommandLine
from command_server import CommandServer, command_server
from databases import Servers
from mprelease.platforms.wechat.driver import WeChatDriver
from mprelease.simulator.proxy import Simulator
from mprelease.simulator.wechat import WeChat


@pytest.fixture
def wechat(tmp_path: Path, upload_key: str) -> WeChat:
    service = WeChat(tmp_path / "received")
    service.register(APP_ID, upload_key)
    return service


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandServer]:
    with command_server(tmp_path_factory.mktemp("commands")) as server:
        yield server


@pytest.fixture(scope="session")
def light_tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tools with a stand-in for miniprogram-ci."""
    folder = tmp_path_factory.mktemp("tools")
    module = WeChatDriver.tool.folder(folder) / "node_modules" / WeChatDriver.tool.package
    module.mkdir(parents=True)
    shutil.copyfile(Path(__file__).with_name("light_tool.cjs"), module / "index.js")
    return folder


@pytest.fixture
def cli_tools(request: pytest.FixtureRequest, tools_folder: Path) -> Path:
    """The folder of the real tools, or for a test marked `light_tool` that of the stand-in."""
    if request.node.get_closest_marker("light_tool"):
        light: Path = request.getfixturevalue("light_tools")
        return light
    return tools_folder


@pytest.fixture
def data(tmp_path: Path, servers: Servers) -> Path:
    """A data folder as the first command leaves it; making the tables each time takes a while."""
    folder = tmp_path / "data"
    servers.prepare(folder)
    return folder


@pytest.fixture(scope="session")
def managers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package managers that earlier tests have installed, for all processes of the tests."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "managers"


@pytest.fixture
def kept_managers(data: Path, managers: Path) -> Iterator[None]:
    """Let a test find package managers of others; how they are installed is tested elsewhere."""
    managers.mkdir(exist_ok=True)
    kept = {each.name for each in managers.iterdir() if not each.name.startswith(".")}
    for name in kept:
        shutil.copytree(managers / name, data / "managers" / name, symlinks=True)
    yield
    made = {each.name for each in (data / "managers").glob("[!.]*")}
    for name in made - kept:
        draft = managers / f".{name}.{secrets.token_hex(4)}"
        shutil.copytree(data / "managers" / name, draft, symlinks=True)
        with suppress(OSError):  # another process was faster
            draft.rename(managers / name)


@pytest.fixture
def cli(
    data: Path, wechat: WeChat, upload_key: str, cli_tools: Path, commands: CommandServer
) -> Iterator[CommandLine]:
    place = data.parent
    # Under another user id a build must be able to walk to its workspace.
    for folder in (place, *place.parents):
        if folder.stat().st_uid == Path.home().stat().st_uid and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    with Simulator(place / "simulator", [wechat]) as simulator:
        made = CommandLine(place, cli_tools, wechat, simulator, upload_key, commands)
        yield made
        made.end()


@pytest.fixture(scope="module")
def cli_of_module(
    tmp_path_factory: pytest.TempPathFactory,
    upload_key: str,
    tools_folder: Path,
    commands: CommandServer,
    servers: Servers,
) -> Iterator[CommandLine]:
    """A command line for all tests of a module, which release nothing for real."""
    place = tmp_path_factory.mktemp("module")
    servers.prepare(place / "data")
    wechat = WeChat(place / "received")
    with Simulator(place / "simulator", [wechat]) as simulator:
        made = CommandLine(place, tools_folder, wechat, simulator, upload_key, commands)
        yield made
        made.end()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture
def site(cli: CommandLine, chromium: Browser) -> Iterator[Site]:
    with serving(cli, chromium) as made:
        yield made
    assert cli.must("workers", "--json").json == [], "its worker has said good-bye"
