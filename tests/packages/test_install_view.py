"""What an install sees, and by which name its result goes: the same files for both."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from install_views import installs, names, seen
from mprelease.packages import cache_key
from mprelease.packages.cache_key import KeyInputs, seen_content
from mprelease.packages.install_plan import find
from mprelease.packages.install_view import InstallRequest, view_of
from trees import write

HERE = KeyInputs(
    node_version="20.20.2",
    npm_version="11.19.1",
    machine="linux-x64-glibc-2.36",
    command="",
    npmrc="",
    variables={},
    age="2026-11-22",
    tree_id="4b825dc642cb6eb9a060e54bf8d69288fbee4904",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write(tmp_path, "package.json", {"workspaces": ["libs/*"], "dependencies": {"ms": "2.1.3"}})
    write(tmp_path, "package-lock.json", {"lockfileVersion": 3})
    write(tmp_path, "libs/a/package.json", {"version": "1.0.0", "dependencies": {"vue": "3.4.21"}})
    write(tmp_path, "src/main.js", "code")
    return tmp_path


def key(tree: Path, around: KeyInputs = HERE, globs: tuple[str, ...] = ()) -> str:
    return cache_key.key(tree, installs(tree), seen(tree, around.command or None, globs), around)


def test_equal_trees_have_equal_keys(tree: Path) -> None:
    assert key(tree) == key(tree)
    assert len(key(tree)) == 64


def test_an_install_sees_manifests_and_lock_and_nothing_else(tree: Path) -> None:
    assert names(seen(tree)) == {"package.json", "package-lock.json", "libs/a/package.json"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("package-lock.json", {"lockfileVersion": 2}),
        ("package.json", {"workspaces": ["libs/*"], "dependencies": {"ms": "2.1.2"}}),
        ("package.json", {"workspaces": ["libs/*"], "allowScripts": {}}),
        ("libs/a/package.json", {"dependencies": {"vue": "3.5.0"}}),
        ("libs/a/package.json", {"version": "2.0.0", "dependencies": {"vue": "3.4.21"}}),
        ("libs/a/package.json", {"scripts": {"postinstall": "patch-package"}}),
        ("libs/a/package.json", {"dependencies": {"half a character": "\ud800"}}),
        ("libs/b/package.json", {}),
        (".npmrc", "ignore-scripts=true"),
        (".yarnrc.yml", "nodeLinker: node-modules"),
        ("pnpm-workspace.yaml", "packages: []"),
        ("patches/ms+2.1.3.patch", "--- a"),
        ("tools/patches-of-ours/ms.patch", "--- a"),
        (".yarn/patches/ms.patch", "--- a"),
        (".yarn/cache/ms.zip", "zip"),
        (".yarn/releases/yarn-4.cjs", "program"),
        ("node_modules/own/index.js", "committed"),
    ],
)
def test_what_an_install_reads_is_seen_and_changes_the_key(
    tree: Path, name: str, content: object
) -> None:
    before = key(tree)
    write(tree, name, content)
    assert name in names(seen(tree))
    assert key(tree) != before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("src/other.js", "1"),
        (
            "package.json",
            {"version": "2", "workspaces": ["libs/*"], "dependencies": {"ms": "2.1.3"}},
        ),
        (
            "libs/a/package.json",
            {
                "version": "1.0.0",
                "scripts": {"build": "vite build"},
                "dependencies": {"vue": "3.4.21"},
            },
        ),
    ],
)
def test_what_an_install_does_not_read_is_not_seen_and_leaves_the_key(
    tree: Path, name: str, content: object
) -> None:
    before = key(tree)
    write(tree, name, content)
    assert key(tree) == before


def test_a_manifest_is_seen_without_what_its_key_leaves_out(tree: Path) -> None:
    scripts = {"build": "evil", "postinstall": "husky"}
    write(tree, "package.json", {"name": "x", "version": "1", "scripts": scripts, "own": 1})
    view = seen(tree)
    content = json.loads(seen_content(tree, Path("package.json"), view, installs(tree)))
    assert content == {"name": "x", "scripts": {"postinstall": "husky"}, "own": 1}


@pytest.mark.parametrize(
    "other",
    [
        replace(HERE, node_version="22.0.0"),
        replace(HERE, npm_version="10.9.2"),
        replace(HERE, machine="linux-arm64-glibc-2.36"),
        replace(HERE, command="npm ci --include=dev --legacy-peer-deps"),
        replace(HERE, command_folder="apps/b"),
        replace(HERE, npmrc="registry=https://npm.example.com"),
        replace(HERE, variables={"TOKEN": "1"}),
    ],
)
def test_other_circumstances_have_other_keys(tree: Path, other: KeyInputs) -> None:
    assert key(tree, other) != key(tree)


def test_somebody_may_ask_for_a_fresh_install(tree: Path) -> None:
    """Issue 12, number 17."""
    assert key(tree, replace(HERE, installed_from=1)) != key(tree)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("package.json", {"overrides": {"a": {"theme": "file:vendor/theme"}}}),
        ("package.json", {"resolutions": {"a/theme": "portal:vendor/theme"}}),
        ("package.json", {"pnpm": {"overrides": {"theme": "link:vendor/theme"}}}),
        ("pnpm-workspace.yaml", "overrides:\n  theme: file:vendor/theme\n"),
        (
            "pnpm-workspace.yaml",
            "catalogs:\n  own: &all {theme: ./vendor/theme}\n  b: [*all, *all]\n",
        ),
    ],
)
def test_a_local_package_is_seen_wherever_it_is_named(
    tree: Path, name: str, content: object
) -> None:
    """Issue 12, number 15."""
    write(tree, "package.json", {"name": "shop"})
    write(tree, name, content)
    write(tree, "vendor/theme/index.js", "1")
    assert "vendor/theme/index.js" in names(seen(tree))
    before = key(tree)
    write(tree, "vendor/theme/index.js", "2")
    assert key(tree) != before


def test_only_an_install_without_a_lock_file_ages(tree: Path) -> None:
    tomorrow = replace(HERE, age="2026-11-23")
    assert key(tree, tomorrow) == key(tree)
    (tree / "package-lock.json").unlink()
    assert key(tree, tomorrow) != key(tree)


@pytest.mark.parametrize("name", ["theme", "../theme"])
def test_a_folder_that_is_a_dependency_is_seen_wherever_it_lies(tmp_path: Path, name: str) -> None:
    """Issue 12, number 15: beside the app's folder, too."""
    app = tmp_path / "app"
    write(app, "package.json", {"dependencies": {"theme": f"file:{name}"}})
    write(app, "package-lock.json", {})
    write(app / name, "index.js", "1")
    write(app / name, "package.json", {"dependencies": {"deep": "file:../deep"}})
    write((app / name).parent, "deep/package.json", {})
    found = find(tmp_path, "app", "20.0.0")
    assert found
    view = view_of(InstallRequest(tmp_path, [found]))
    before = cache_key.key(tmp_path, [found], view, HERE)
    theme = (app / name).resolve().relative_to(tmp_path)
    assert {str(theme / "index.js"), str(theme.parent / "deep/package.json")} <= names(view)
    write(app / name, "index.js", "2")
    assert cache_key.key(tmp_path, [found], view, HERE) != before


