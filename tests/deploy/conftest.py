"""A simulated WeChat for the containers."""

from pathlib import Path

import pytest

from mprelease.simulator.wechat import WeChat

APP_ID = "wx0123456789abcdef"


@pytest.fixture
def wechat(tmp_path: Path, upload_key: str) -> WeChat:
    service = WeChat(tmp_path / "received")
    service.register(APP_ID, upload_key)
    return service
