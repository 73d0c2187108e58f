"""A mini program for Alipay, and the tool that may publish it."""

from collections.abc import Mapping

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

# The tool itself waits for 4 s before it first asks about a build or an experience version.
ALIPAY_DRIVER = AlipayDriver(build_seconds=20, experience_seconds=6)