def test_an_archive_that_is_a_dependency_is_seen(tree: Path) -> None:
    write(tree, "package.json", {"dependencies": {"theme": "file:vendor/theme-1.0.0.tgz"}})
    write(tree, "vendor/theme-1.0.0.tgz", "archive")
    assert "vendor/theme-1.0.0.tgz" in names(seen(tree))


def test_a_dependency_outside_of_the_tree_is_not_seen(tree: Path) -> None:
    write(tree, "app/package.json", {"dependencies": {"secret": "file:../..", "odd": 3}})
    found = find(tree / "app", ".", "20.0.0")
    assert found
    assert names(view_of(InstallRequest(tree / "app", [found]))) == {"package.json"}


@pytest.mark.parametrize(
    "hook",
    [
        "husky",
        "husky install",
        "is-ci || husky install",
        "npx only-allow pnpm",
        "patch-package && husky",
        "yarn patch-package",
        "husky || true",
        "npx --yes simple-git-hooks",
        "weapp-tw patch",
        # issue 12, number 26
        "git config core.hooksPath .githooks",
        "git config --local core.hooksPath .githooks || true",
        "git init && husky",
        "test -d .git && husky",
        "[ -d .git ] && husky install",
        "git rev-parse --git-dir && husky",
        "cd .. && husky web/.husky",
        "prisma generate --schema db/schema.prisma",
    ],
)
def test_with_hooks_that_are_known_the_rest_of_the_commit_stays_unseen(
    tree: Path, hook: str
) -> None:
    write(tree, "package.json", {"scripts": {"postinstall": hook, "prepare": hook}})
    assert not seen(tree).whole_tree


