from dataclasses import replace
from pathlib import Path

import pytest

from mprelease.pipeline import dependency_key
from mprelease.pipeline.dependency_key import Circumstances
from mprelease.pipeline.package_managers import find
from trees import write

HERE = Circumstances(
    node_version="20.20.2",
    manager_version="11.19.1",
    machine="linux-x64-glibc-2.36",
    command="npm ci --include=dev",
    npmrc="",
    age="2026-11-22",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write(tmp_path, "package.json", {"workspaces": ["libs/*"], "dependencies": {"ms": "2.1.3"}})
    write(tmp_path, "package-lock.json", {"lockfileVersion": 3})
    write(tmp_path, "libs/a/package.json", {"dependencies": {"vue": "3.4.21"}})
    return tmp_path


def key(tree: Path, circumstances: Circumstances = HERE) -> str:
    install = find(tree, ".")
    assert install
    return dependency_key.key(install, circumstances)


def test_equal_trees_have_equal_keys(tree: Path) -> None:
    assert key(tree) == key(tree)
    assert len(key(tree)) == 64


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("package-lock.json", {"lockfileVersion": 2}),
        ("package.json", {"workspaces": ["libs/*"], "dependencies": {"ms": "2.1.2"}}),
        ("package.json", {"workspaces": ["libs/*"], "allowScripts": {}}),
        ("libs/a/package.json", {"dependencies": {"vue": "3.5.0"}}),
        ("libs/a/package.json", {"scripts": {"postinstall": "patch-package"}}),
        ("libs/b/package.json", {}),
        (".npmrc", "ignore-scripts=true"),
        (".yarnrc.yml", "nodeLinker: node-modules"),
        ("pnpm-workspace.yaml", "packages: []"),
        ("patches/ms+2.1.3.patch", "--- a"),
        (".yarn/patches/ms.patch", "--- a"),
    ],
)
def test_what_an_install_reads_changes_the_key(tree: Path, name: str, content: object) -> None:
    before = key(tree)
    write(tree, name, content)
    assert key(tree) != before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("src/main.js", "1"),
        ("libs/a/package.json", {"version": "2.0.0", "dependencies": {"vue": "3.4.21"}}),
        (
            "libs/a/package.json",
            {"scripts": {"build": "vite build"}, "dependencies": {"vue": "3.4.21"}},
        ),
        ("node_modules/ms/package.json", {"name": "ms"}),
        (".yarn/cache/ms.zip", "zip"),
    ],
)
def test_what_an_install_does_not_read_leaves_the_key(
    tree: Path, name: str, content: object
) -> None:
    before = key(tree)
    write(tree, name, content)
    assert key(tree) == before


@pytest.mark.parametrize(
    "other",
    [
        replace(HERE, node_version="22.0.0"),
        replace(HERE, manager_version="10.9.2"),
        replace(HERE, machine="linux-arm64-glibc-2.36"),
        replace(HERE, command="npm ci --include=dev --legacy-peer-deps"),
        replace(HERE, npmrc="5f4dcc3b"),
    ],
)
def test_other_circumstances_have_other_keys(tree: Path, other: Circumstances) -> None:
    assert key(tree, other) != key(tree)


def test_only_an_install_without_a_lock_file_ages(tree: Path) -> None:
    tomorrow = replace(HERE, age="2026-11-23")
    assert key(tree, tomorrow) == key(tree)
    (tree / "package-lock.json").unlink()
    assert key(tree, tomorrow) != key(tree)


def test_a_folder_that_is_copied_as_a_dependency_counts_with_its_content(tree: Path) -> None:
    write(tree, "package.json", {"dependencies": {"theme": "file:./theme"}})
    write(tree, "theme/index.js", "1")
    before = key(tree)
    write(tree, "theme/index.js", "2")
    assert key(tree) != before


def test_a_dependency_outside_of_the_tree_is_not_read(tree: Path) -> None:
    write(tree, "app/package.json", {"dependencies": {"secret": "file:../..", "odd": 3}})
    install = find(tree / "app", ".")
    assert install
    assert dependency_key.key(install, HERE)
