"""Projects of HBuilderX: sources of uni-app whose build tool is the editor's, not the repository's.

For Vue 3 the tree is given what the command line of uni-app wants beside them: a package.json with
its packages, in one version that is known to work, and a configuration of vite.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from mprelease.packages import manifests
from mprelease.platforms import registry
from mprelease.process import plain_files
from mprelease.process.ownership import chown

PLUGIN = "@dcloudio/vite-plugin-uni"
"""The package of uni-app's command line for Vue 3."""
VERSION = "3.0.0-4020920240930001"
"""The version of uni-app's packages that projects without any are built with."""


def is_hbuilderx(folder: Path) -> bool:
    """Tell whether a folder has the layout of HBuilderX; a command line project keeps it in src."""
    there = {path.name for path in folder.iterdir()}
    return {"manifest.json", "pages.json"} <= there and not there.isdisjoint(_ENTRIES)


def is_of_vue_3(folder: Path) -> bool:
    """Tell whether manifest.json, in which comments are usual, names Vue 3."""
    return bool(re.search(r'"vueVersion"\s*:\s*"3"', manifests.text(folder / "manifest.json")))


def complete(folder: Path, user: int | None) -> bool:
    """Add to a project of Vue 3 what its build needs; tell whether anything was added.

    The files belong to the user id `user`, under which builds run. What the repository's own
    package.json names besides stays.
    """
    package = manifests.parsed(folder / "package.json")
    if not is_hbuilderx(folder) or not is_of_vue_3(folder) or _has_tool(package):
        return False
    dependencies = {**manifests.section(package, "dependencies"), **_packages()}
    _write(folder / "package.json", json.dumps({**package, "dependencies": dependencies}), user)
    if not any((folder / f"vite.config.{end}").exists() for end in ("js", "ts", "mjs", "mts")):
        _write(folder / "vite.config.js", _CONFIGURATION, user)
    return True


def is_pinned(folder: Path) -> bool:
    """Tell whether a package.json names nothing but what this module has put there."""
    package = manifests.parsed(folder / "package.json")
    return package.get("dependencies") == _packages() and not package.get("devDependencies")


_ENTRIES = {"App.vue", "App.uvue", "main.js", "main.ts", "main.uts"}
_OTHERS: Mapping[str, str] = {
    "vue": "3.4.21",
    "vite": "5.2.8",
    "sass": "1.63.2",
    "less": "4.2.0",
    # HBuilderX brings these, so projects load them without naming them.
    "pinia": "2.2.4",
    "vue-i18n": "9.14.2",
    "vuex": "4.1.0",
}
_CONFIGURATION = """\
import uni from "@dcloudio/vite-plugin-uni";
export default { plugins: [uni()] };
"""


def _packages() -> dict[str, str]:
    targets = [each.uni_app for each in registry.build_targets()]
    uni = ("app", "components", *targets, "cli-shared")
    names = (*(f"uni-{each}" for each in uni), "vite-plugin-uni")
    return {**{f"@dcloudio/{name}": VERSION for name in names}, **_OTHERS}


def _has_tool(package: Mapping[str, object]) -> bool:
    sections = ("dependencies", "devDependencies")
    names = {name for each in sections for name in manifests.section(package, each)}
    return bool(names & {PLUGIN, "@dcloudio/vue-cli-plugin-uni"})


def _write(path: Path, text: str, user: int | None) -> None:
    plain_files.write_private(path, f"{text}\n")
    if user is not None:
        chown(path, user)
