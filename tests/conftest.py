"""Fixtures for many tests: databases, servers, services, users, and the vendors' real tools."""

import functools
import gc
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
import redis
from argon2 import PasswordHasher

import quick_databases
from databases import REDIS, SQLITE, Servers, blank, opened
from distribution import spread
from mprelease.domain.users import Actor
from mprelease.platforms import tools
from mprelease.platforms.alipay.driver import AlipayDriver
from mprelease.platforms.douyin.driver import DouyinDriver
from mprelease.platforms.wechat import api
from mprelease.platforms.wechat.driver import WeChatDriver
from mprelease.process import programs
from mprelease.process.tree import Stop
from mprelease.security import passwords
from mprelease.security.vault import Vault
from mprelease.services.context import ServiceContext
from mprelease.settings.environment import machine_environment
from mprelease.simulator.keys import make_key
from mprelease.storage.database import Database, sqlite_url
from needs import lacks

# A shell starts background jobs with SIGINT ignored, and child processes would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent.parent
# Noon of 22 November 2026 in Shanghai.
NOON_MS = 1_795_320_000_000


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    """Hash passwords with minimal cost; the real cost is tested in tests/security."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", cheap)
        yield


@pytest.fixture(scope="session", autouse=True)
def _keys_read_once() -> Iterator[None]:
    """Check the primes of the one key of all tests once, not for each app that gets it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "load_pem_private_key", functools.cache(api.load_pem_private_key))
        yield


@pytest.fixture(scope="session", autouse=True)
def _quick_databases() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        quick_databases.patch(patch)
        yield


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """The servers of this process; each is started on first use."""
    made = Servers()
    yield made
    made.close()


@pytest.fixture
def kind() -> str:
    """The kind of database; folders whose tests run on each kind override this."""
    return SQLITE


@pytest.fixture
def blank_url(kind: str, servers: Servers, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables, for this test only."""
    if kind == SQLITE:
        yield sqlite_url(tmp_path / "blank.db")
    else:
        with blank(servers.address(kind)) as url:
            yield url


@pytest.fixture
def database_url(kind: str, servers: Servers, tmp_path: Path) -> str:
    """The URL of a database with the present tables, and no rows."""
    return servers.migrated(kind, tmp_path)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with opened(database_url) as made:
        yield made


@pytest.fixture
def redis_url(servers: Servers, worker_id: str) -> str:
    """The URL of an empty Redis database; mark the test with `servers`."""
    number = int(worker_id.removeprefix("gw")) + 1 if worker_id != "master" else 0
    url = urlsplit(servers.address(REDIS).url)._replace(path=f"/{number}").geturl()
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture
def services(database: Database) -> ServiceContext:
    return ServiceContext(database, Vault(bytes(32)), lambda: NOON_MS, ZoneInfo("Asia/Shanghai"))


@pytest.fixture
def developer() -> Actor:
    return Actor("林")


@pytest.fixture(scope="session")
def upload_key() -> str:
    """One key for all tests, shorter than a vendor's: each reading checks its primes."""
    return make_key(1024)


@pytest.fixture(scope="session")
def tools_folder() -> Path:
    """The folder of the vendors' tools, kept between runs of the tests."""
    given = os.environ.get("MPRELEASE_TOOLS_DIR")
    return Path(given) if given else ROOT / ".cache" / "tools"


@pytest.fixture(scope="session")
def wechat_tool(tools_folder: Path) -> Path:
    """The folder of the real miniprogram-ci, installed if it is missing."""
    return _installed(WeChatDriver.tool, tools_folder)


@pytest.fixture(scope="session")
def douyin_tool(tools_folder: Path) -> Path:
    """The folder of the real tt-ide-cli, installed if it is missing."""
    return _installed(DouyinDriver.tool, tools_folder)


@pytest.fixture(scope="session")
def alipay_tool(tools_folder: Path) -> Path:
    """The folder of the real minidev, installed if it is missing."""
    return _installed(AlipayDriver.tool, tools_folder)


def _installed(tool: tools.Tool, tools_folder: Path) -> Path:
    environment = machine_environment()
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
    # A container that mounts the folder read-only cannot let its build users pass through it.
    mode = tools_folder.stat().st_mode
    if mode & 0o011 != 0o011:
        tools_folder.chmod(mode | 0o011)
    return tool.folder(tools_folder)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def has(marker: str) -> Callable[[pytest.Item], bool]:
        return lambda test: test.get_closest_marker(marker) is not None

    if "PYTEST_XDIST_WORKER" in os.environ:
        items[:] = spread(items, has("xdist_group"), has("slow"), has("lasting"))


def pytest_collection_finish() -> None:
    # Modules and tests stay to the end: looking for garbage among them takes a tenth of the time.
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for lack in lacks(terminalreporter):
        terminalreporter.write_line(f"This machine lacks {lack}")
