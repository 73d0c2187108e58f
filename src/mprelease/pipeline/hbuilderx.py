"""Projects of HBuilderX: sources of uni-app without a build tool, which the editor has.

To build them with uni-app's command line, its packages, in one tested version per version of Vue,
are added to package.json, and missing configurations are created.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mprelease.packages import manifests
from mprelease.platforms import registry
from mprelease.process import plain_files
from mprelease.process.ownership import chown

VITE_PLUGIN = "@dcloudio/vite-plugin-uni"
"""The package of uni-app's command line for Vue 3."""
VUE_CLI_PLUGIN = "@dcloudio/vue-cli-plugin-uni"
"""The package of uni-app's command line for Vue 2."""


@dataclass(frozen=True)
class Toolchain:
    """The command line of uni-app for one version of Vue.

    `files` are configurations by file name, written unless the project has `NAME.config.*`.
    """

    version: str
    packages: Mapping[str, str]
    files: Mapping[str, str]


def is_hbuilderx(folder: Path) -> bool:
    """Return whether a folder has HBuilderX's layout; command line projects have it in src."""
    names = {path.name for path in folder.iterdir()}
    return {"manifest.json", "pages.json"} <= names and not names.isdisjoint(_ENTRIES)


def complete(folder: Path, user: int | None) -> Toolchain | None:
    """Add the build tool to a project of HBuilderX; return it, or None if nothing was added.

    The user id `user`, under which builds run, owns the files. Other entries of the repository's
    package.json are kept.
    """
    package = manifests.parsed(folder / "package.json")
    tool = _toolchain(folder) if is_hbuilderx(folder) and not _has_tool(package) else None
    if tool is None:
        return None
    # As devDependencies: uni-app copies package.json into its output, and the tool of one platform
    # packs all `dependencies` of that copy.
    needs = {**manifests.section(package, "devDependencies"), **tool.packages}
    _write(folder / "package.json", json.dumps({**package, "devDependencies": needs}), user)
    there = {path.name.partition(".config.")[0] for path in folder.glob("*.config.*")}
    for name, text in tool.files.items():
        if name.partition(".config.")[0] not in there:
            _write(folder / name, text, user)
    return tool


def is_pinned(folder: Path) -> bool:
    """Return whether a package.json has no dependencies but those added by this module."""
    package = manifests.parsed(folder / "package.json")
    pinned = (_vue_2().packages, _vue_3().packages)
    return package.get("devDependencies") in pinned and not package.get("dependencies")


_UNI_APP_X = {"App.uvue", "main.uts"}
_ENTRIES = {"App.vue", "main.js", "main.ts", *_UNI_APP_X}
_VERSION_3 = "3.0.0-4020920240930001"
_PACKAGES_3: Mapping[str, str] = {
    VITE_PLUGIN: _VERSION_3,
    "@dcloudio/uni-components": _VERSION_3,
    "vue": "3.4.21",
    "vite": "5.2.8",
    "sass": "1.63.2",
    "less": "4.2.0",
    # HBuilderX provides these, so projects load them without declaring them.
    "pinia": "2.2.4",
    "vue-i18n": "9.14.2",
    "vuex": "4.1.0",
}
_FILES_3: Mapping[str, str] = {
    "vite.config.js": """\
import uni from "@dcloudio/vite-plugin-uni";
export default { plugins: [uni()] };
"""
}
_VERSION_2 = "2.0.2-5000720260410001"
_PARTS_2 = (
    *("uni-cli-i18n", "uni-i18n", "uni-migration", "uni-mp-vue", "uni-stat"),
    *("uni-template-compiler", "webpack-uni-mp-loader", "webpack-uni-pages-loader"),
)
_PACKAGES_2: Mapping[str, str] = {
    # vue-cli loads its plug-ins in this order; this one sets the project's folder.
    "@dcloudio/vue-cli-plugin-hbuilderx": _VERSION_2,
    VUE_CLI_PLUGIN: _VERSION_2,
    **{f"@dcloudio/{name}": _VERSION_2 for name in _PARTS_2},
    "@vue/cli-service": "4.5.19",
    "@vue/cli-plugin-babel": "4.5.19",
    "@vue/shared": "3.4.21",
    "@vue/babel-preset-app": "4.5.19",
    "@babel/plugin-transform-runtime": "7.17.0",
    "@babel/runtime": "7.17.9",
    "babel-plugin-import": "1.13.8",
    "core-js": "3.32.0",
    "autoprefixer": "9.8.8",
    "postcss": "7.0.39",
    "postcss-comment": "2.0.0",
    "postcss-import": "12.0.1",
    # Pinned, because the newest versions, which npm would choose as peers, require webpack 5.
    "webpack": "4.47.0",
    "copy-webpack-plugin": "5.1.2",
    "vue": "2.6.14",
    "vue-template-compiler": "2.6.14",
    "sass": "1.63.2",
    "sass-loader": "8.0.2",
    "less": "3.13.1",
    "less-loader": "5.0.0",
    "vuex": "3.6.2",
}
_FILES_2: Mapping[str, str] = {
    "babel.config.js": """\
const library = "@dcloudio/uni-ui";
module.exports = {
  presets: [["@vue/app", { modules: "commonjs", useBuiltIns: "entry" }]],
  plugins: [
    ["import", { libraryName: library, customName: (name) => `${library}/lib/${name}/${name}` }],
    "@babel/plugin-transform-runtime",
  ],
};
""",
    "postcss.config.js": """\
const path = require("path");
const sources = (id) => /^(?:~?@)?[/](?![/])(.*)/.exec(id);
module.exports = {
  parser: require("postcss-comment"),
  plugins: [
    require("postcss-import")({
      resolve: (id) => (sources(id) ? path.resolve(process.env.UNI_INPUT_DIR, sources(id)[1]) : id),
    }),
    require("autoprefixer")({ remove: true }),
    require("@dcloudio/vue-cli-plugin-uni/packages/postcss"),
  ],
};
""",
}


def _vue_2() -> Toolchain:
    return Toolchain(_VERSION_2, {**_PACKAGES_2, **_platforms(_VERSION_2)}, _FILES_2)


def _vue_3() -> Toolchain:
    return Toolchain(_VERSION_3, {**_PACKAGES_3, **_platforms(_VERSION_3)}, _FILES_3)


def _platforms(version: str) -> Mapping[str, str]:
    targets = (each.uni_app for each in registry.build_targets())
    return {f"@dcloudio/uni-{name}": version for name in ("app", "cli-shared", *targets)}


def _toolchain(folder: Path) -> Toolchain | None:
    # A search, because manifest.json usually has comments.
    if re.search(r'"vueVersion"\s*:\s*"?3\b', manifests.text(folder / "manifest.json")):
        return _vue_3()
    has_x = any((folder / name).exists() for name in _UNI_APP_X)
    return None if has_x else _vue_2()


def _has_tool(package: Mapping[str, object]) -> bool:
    sections = ("dependencies", "devDependencies")
    names = {name for each in sections for name in manifests.section(package, each)}
    return bool(names & {VITE_PLUGIN, VUE_CLI_PLUGIN})


def _write(path: Path, text: str, user: int | None) -> None:
    plain_files.write_private(path, f"{text}\n")
    if user is not None:
        chown(path, user)
