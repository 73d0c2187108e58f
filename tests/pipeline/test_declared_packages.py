"""Of the dependencies, the tool gets what it packs: it packs the same as from all of them."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mprelease.pipeline.declared_packages import declared_packages
from mprelease.pipeline.staging import Staging, staged
from mprelease.process.tree import Stop
from mprelease.workspace.dependency_sets import DependencySet, DependencySets, inputs_of
from trees import write

PACK = """
const path = require("node:path");
const [modules, folder] = process.argv.slice(1);
Date.now = () => 0; // the tool numbers modules from the time of its start
globalThis.Date = class extends Date { constructor() { super(0); } };
const ci = require(path.join(modules, "miniprogram-ci"));
const project = new ci.Project({
  appid: "wx0123456789abcdef", type: "miniProgram", projectPath: folder, privateKey: "none",
});
ci.packNpm(project, {}).then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
"""

Sealed = Callable[[], DependencySet]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project with packages for development, of other versions, scopes, and other names."""
    tree = tmp_path / "tree"
    wanted = {"plain": "1", "@scope/parts": "1", "other": "npm:renamed@1", "missing": "1"}
    write(tree, "package.json", {"dependencies": wanted, "devDependencies": {"linter": "1"}})
    write(tree, "app.json", {"pages": ["pages/a"]})
    write(tree, "project.config.json", {"appid": "wx0123456789abcdef"})
    package(tree, "plain", needs=("shared", "renamed"))
    package(tree, "shared", version="2.0.0")
    package(tree, "@scope/parts", needs=("shared", "plain"), miniprogram="built")
    write(tree, "node_modules/@scope/parts/built/button.js", "Component({})")
    package(tree, "@scope/parts/node_modules/shared", name="shared", needs=("deep",))
    package(tree, "@scope/parts/node_modules/deep", name="deep")
    package(tree, "other", name="renamed")
    package(tree, "linter", needs=("deep-of-linter",))
    package(tree, "deep-of-linter")
    package(tree, "nameless", name="")
    write(tree, "node_modules/.bin/linter", "run")
    return tree


def package(
    tree: Path,
    place: str,
    *,
    name: str | None = None,
    needs: tuple[str, ...] = (),
    version: str = "1.0.0",
    **more: str,
) -> None:
    manifest = {"name": place if name is None else name, "version": version, **more}
    write(
        tree,
        f"node_modules/{place}/package.json",
        {**manifest, "dependencies": dict.fromkeys(needs, "*")},
    )
    loaded = "".join(f"require('{each}');" for each in needs)
    write(tree, f"node_modules/{place}/index.js", f"{loaded}exports.version = '{version}'")


@pytest.fixture
def sealed(tree: Path, tmp_path: Path) -> Sealed:
    def seal() -> DependencySet:
        sets = DependencySets(tmp_path / "sets")
        sets.folder.mkdir()
        return sets.seal("a", tree, inputs_of(tree), maker=None, locks=())

    return seal


def copied(tree: Path, scratch: Path, dependencies: DependencySet, *, only_declared: bool) -> Path:
    scratch.mkdir()
    staging = Staging(tree, (tree,), tree, tree, dependencies, (".",), only_declared=only_declared)
    return staged(staging, scratch, Stop())


def names_in(folder: Path) -> set[str]:
    return {str(path.parent.relative_to(folder)) for path in folder.rglob("package.json")}


def contents(folder: Path) -> Mapping[str, str]:
    files = (
        path for path in folder.rglob("*") if path.is_file() and "miniprogram_npm" in str(path)
    )
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def test_only_what_package_json_needs_is_copied(tree: Path, tmp_path: Path, sealed: Sealed) -> None:
    copy = copied(tree, tmp_path / "scratch", sealed(), only_declared=True)
    assert names_in(copy / "node_modules") == {
        "plain",
        "shared",
        "@scope/parts",
        "@scope/parts/node_modules/shared",
        "@scope/parts/node_modules/deep",
        "other",
        "nameless",  # which may be meant by any name
    }
    assert (copy / "node_modules/@scope/parts/built/button.js").is_file()
    assert not (copy / "node_modules/.bin").exists()


