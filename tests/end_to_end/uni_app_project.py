"""A uni-app project with three targets in one repository, as its framework's template makes it."""

import json

from command_line import APP_ID

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
