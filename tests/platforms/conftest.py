"""Simulated platforms with one app each, small mini programs, and orders to publish them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from alipay_samples import ALIPAY_APP_ID, ALIPAY_DRIVER, ALIPAY_PROJECT, TOOL_ID
from douyin_samples import (
    DOUYIN_APP_ID,
    DOUYIN_PROJECT,
    EMAIL,
    PASSWORD,
    TOKEN,
    TOKEN_CREDENTIAL,
)
from mprelease.domain.apps import ProjectType
from mprelease.domain.releases import Kind, LaunchOptions
from mprelease.platforms.driver import Account, PublishOrder, Route
from mprelease.simulator.alipay import Alipay
from mprelease.simulator.douyin import Douyin
from mprelease.simulator.keys import make_key
from mprelease.simulator.proxy import Simulator
from mprelease.simulator.wechat import WeChat
from publishing import APP_ID, PROJECT, Publishing, write_files


@pytest.fixture
def key(upload_key: str) -> str:
    return upload_key


@pytest.fixture(scope="session")
def keys(upload_key: str) -> Sequence[str]:
    """Two keys, for two apps."""
    return (upload_key, make_key())


@pytest.fixture
def wechat(tmp_path: Path, key: str) -> WeChat:
    service = WeChat(tmp_path / "wechat")
    service.register(APP_ID, key)
    return service


@pytest.fixture
def route(tmp_path: Path, wechat: WeChat) -> Iterator[Route]:
    with Simulator(tmp_path / "simulator", [wechat]) as running:
        yield Route(running.proxy_url, running.ca_file)


@pytest.fixture
def account(key: str) -> Account:
    return Account(APP_ID, key)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    return write_files(tmp_path / "scratch" / "project", PROJECT)


@pytest.fixture
def order(tmp_path: Path, account: Account, route: Route, built: Path) -> PublishOrder:
    return PublishOrder(
        kind=Kind.UPLOAD,
        account=account,
        route=route,
        built=built,
        project_type=ProjectType.MINI_PROGRAM,
        version="26.11.22.0",
        description='say "hi"; $(id)',
        robot=7,
        launch=LaunchOptions(),
        compile_settings={},
        pack_npm=False,
        scratch=built.parent,
    )


@pytest.fixture
def douyin(tmp_path: Path) -> Douyin:
    service = Douyin(tmp_path / "douyin", slow_seconds=60)
    service.register(DOUYIN_APP_ID, TOKEN)
    service.add_user(EMAIL, PASSWORD, [DOUYIN_APP_ID])
    return service


@pytest.fixture
def douyin_link(tmp_path: Path, douyin: Douyin) -> Iterator[Route]:
    with Simulator(tmp_path / "douyin-simulator", [douyin]) as running:
        yield Route(running.proxy_url, running.ca_file)


@pytest.fixture
def douyin_account() -> Account:
    return Account(DOUYIN_APP_ID, TOKEN_CREDENTIAL)


@pytest.fixture
def douyin_order(
    tmp_path: Path, order: PublishOrder, douyin_account: Account, douyin_link: Route
) -> PublishOrder:
    built = write_files(order.scratch / "project-for-douyin", DOUYIN_PROJECT)
    version = "26.1122.0"
    return replace(order, account=douyin_account, route=douyin_link, built=built, version=version)


@pytest.fixture
def alipay(tmp_path: Path, key: str) -> Alipay:
    service = Alipay(tmp_path / "alipay", slow_seconds=60)
    service.register(ALIPAY_APP_ID, TOOL_ID, key)
    return service


@pytest.fixture
def alipay_link(tmp_path: Path, alipay: Alipay) -> Iterator[Route]:
    with Simulator(tmp_path / "alipay-simulator", [alipay]) as running:
        yield Route(running.proxy_url, running.ca_file)


@pytest.fixture
def alipay_account(key: str) -> Account:
    return Account(ALIPAY_APP_ID, f"{TOOL_ID}\n{key}")


@pytest.fixture
def alipay_order(
    tmp_path: Path, order: PublishOrder, alipay_account: Account, alipay_link: Route
) -> PublishOrder:
    built = write_files(order.scratch / "project-for-alipay", ALIPAY_PROJECT)
    version = "26.1122.0"
    return replace(order, account=alipay_account, route=alipay_link, built=built, version=version)


@pytest.fixture
def alipay_preview(alipay_order: PublishOrder) -> PublishOrder:
    return replace(alipay_order, kind=Kind.PREVIEW)


@pytest.fixture
def alipay_plain(alipay_order: PublishOrder) -> PublishOrder:
    """An upload that leaves the experience version as it is, which takes half the time."""
    return replace(alipay_order, compile_settings={"experience": False})


@pytest.fixture
def alipay_publishing(alipay_tool: Path, tmp_path: Path) -> Publishing:
    return Publishing(alipay_tool, tmp_path / "tools", driver=ALIPAY_DRIVER)
