"""A Taro project (React, webpack 5, TypeScript), installed from npm and built."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from command_line import CommandLine
from mprelease.simulator.wechat import WeChat
from repositories import commit, make_repository

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("wechat_tool")]

VERSION = "4.2.1"
TARO_PACKAGES = (
    *("components", "helper", "plugin-framework-react", "plugin-platform-weapp"),
    *("react", "runtime", "shared", "taro"),
)
PAGE = (
    "import { Text, View } from '@tarojs/components'\n"
    "const greeting: string = '你好'\n"
    "export default function Index() {\n"
    "  return <View className='greeting'><Text>{greeting}</Text></View>\n"
    "}\n"
)
# Settings as `taro init` (4.2.1) writes them, but for the folder of each target.
FILES = {
    ".gitignore": "node_modules\ndist\n",
    "package.json": json.dumps(
        {
            "name": "taro-shop",
            "version": "1.0.0",
            "private": True,
            "scripts": {"build:weapp": "taro build --type weapp"},
            "browserslist": ["last 3 versions", "Android >= 4.1", "ios >= 8"],
            "dependencies": {
                **{f"@tarojs/{name}": VERSION for name in TARO_PACKAGES},
                "react": "18.3.1",
                "react-dom": "18.3.1",
            },
            "devDependencies": {
                "@babel/preset-react": "7.29.7",
                "@tarojs/cli": VERSION,
                "@tarojs/webpack5-runner": VERSION,
                "babel-preset-taro": VERSION,
                "webpack": "5.91.0",
            },
        }
    ),
    "config/index.ts": (
        "import { defineConfig } from '@tarojs/cli'\n"
        "export default defineConfig<'webpack5'>(() => ({\n"
        "  projectName: 'taro-shop',\n"
        "  designWidth: 750,\n"
        "  sourceRoot: 'src',\n"
        "  outputRoot: `dist/${process.env.TARO_ENV}`,\n"
        "  framework: 'react',\n"
        "  compiler: 'webpack5',\n"
        "}))\n"
    ),
    "babel.config.js": (
        "module.exports = {\n"
        "  presets: [['taro', { framework: 'react', ts: true, compiler: 'webpack5' }]],\n"
        "}\n"
    ),
    "project.config.json": json.dumps(
        {
            "miniprogramRoot": "./dist/weapp",
            "appid": "touristappid",
            "setting": {"es6": False, "enhance": False, "postcss": False, "minified": False},
            "compileType": "miniprogram",
        }
    ),
    "src/app.config.ts": "export default defineAppConfig({ pages: ['pages/index/index'] })\n",
    "src/app.css": ".greeting { font-size: 32px; }\n",
    "src/app.tsx": (
        "import type { PropsWithChildren } from 'react'\n"
        "import './app.css'\n"
        "export default function App({ children }: PropsWithChildren) { return children }\n"
    ),
    "src/pages/index/index.config.ts": "export default definePageConfig({})\n",
    "src/pages/index/index.tsx": PAGE,
}


# What the tool leaves out, and what it makes anew.
NOT_SENT = (".LICENSE.txt", "project.config.json")


# npm fetches more than 1,100 packages.
@pytest.mark.timeout(900)
def test_a_taro_project_is_installed_built_and_uploaded_as_it_was_built(
    cli: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "taro", FILES)
    cli.has_app(repository, "--bundler-cache", "on")
    first = cli.must("upload", "shop", "--json", seconds=600).json
    made = built(cli)
    assert "pages/index/index.wxml" in made
    assert sent(wechat.received[0].files) == made
    assert first["stages"][1]["cached"] is False

    commit(repository, {"src/pages/index/index.tsx": PAGE.replace("你好", "再见")})
    second = cli.must("preview", "shop", "--json").json
    assert second["stages"][1]["cached"] is True, "webpack's cache does not count as a change"
    assert list(cli.data.glob("caches/*/*/0/.cache/webpack/*")), "Taro did not get the setting"
    changed = built(cli)
    assert sent(wechat.received[1].files) == changed
    assert {name for name in made if made[name] != changed[name]} == {"pages/index/index.js"}


def built(cli: CommandLine) -> Mapping[str, bytes]:
    output = next((cli.data / "workspaces").glob("*/1/tree")) / "dist" / "weapp"
    files = (path for path in output.rglob("*") if path.is_file())
    return sent({str(path.relative_to(output)): path.read_bytes() for path in files})


def sent(files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    return {name: content for name, content in files.items() if not name.endswith(NOT_SENT)}