@pytest.mark.parametrize(
    "hook",
    [
        "node scripts/make.js",
        "./make.sh",
        "npm run codegen",
        "husky && node make.js",
        "husky `./make.sh`",
        "husky; $X",
        "husky > src/a.js",
        "prepare-something",
        "patch-package 'open",
        "git checkout other",
        "git -c core.pager=./x config a",
        "git",
        "git init && husky && node ./scripts/create-base-files.js",
        "prisma generate --schema=../db/schema.prisma",
        "patch-package --patch-dir ../patches",
    ],
)
@pytest.mark.parametrize("place", ["package.json", "libs/a/package.json"])
def test_with_any_other_hook_the_install_sees_the_whole_commit(
    tree: Path, hook: str, place: str
) -> None:
    """Issue 12, number 16: what its script reads is in the key, too."""
    write(tree, place, {"workspaces": ["libs/*"], "scripts": {"postinstall": hook}})
    assert seen(tree).whole_tree
    assert seen(tree).why == hook
    assert key(tree, replace(HERE, tree_id="other")) != key(tree)


@pytest.mark.parametrize(
    ("command", "whole"),
    [
        ("npm ci --legacy-peer-deps", False),
        ("corepack enable && pnpm i --frozen-lockfile", False),
        ("yarn", False),
        ("npm ci && npm run codegen", True),
        ("npm install left-pad", True),
        ("make", True),
    ],
)
def test_a_command_of_the_apps_own_is_known_if_it_only_installs(
    tree: Path, command: str, whole: bool
) -> None:
    assert seen(tree, command).whole_tree is whole


def test_files_that_somebody_names_take_the_place_of_the_whole_commit(tree: Path) -> None:
    write(tree, "package.json", {"scripts": {"postinstall": "node scripts/make.js"}})
    write(tree, "scripts/deep/make.js", "1")
    globs = ("scripts/*",)
    view = seen(tree, globs=globs)
    assert not view.whole_tree
    assert "scripts/deep/make.js" in names(view)
    assert "src/main.js" not in names(view)
    before = key(tree, globs=globs)
    write(tree, "scripts/deep/make.js", "2")
    assert key(tree, globs=globs) != before
    assert key(tree, replace(HERE, tree_id="other"), globs) == key(tree, globs=globs)


def test_what_known_hooks_and_packages_read_is_seen(tree: Path) -> None:
    write(tree, "libs/a/package.json", {"dependencies": {"@prisma/client": "6"}})
    write(tree, "libs/a/prisma/schema.prisma", "model A {}")
    assert "libs/a/prisma/schema.prisma" in names(seen(tree))


def test_settings_above_the_folder_of_the_install_are_seen(tmp_path: Path) -> None:
    write(tmp_path, ".yarnrc.yml", "nodeLinker: node-modules")
    write(tmp_path, "app/package.json", {})
    write(tmp_path, "app/yarn.lock", "")
    found = find(tmp_path, "app", "20.0.0")
    assert found
    assert ".yarnrc.yml" in names(view_of(InstallRequest(tmp_path, [found])))


def test_a_pnpmfile_that_loads_other_files_makes_the_install_see_the_whole_commit(
    tree: Path,
) -> None:
    write(tree, ".pnpmfile.cjs", "module.exports = { hooks: {} }")
    assert not seen(tree).whole_tree
    write(tree, ".pnpmfile.cjs", "module.exports = require('./hooks.js')")
    assert seen(tree).whole_tree


@pytest.mark.parametrize("name", ["prisma.config.ts", "libs/a/prisma.config.mjs"])
def test_settings_of_a_known_hook_that_load_other_files_make_the_install_see_the_whole_commit(
    tree: Path, name: str
) -> None:
    manifest = {"workspaces": ["libs/*"], "scripts": {"postinstall": "prisma generate"}}
    for place in ("package.json", "libs/a/package.json"):
        write(tree, place, manifest)
    write(tree, name, "import { defineConfig } from 'prisma/config'")
    write(tree, "prisma/seed.ts", "import { goods } from '../src/goods'")
    assert not seen(tree).whole_tree
    write(tree, name, "import { url } from './src/database'")
    assert seen(tree).whole_tree
    assert seen(tree).why == name


def test_a_link_is_not_seen(tree: Path) -> None:
    (tree / ".npmrc").symlink_to("/etc/passwd")
    assert ".npmrc" not in names(seen(tree))


def test_a_folder_that_somebody_names_is_there_for_what_hooks_write(tree: Path) -> None:
    (tree / "away").symlink_to("/tmp")
    assert seen(tree, globs=("src", "away", "nowhere")).folders == {Path("src")}
    assert key(tree, globs=("src",)) != key(tree, globs=("nowhere",))


def test_a_tree_may_lie_behind_a_link(tree: Path) -> None:
    write(tree, "package.json", {"dependencies": {"theme": "file:theme"}})
    write(tree, "theme/index.js", "1")
    link = tree.with_name("link")
    link.symlink_to(tree)
    assert "theme/index.js" in names(seen(link))
