"""A simulated WeChat with one app, a small mini program, and orders to publish it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mprelease.domain.apps import ProjectType
from mprelease.domain.releases import Kind, LaunchOptions
from mprelease.platforms.driver import Account, Link, PublishOrder
from mprelease.simulator.proxy import Simulator
from mprelease.simulator.wechat import WeChat
from publishing import APP_ID, PROJECT, write_files


@pytest.fixture
def key(upload_key: str) -> str:
    return upload_key


@pytest.fixture
def wechat(tmp_path: Path, key: str) -> WeChat:
    service = WeChat(tmp_path / "wechat")
    service.register(APP_ID, key)
    return service


@pytest.fixture
def link(tmp_path: Path, wechat: WeChat) -> Iterator[Link]:
    with Simulator(tmp_path / "simulator", [wechat]) as running:
        yield Link(running.proxy_url, running.ca_file)


@pytest.fixture
def account(key: str) -> Account:
    return Account(APP_ID, key)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    return write_files(tmp_path / "built", PROJECT)


@pytest.fixture
def order(tmp_path: Path, account: Account, link: Link, built: Path) -> PublishOrder:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return PublishOrder(
        kind=Kind.UPLOAD,
        account=account,
        link=link,
        built=built,
        project_type=ProjectType.MINI_PROGRAM,
        version="26.11.22.0",
        description='say "hi"; $(id)',
        robot=7,
        launch=LaunchOptions(),
        compile_settings={},
        pack_npm=False,
        scratch=scratch,
    )
