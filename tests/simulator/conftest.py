"""A simulated WeChat with one registered app, and its owner."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mprelease.simulator.keys import make_key
from mprelease.simulator.proxy import Simulator
from mprelease.simulator.wechat import WeChat
from wechat_client import APP_ID, Client, http_client


@pytest.fixture(scope="session")
def key() -> str:
    return make_key()


@pytest.fixture(scope="session")
def other_key() -> str:
    return make_key()


@pytest.fixture
def wechat(tmp_path: Path, key: str) -> WeChat:
    service = WeChat(tmp_path / "wechat", slowness=60)
    service.register(APP_ID, key)
    return service


@pytest.fixture
def simulator(tmp_path: Path, wechat: WeChat) -> Iterator[Simulator]:
    with Simulator(tmp_path, [wechat]) as running:
        yield running


@pytest.fixture
def owner(simulator: Simulator, key: str) -> Iterator[Client]:
    with http_client(simulator.proxy_url, simulator.ca_file) as http:
        yield Client(http, key)
