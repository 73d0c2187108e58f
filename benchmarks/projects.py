"""Projects of frameworks, as their templates make them, with a few pages more."""

import json
from collections.abc import Mapping

_PAGES = tuple(f"page{number}" for number in range(8))
_UNI_TARGETS = ("mp-weixin", "mp-alipay", "mp-toutiao")
_UNI_APP = "3.0.0-4020920240930001"
_TARO = "4.2.1"


def uni_app() -> Mapping[str, str]:
    """Return the files of a uni-app project: Vue 3 and vite, for three platforms."""
    packages = (
        "uni-app",
        "uni-components",
        "uni-app-plus",
        "uni-h5",
        *(f"uni-{each}" for each in _UNI_TARGETS),
    )
    package = {
        "name": "uni-app-shop",
        "version": "1.0.0",
        "private": True,
        "scripts": {f"build:{each}": f"uni build -p {each}" for each in _UNI_TARGETS},
        "dependencies": {**{f"@dcloudio/{each}": _UNI_APP for each in packages}, "vue": "3.4.21"},
        "devDependencies": {
            "@dcloudio/uni-cli-shared": _UNI_APP,
            "@dcloudio/vite-plugin-uni": _UNI_APP,
            "vite": "5.2.8",
        },
    }
    pages = {"pages": [{"path": f"pages/{page}/index"} for page in _PAGES]}
    return {
        ".gitignore": "node_modules\ndist\n",
        "package.json": json.dumps(package),
        "vite.config.js": (
            "import { defineConfig } from 'vite'\n"
            "import uni from '@dcloudio/vite-plugin-uni'\n"
            "export default defineConfig({ plugins: [uni()] })\n"
        ),
        "index.html": "<!doctype html><script type='module' src='/src/main.js'></script>",
        "src/build.js": "export default 0\n",
        "src/main.js": (
            "import { createSSRApp } from 'vue'\n"
            "import App from './App.vue'\n"
            "export function createApp() { return { app: createSSRApp(App) } }\n"
        ),
        "src/App.vue": "<script>export default { onLaunch() {} }</script>",
        "src/manifest.json": json.dumps({"name": "shop", "vueVersion": "3"}),
        "src/pages.json": json.dumps(pages),
        **{f"src/pages/{page}/index.vue": _uni_app_page(page) for page in _PAGES},
    }


def taro() -> Mapping[str, str]:
    """Return the files of a Taro project: React, webpack 5 with its cache, TypeScript."""
    packages = (
        *("components", "helper", "plugin-framework-react", "plugin-platform-weapp"),
        *("react", "runtime", "shared", "taro"),
    )
    react = {"react": "18.3.1", "react-dom": "18.3.1"}
    package = {
        "name": "taro-shop",
        "version": "1.0.0",
        "private": True,
        "scripts": {"build:weapp": "taro build --type weapp"},
        "browserslist": ["last 3 versions", "Android >= 4.1", "ios >= 8"],
        "dependencies": {**{f"@tarojs/{each}": _TARO for each in packages}, **react},
        "devDependencies": {
            "@babel/preset-react": "7.29.7",
            "@tarojs/cli": _TARO,
            "@tarojs/webpack5-runner": _TARO,
            "babel-preset-taro": _TARO,
            "webpack": "5.91.0",
        },
    }
    project = {
        "miniprogramRoot": "./dist",
        "setting": {"es6": False, "enhance": False, "postcss": False, "minified": False},
        "compileType": "miniprogram",
    }
    pages = ", ".join(f"'pages/{page}/index'" for page in _PAGES)
    return {
        ".gitignore": "node_modules\ndist\n",
        "package.json": json.dumps(package),
        "config/index.ts": (
            "import { defineConfig } from '@tarojs/cli'\n"
            "export default defineConfig<'webpack5'>(() => ({\n"
            "  projectName: 'taro-shop', designWidth: 750, sourceRoot: 'src',\n"
            "  outputRoot: 'dist', framework: 'react', compiler: 'webpack5',\n"
            "  cache: { enable: true },\n"
            "}))\n"
        ),
        "babel.config.js": (
            "module.exports = { presets: [\n"
            "  ['taro', { framework: 'react', ts: true, compiler: 'webpack5' }],\n"
            "] }\n"
        ),
        "project.config.json": json.dumps(project),
        "src/build.js": "export default 0\n",
        "src/app.config.ts": f"export default defineAppConfig({{ pages: [{pages}] }})\n",
        "src/app.css": ".greeting { font-size: 32px; }\n",
        "src/app.tsx": (
            "import './app.css'\n"
            "export default function App({ children }: any) { return children }\n"
        ),
        **{f"src/pages/{page}/index.config.ts": "export default {}\n" for page in _PAGES},
        **{f"src/pages/{page}/index.tsx": _taro_page(page) for page in _PAGES},
    }


def _uni_app_page(name: str) -> str:
    return (
        f"<template><view>{{{{ build }}}} {name}</view></template>\n"
        "<script setup>\nimport build from '../../build.js'\n</script>\n"
    )


def _taro_page(name: str) -> str:
    return (
        "import { Text, View } from '@tarojs/components'\n"
        "import build from '../../build'\n"
        "export default function Index() {\n"
        f"  return <View className='greeting'><Text>{name} {{build}}</Text></View>\n"
        "}\n"
    )
