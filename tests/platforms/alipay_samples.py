"""A mini program for Alipay, and the tool that may publish it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mprelease.platforms.alipay.driver import AlipayDriver

ALIPAY_APP_ID = "2021000000000001"
TOOL_ID = "0f3b5c7e9a1d4c2b8e6f0a1b2c3d4e5f"
ALIPAY_PROJECT: Mapping[str, str] = {
    "mini.project.json": '{"format":2,"compileOptions":{"component2":true}}',
    "app.json": '{"pages":["pages/a"],"subPackages":[{"root":"sub","pages":["b"]}]}',
    "app.js": "App({ onLaunch: () => 1 })",
    **{f"{page}.json": "{}" for page in ("pages/a", "sub/b")},
    **{f"{page}.js": "Page({})" for page in ("pages/a", "sub/b")},
    **{f"{page}.axml": "<view>你好</view>" for page in ("pages/a", "sub/b")},
}

QUICK_POLLS = Path(__file__).with_name("quick_polls.cjs")


@dataclass(frozen=True)
class QuickAlipayDriver(AlipayDriver):
    """The real tool, which polls the platform 20 times as often."""

    def variables(self, scratch: Path) -> Mapping[str, str]:
        return {**super().variables(scratch), "NODE_OPTIONS": f"--require={QUICK_POLLS}"}


ALIPAY_DRIVER = QuickAlipayDriver(build_seconds=8, experience_seconds=3)
