"""A mini program for Douyin, and who may publish it."""

from collections.abc import Mapping

DOUYIN_APP_ID = "tt0123456789abcdef"
TOKEN = "tok-5e2f7c81d09a"
EMAIL, PASSWORD = "lin@example.com", "correct horse battery"
TOKEN_CREDENTIAL = f"token\n{TOKEN}"
LOGIN_CREDENTIAL = f"login\n{EMAIL}\n{PASSWORD}"
DOUYIN_PROJECT: Mapping[str, str] = {
    "project.config.json": '{"appid":"testAppId","setting":{"es6":true}}',
    "app.json": '{"pages":["pages/a"],"subPackages":[{"root":"sub","pages":["b"]}]}',
    "app.js": "App({ onLaunch: () => 1 })",
    **{f"{page}.json": "{}" for page in ("pages/a", "sub/b")},
    **{f"{page}.js": "Page({})" for page in ("pages/a", "sub/b")},
    **{f"{page}.ttml": "<view>你好</view>" for page in ("pages/a", "sub/b")},
}
