"""A uni-app project with three targets in one repository, installed from npm and built."""

import json
from pathlib import Path

import pytest

from mprelease.simulator.wechat import WeChat
from repositories import commit, make_repository
from team import APP_ID, Team

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("wechat_tool")]

VERSION = "3.0.0-4020920240930001"
TARGETS = ("mp-weixin", "mp-alipay", "mp-toutiao")
UNI_PACKAGES = (
    *("uni-app", "uni-components", "uni-app-plus", "uni-h5"),
    *(f"uni-{target}" for target in TARGETS),
)
FILES = {
    ".gitignore": "node_modules\ndist\n",
    "package.json": json.dumps(
        {
            "name": "three-targets",
            "version": "1.0.0",
            "private": True,
            "scripts": {f"build:{target}": f"uni build -p {target}" for target in TARGETS},
            "dependencies": {
                **{f"@dcloudio/{name}": VERSION for name in UNI_PACKAGES},
                "vue": "3.4.21",
            },
            "devDependencies": {
                "@dcloudio/uni-cli-shared": VERSION,
                "@dcloudio/vite-plugin-uni": VERSION,
                "vite": "5.2.8",
            },
        }
    ),
    "vite.config.js": (
        "import { defineConfig } from 'vite'\n"
        "import uni from '@dcloudio/vite-plugin-uni'\n"
        "export default defineConfig({ plugins: [uni()] })\n"
    ),
    "index.html": "<!doctype html><div id='app'></div><script type='module' src='/src/main.js'>",
    "src/main.js": (
        "import { createSSRApp } from 'vue'\n"
        "import App from './App.vue'\n"
        "export function createApp() { return { app: createSSRApp(App) } }\n"
    ),
    "src/App.vue": "<script>export default { onLaunch() {} }</script>",
    "src/manifest.json": json.dumps(
        {"name": "three", "mp-weixin": {"appid": APP_ID}, "vueVersion": "3"}
    ),
    "src/pages.json": json.dumps({"pages": [{"path": "pages/index/index"}]}),
    "src/pages/index/index.vue": (
        "<template><view>{{ greeting }}</view></template>\n"
        "<script setup>const greeting = '你好'</script>\n"
    ),
}


def test_a_uni_app_is_installed_built_and_uploaded_and_the_second_time_it_is_quick(
    team: Team, wechat: WeChat, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "uni", FILES)
    team.has_app(repository, "--setting", "minified=false")
    first = team.must("upload", "shop", "--json").json
    [received] = wechat.received
    built = next((team.data / "workspaces").glob("*/1/tree")) / "dist" / "build" / "mp-weixin"
    made = {str(path.relative_to(built)) for path in built.rglob("*") if path.is_file()}
    pages = {name for name in made if name.endswith((".wxml", ".wxss", ".json"))}
    assert "pages/index/index.wxml" in made
    assert pages - {"project.config.json", "project.private.config.json"} <= received.files.keys()
    assert (
        received.files["pages/index/index.wxml"]
        == (built / "pages" / "index" / "index.wxml").read_bytes()
    )
    assert first["stages"][1]["cached"] is False

    commit(repository, {"src/pages/index/index.vue": "<template><view>2</view></template>"})
    second = team.must("preview", "shop", "--json").json
    install = second["stages"][1]
    assert install["cached"] is True
    assert wechat.received[1].files["pages/index/index.wxml"] == b"<view>2</view>"

    development = team.must("preview", "shop", "--environment", "development", "--json").json
    assert development["stages"][1]["cached"] is False, "production shares nothing with it"