@pytest.mark.slow
def test_the_tool_packs_from_it_what_it_packs_from_all(
    tree: Path, tmp_path: Path, sealed: Sealed, wechat_tool: Path
) -> None:
    dependencies, packed = sealed(), []
    for only_declared in (False, True):
        scratch = tmp_path / f"scratch-{only_declared}"
        folder = copied(tree, scratch, dependencies, only_declared=only_declared)
        command = ("node", "-e", PACK, str(wechat_tool / "node_modules"), str(folder))
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        packed.append(contents(folder))
    assert packed[0] == packed[1]
    assert {"miniprogram_npm/plain/index.js", "miniprogram_npm/@scope/parts/button.js"} <= (
        packed[0].keys()
    )


def test_a_link_among_the_packages_makes_all_of_them_be_copied(
    tree: Path, tmp_path: Path, sealed: Sealed
) -> None:
    """As in pnpm's layout, and with packages of a workspace."""
    Path(tree, "node_modules/@scope/parts/node_modules/linked").symlink_to("../../../plain")
    copy = copied(tree, tmp_path / "scratch", sealed(), only_declared=True)
    assert "linter" in names_in(copy / "node_modules")


def test_a_link_of_the_output_into_the_packages_makes_all_of_them_be_copied(
    tree: Path, tmp_path: Path, sealed: Sealed
) -> None:
    Path(tree, "lint.js").symlink_to("node_modules/linter/index.js")
    copy = copied(tree, tmp_path / "scratch", sealed(), only_declared=True)
    assert "exports.version" in (copy / "lint.js").read_text()


def test_packages_of_a_workspace_are_found_above_the_app(
    tree: Path, tmp_path: Path, sealed: Sealed
) -> None:
    write(tree, "packages/app/package.json", {"dependencies": {"shared": "1", "own": "1"}})
    write(tree, "packages/app/node_modules/own/package.json", {"name": "own"})
    needed = declared_packages(sealed(), tree, ["packages/app"], Stop())
    assert needed is not None
    assert needed["packages/app/node_modules"] == ["own"]
    assert sorted(needed["node_modules"]) == ["nameless", "other", "shared"]


@pytest.mark.parametrize("name", ["../../etc", "..", "/etc", "a/b/c", "@scope/../..", ""])
def test_a_name_that_is_no_name_leads_nowhere(tree: Path, sealed: Sealed, name: str) -> None:
    write(tree, "package.json", {"dependencies": {name: "1"}})
    assert declared_packages(sealed(), tree, ["."], Stop()) == {"node_modules": []}


def test_a_package_whose_name_is_no_text_counts_as_needed(tree: Path, sealed: Sealed) -> None:
    write(tree, "node_modules/linter/package.json", {"name": ["linter"]})
    needed = declared_packages(sealed(), tree, ["."], Stop())
    assert needed is not None
    assert "linter" in needed["node_modules"]


def test_another_package_of_a_name_is_looked_for_above_one_that_says_another_name(
    tree: Path, sealed: Sealed
) -> None:
    """As the tool does, which goes by the name in package.json."""
    package(tree, "@scope/parts/node_modules/plain", name="not-plain")
    write(tree, "package.json", {"dependencies": {"@scope/parts": "1"}})
    needed = declared_packages(sealed(), tree, ["."], Stop())
    assert needed is not None
    assert {"plain", "@scope/parts/node_modules/plain"} <= set(needed["node_modules"])


def test_many_names_that_are_not_installed_take_no_time(tree: Path, sealed: Sealed) -> None:
    """The folders of the commit are read once, not once for each name."""
    for number in range(200):
        write(tree, f"packages/app/node_modules/own{number}/package.json", {"name": "own"})
    dependencies = sealed()
    wanted = {f"missing{number}": "1" for number in range(20_000)}
    write(tree, "packages/node_modules/beside/package.json", {"name": "beside"})
    write(tree, "packages/app/package.json", {"dependencies": wanted})
    began = time.monotonic()
    assert declared_packages(dependencies, tree, ["packages/app"], Stop()) is not None
    assert time.monotonic() - began < 5


def test_a_link_in_a_package_is_no_way_out(tree: Path, tmp_path: Path, sealed: Sealed) -> None:
    (tmp_path / "secret").mkdir()
    Path(tree, "node_modules/shared/node_modules").symlink_to(tmp_path / "secret")
    copy = copied(tree, tmp_path / "scratch", sealed(), only_declared=True)
    assert not os.path.lexists(copy / "node_modules/shared/node_modules")
