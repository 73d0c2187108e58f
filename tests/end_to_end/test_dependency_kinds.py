"""What real projects do with their dependencies still works when nobody may change them."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from command_line import APP_ID, CommandLine
from mprelease.simulator.wechat import WeChat
from repositories import commit, make_repository
from sandbox_modes import MODES, give_folder, in_mode

pytestmark = [pytest.mark.slow, pytest.mark.light_tool]

PAGE = {
    "project.config.json": json.dumps({"compileType": "miniprogram", "appid": APP_ID}),
    "app.json": json.dumps({"pages": ["pages/a/a"]}),
    "app.js": "App({})",
    "pages/a/a.js": "Page({})",
    "pages/a/a.wxml": "<view/>",
}
# A build as bundlers and generators are: it writes beside its dependencies, and its result.
BUILD = """
const fs = require("fs");
const path = require("path");
for (const cache of [".cache", ".taro", ".vite-temp", ".prisma"]) {
  const file = path.join("node_modules", cache, "kept");
  console.log(`CACHE ${cache} ${fs.existsSync(file)}`);
  fs.writeFileSync(file, "kept");
}
fs.cpSync("src", "dist", { recursive: true });
fs.writeFileSync("dist/made.js", `module.exports = ${JSON.stringify(require("is-number")("1"))}`);
"""


PATCH = (
    "diff --git a/node_modules/is-number/index.js b/node_modules/is-number/index.js",
    "index 27f19b7..a4f53f3 100644",
    "--- a/node_modules/is-number/index.js",
    "+++ b/node_modules/is-number/index.js",
    "@@ -8,11 +8,5 @@",
    " 'use strict';",
    " ",
    " module.exports = function(num) {",
    "-  if (typeof num === 'number') {",
    "-    return num - num === 0;",
    "-  }",
    "-  if (typeof num === 'string' && num.trim() !== '') {",
    "-    return Number.isFinite ? Number.isFinite(+num) : isFinite(+num);",
    "-  }",
    "-  return false;",
    "+  return 'patched';",
    " };",
    "",
)


@pytest.fixture(params=MODES)
def working(
    request: pytest.FixtureRequest, cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    return in_mode(cli, request.param, monkeypatch)


def project(folder: Path, package: Mapping[str, object], **files: str) -> Path:
    sources = {f"src/{name}": text for name, text in PAGE.items()}
    ignored = {".gitignore": "node_modules\ndist\n"}
    manifest = {"package.json": json.dumps({"name": "shop", "version": "1.0.0", **package})}
    return make_repository(folder, {**sources, **ignored, **manifest, "build.cjs": BUILD, **files})


def has_app(cli: CommandLine, repository: Path, *options: str) -> None:
    give_folder(cli)
    built = ("--build-command", "node build.cjs", "--output", "dist", "--always-build")
    cli.has_app(repository, *built, *options)


def test_a_patched_package_a_hook_and_the_caches_of_bundlers(
    working: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    package = {
        "scripts": {"postinstall": "patch-package", "prepare": "husky"},
        "dependencies": {"is-number": "7.0.0"},
        "devDependencies": {"husky": "9.1.7", "patch-package": "8.0.1"},
    }
    repository = project(
        tmp_path / "shop", package, **{"patches/is-number+7.0.0.patch": "\n".join(PATCH)}
    )
    has_app(working, repository)
    working.must("preview", "shop")
    assert b"patched" in wechat.received[0].files["made.js"]
    assert "CACHE .taro false" in working.log(1)
    commit(repository, {"src/app.js": "App({ a: 1 })"})
    second = working.must("preview", "shop", "--json").json
    assert second["stages"][1]["cached"]
    assert "CACHE .taro true" in working.log(2)


def test_sources_that_an_install_generates_are_laid_into_each_tree(
    working: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    package = {
        "scripts": {"postinstall": "node tools/generate.cjs"},
        "dependencies": {"is-number": "7.0.0"},
    }
    generate = 'require("fs").writeFileSync("src/generated.js", "module.exports = 42")'
    repository = project(tmp_path / "shop", package, **{"tools/generate.cjs": generate})
    has_app(working, repository, "--install-inputs", "tools/* src")
    for _ in range(2):
        working.must("preview", "shop")
        commit(repository, {"src/app.js": "App({ a: 1 })"})
    assert all(b"42" in each.files["generated.js"] for each in wechat.received)
    assert "dependencies" in working.log(2)


def test_a_build_that_writes_into_its_dependencies_is_told_and_may_have_its_own(
    working: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    package = {"dependencies": {"is-number": "7.0.0"}}
    file = "node_modules/is-number/index.js"
    writing = f'require("fs").writeFileSync("{file}", "module.exports = () => 7");'
    repository = project(tmp_path / "shop", package)
    commit(repository, {"build.cjs": writing + BUILD})
    has_app(working, repository)
    failed = working.run("preview", "shop", "--json").json
    assert failed["error"]["problem"] == "dependencies_read_only"
    assert "node_modules/is-number/index.js" in failed["error"]["message"]
    working.must("app", "edit", "shop", "--private-dependencies")
    working.must("preview", "shop")
    assert b"7" in wechat.received[0].files["made.js"]
    # The set itself is as it was.
    commit(repository, {"build.cjs": BUILD})
    working.must("app", "edit", "shop", "--shared-dependencies")
    working.must("preview", "shop")
    assert b"true" in wechat.received[1].files["made.js"]


@pytest.mark.parametrize(
    ("prepare", "inputs"),
    [
        ("git config core.hooksPath .githooks && git config --get core.hooksPath", ""),
        ("git init && husky", ""),
        ("git init && husky && node ./tools/create-base-files.cjs", "tools/* src"),
    ],
)
def test_a_hook_that_sets_up_git_or_writes_an_ignored_file_is_warm_the_second_time(
    prepare: str, inputs: str, cli: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    """Issue 12, number 26; the third is what the most used starter of uni-app does."""
    package = {
        "scripts": {"prepare": prepare},
        "dependencies": {"is-number": "7.0.0"},
        "devDependencies": {"husky": "9.1.7"},
    }
    files = {
        ".gitignore": "node_modules\ndist\nsrc/pages.json\n",
        ".githooks/pre-commit": "exit 1",
        "tools/create-base-files.cjs": 'require("fs").writeFileSync("src/pages.json", "{}")',
    }
    repository = project(tmp_path / "shop", package, **files)
    has_app(cli, repository)

    def is_cached() -> bool:
        return cli.must("preview", "shop", "--json").json["stages"][1]["cached"] is True

    assert not is_cached()
    assert is_cached()
    if inputs:
        assert all("pages.json" in each.files for each in wechat.received)
        cli.must("app", "edit", "shop", "--install-inputs", inputs)
        assert not is_cached()
    commit(repository, {"src/app.js": "App({ a: 1 })"})
    assert is_cached()


@pytest.mark.parametrize("manager", ["npm", "pnpm@9.15.9"])
@pytest.mark.usefixtures("kept_managers")
def test_a_package_of_a_workspace_is_found_through_its_link(
    manager: str, working: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    root: dict[str, object] = {"name": "root", "private": True}
    root |= {"workspaces": ["packages/*"]} if manager == "npm" else {"packageManager": manager}
    wanted = "*" if manager == "npm" else "workspace:*"
    app = {
        "name": "app",
        "version": "1.0.0",
        "dependencies": {"shared": wanted, "is-number": "7.0.0"},
    }
    build = BUILD + 'fs.appendFileSync("dist/made.js", require("shared"));'
    repository = make_repository(
        tmp_path / "shop",
        {
            ".gitignore": "node_modules\ndist\n",
            "package.json": json.dumps(root),
            **({} if manager == "npm" else {"pnpm-workspace.yaml": "packages:\n  - packages/*\n"}),
            "packages/shared/package.json": json.dumps({"name": "shared", "version": "1.0.0"}),
            "packages/shared/index.js": 'module.exports = ";exports.shared = 1"',
            "packages/app/package.json": json.dumps(app),
            **{f"packages/app/src/{name}": text for name, text in PAGE.items()},
        },
    )
    modules = "../../node_modules" if manager == "npm" else "node_modules"
    commit(
        repository,
        {
            "packages/app/build.cjs": f"const MODULES = {modules!r};"
            + build.replace('path.join("node_modules"', "path.join(MODULES")
        },
    )
    has_app(working, repository, "--directory", "packages/app")
    working.must("preview", "shop")
    assert b"shared = 1" in wechat.received[0].files["made.js"]
    assert working.must("preview", "shop", "--json").json["stages"][1]["cached"]


def test_a_linked_folder_beside_the_app_is_built_as_its_commit_has_it(
    working: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    shared = 'module.exports = ";exports.shared = 1"'
    package = {"name": "shop", "version": "1.0.0", "dependencies": {"shared": "file:../shared"}}
    build = (
        'const fs = require("fs");'
        'fs.cpSync("src", "dist", { recursive: true });'
        'fs.writeFileSync("dist/made.js", require("shared"));'
    )
    repository = make_repository(
        tmp_path / "shop",
        {
            ".gitignore": "node_modules\ndist\n",
            "shared/package.json": json.dumps({"name": "shared", "version": "1.0.0"}),
            "shared/index.js": shared,
            "app/package.json": json.dumps(package),
            "app/build.cjs": build,
            **{f"app/src/{name}": text for name, text in PAGE.items()},
        },
    )
    has_app(working, repository, "--directory", "app")
    working.must("preview", "shop")
    commit(repository, {"shared/index.js": shared.replace("1", "2")})
    working.must("preview", "shop")
    first, second = (received.files["made.js"] for received in wechat.received)
    assert b"shared = 1" in first
    assert b"shared = 2" in second
