"""The simulated services of the samples, each with an account that it accepts."""

import json
from collections.abc import Mapping
from pathlib import Path

from mprelease.domain.platforms import Platform
from mprelease.platforms.driver import Account
from mprelease.simulator.alipay import Alipay
from mprelease.simulator.douyin import Douyin
from mprelease.simulator.http import Service
from mprelease.simulator.keys import make_key
from mprelease.simulator.wechat import WeChat


def sample_accounts(folder: Path) -> tuple[list[Service], Mapping[Platform, Account]]:
    """Return the services, and for each platform the account that its sample is published by.

    What they receive lies in `folder`.
    """
    key, tool_id, token = make_key(), "demotool", "demotoken"
    tool = json.dumps({"toolId": tool_id, "privateKey": key})
    accounts = {
        Platform.WECHAT: Account("wxdec0de0000000001", key),
        Platform.ALIPAY: Account("2021000000000001", tool),
        Platform.DOUYIN: Account("ttdec0de0000000001", json.dumps({"token": token})),
    }
    wechat, alipay = WeChat(folder / "wechat"), Alipay(folder / "alipay")
    douyin = Douyin(folder / "douyin")
    wechat.register(accounts[Platform.WECHAT].platform_app_id, key)
    alipay.register(accounts[Platform.ALIPAY].platform_app_id, tool_id, key)
    douyin.register(accounts[Platform.DOUYIN].platform_app_id, token)
    return [wechat, alipay, douyin], accounts
