"""Simulated services with registered apps, and clients with the credentials of these apps."""

import ssl
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

import douyin_client
from mprelease.simulator.douyin import Douyin
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
    service = WeChat(tmp_path / "wechat", slow_seconds=60)
    service.register(APP_ID, key)
    return service


@pytest.fixture
def simulator(tmp_path: Path, wechat: WeChat) -> Iterator[Simulator]:
    with Simulator(tmp_path, [wechat]) as running:
        yield running


@pytest.fixture
def connection(simulator: Simulator) -> Iterator[HTTPSConnection]:
    trust = ssl.create_default_context(cafile=simulator.ca_file)
    port = urlsplit(simulator.proxy_url).port
    made = HTTPSConnection("127.0.0.1", port, context=trust, timeout=10)
    made.set_tunnel("servicewechat.com", 443)
    with closing(made):
        yield made


@pytest.fixture
def owner(simulator: Simulator, key: str) -> Iterator[Client]:
    with http_client(simulator.proxy_url, simulator.ca_file) as http:
        yield Client(http, key)


@pytest.fixture
def douyin(tmp_path: Path) -> Douyin:
    service = Douyin(tmp_path / "douyin", slow_seconds=60)
    service.register(douyin_client.APP_ID, douyin_client.TOKEN)
    service.register(douyin_client.OTHER, "token-of-another-user")
    service.add_user(douyin_client.EMAIL, douyin_client.PASSWORD, [douyin_client.APP_ID])
    return service


@pytest.fixture
def tma_http(tmp_path: Path, douyin: Douyin) -> Iterator[httpx.Client]:
    with (
        Simulator(tmp_path, [douyin]) as running,
        http_client(running.proxy_url, running.ca_file) as client,
    ):
        yield client


@pytest.fixture
def tma(tma_http: httpx.Client) -> douyin_client.Client:
    return douyin_client.Client(tma_http)
