"""What many tests need: a house with people in it, and the vendor's real tool."""

import os
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mprelease.domain.people import Actor
from mprelease.platforms import tools
from mprelease.platforms.wechat.driver import WeChatDriver
from mprelease.process import programs
from mprelease.process.tree import Stop
from mprelease.security.vault import Vault
from mprelease.services.house import House
from mprelease.settings.environment import machine_environment
from mprelease.simulator.keys import make_key
from mprelease.storage.database import Database, sqlite_url
from mprelease.storage.migrate import migrate
from needs import lacks

ROOT = Path(__file__).parent.parent
# Noon of 22 November 2026 in Shanghai.
NOON_MS = 1_795_320_000_000


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(sqlite_url(tmp_path / "test.db"))
    migrate(made, tmp_path / "migration.lock")
    yield made
    made.close()


@pytest.fixture
def house(database: Database) -> House:
    return House(database, Vault(bytes(32)), lambda: NOON_MS, ZoneInfo("Asia/Shanghai"))


@pytest.fixture
def developer() -> Actor:
    return Actor("林")


@pytest.fixture(scope="session")
def upload_key() -> str:
    """One key for all tests: making one takes a while."""
    return make_key()


@pytest.fixture(scope="session")
def tools_folder() -> Path:
    """The folder of the vendors' tools, kept between runs of the tests."""
    given = os.environ.get("MPRELEASE_TOOLS_DIR")
    return Path(given) if given else ROOT / ".cache" / "tools"


@pytest.fixture(scope="session")
def wechat_tool(tools_folder: Path) -> Path:
    """The folder whose node_modules holds the real miniprogram-ci, installed when needed."""
    environment = machine_environment()
    tool = WeChatDriver.tool
    if not tools.is_installed(tool, tools_folder):
        tools.install(
            tool,
            tools_folder,
            npm=programs.find(programs.NPM, environment).path,
            environment=environment,
            registry=os.environ.get("MPRELEASE_NPM_REGISTRY"),
            on_line=print,
            stop=Stop(),
        )
    return tool.folder(tools_folder)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for lack in lacks():
        terminalreporter.write_line(f"This machine lacks {lack}")
