"""What is published is what the commit says, not what an earlier install has left: issue 12, C."""

import json
from pathlib import Path

import pytest

from command_line import CommandLine
from mprelease.simulator.wechat import WeChat
from npm_registry import NpmRegistry, serving
from repositories import commit, make_repository
from test_registries import BUILD, FILES

pytestmark = [pytest.mark.slow, pytest.mark.light_tool]

# Without registries of its own, the install takes everything from the commit.
GENERATE = 'require("fs").writeFileSync("node_modules/is-number/index.js", "module.exports=()=>%d")'


def prepared(cli: CommandLine, repository: Path, *options: str) -> None:
    cli.has_app(repository, "--build-command", "node build.cjs", "--output", "dist", *options)


def made(cli: CommandLine, wechat: WeChat) -> bytes:
    cli.must("preview", "shop")
    return wechat.received[-1].files["made.js"]


@pytest.mark.parametrize("manager", ["npm", "yarn@1.22.22", "pnpm@9.15.9"])
@pytest.mark.usefixtures("kept_managers")
def test_a_folder_beside_the_apps_is_published_as_it_stands_in_the_commit(
    manager: str, cli: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    """Issue 12, number 15."""
    theme = {"name": "is-number", "version": "1.0.0", "main": "index.js"}
    manager_field = {} if manager == "npm" else {"packageManager": manager}
    package = {"name": "shop", **manager_field, "dependencies": {"is-number": "file:../theme"}}
    files = {f"app/{name}": text for name, text in FILES.items()}
    repository = make_repository(
        tmp_path / "shop",
        {
            **files,
            "app/package.json": json.dumps(package),
            "theme/package.json": json.dumps(theme),
            "theme/index.js": "module.exports = () => 'old'",
        },
    )
    prepared(cli, repository, "--directory", "app")
    assert b"old" in made(cli, wechat)
    commit(repository, {"theme/index.js": "module.exports = () => 'new'"})
    assert b"new" in made(cli, wechat)


def test_what_a_hooks_script_does_is_published_as_it_stands_in_the_commit(
    cli: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    """Issue 12, number 16: under the same command line."""
    package = {
        "name": "shop",
        "scripts": {"postinstall": "node scripts/make.cjs"},
        "dependencies": {"is-number": "file:./vendor"},
    }
    repository = make_repository(
        tmp_path / "shop",
        {
            **FILES,
            "package.json": json.dumps(package),
            ".npmrc": "install-links=true",
            "vendor/package.json": json.dumps({"name": "is-number", "version": "1.0.0"}),
            "vendor/index.js": "",
            "scripts/make.cjs": GENERATE % 41,
        },
    )
    prepared(cli, repository)
    assert b"41" in made(cli, wechat)
    commit(repository, {"scripts/make.cjs": GENERATE % 42})
    assert b"42" in made(cli, wechat)


def test_a_command_of_an_app_is_run_in_the_folder_of_that_app(
    cli: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    """Two apps of a workspace share its root and their command, and not what that has made."""
    own = "mkdir -p node_modules/is-number && basename $PWD > node_modules/is-number/name"
    build = BUILD.replace(
        'require("is-number")()', 'fs.readFileSync("node_modules/is-number/name")'
    )
    apps = {
        f"apps/{app}/{name}": text
        for app in ("first", "second")
        for name, text in {**FILES, "build.cjs": build}.items()
    }
    workspace = {"package.json": json.dumps({"name": "shop", "workspaces": ["apps/*"]})}
    manifest = {"apps/first/package.json": "{}"}  # The other folder has none.
    repository = make_repository(tmp_path / "shop", {**apps, **workspace, **manifest})
    prepared(cli, repository, "--install-command", own, "--directory", "apps/first")
    assert b"first" in made(cli, wechat)
    cli.must("app", "edit", "shop", "--directory", "apps/second")
    assert b"second" in made(cli, wechat)


def test_a_command_is_run_in_a_folder_of_which_an_install_sees_nothing(
    cli: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    files = {f"apps/first/{name}": text for name, text in FILES.items()}
    workspace = {"package.json": json.dumps({"name": "shop", "workspaces": ["apps/*"]})}
    repository = make_repository(tmp_path / "shop", {**files, **workspace})
    options = ("--install-command", "npm install --no-audit", "--directory", "apps/first")
    cli.has_app(repository, *options, "--build-command", "true", "--output", "src")
    cli.must("preview", "shop")
    assert "app.json" in wechat.received[-1].files


def test_committed_modules_are_published_as_they_are(
    cli: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    """Issue 12, number 20: an install over them only where the app says so, with a warning."""
    with serving(NpmRegistry()) as registry:
        registry.publish("is-number", "7.0.0", "module.exports = () => 'fetched'")
        package = {"name": "shop", "dependencies": {"is-number": "7.0.0"}}
        repository = make_repository(
            tmp_path / "shop",
            {
                **FILES,
                ".gitignore": "dist\n",
                ".npmrc": f"registry={registry.url}/\n",
                "package.json": json.dumps(package),
                "build.cjs": BUILD,
                "node_modules/is-number/package.json": '{"name":"is-number","version":"7.0.0"}',
                "node_modules/is-number/index.js": "module.exports = () => 'committed'",
            },
        )
        prepared(cli, repository)
        for _ in range(2):
            assert b"committed" in made(cli, wechat)
        assert registry.requests == []
        cli.must("app", "edit", "shop", "--install-command", "npm install --force && npm ci")
        release = cli.must("preview", "shop", "--json").json
    assert "node_modules" in json.dumps(release["warnings"])
    assert registry.requests


def test_a_new_version_of_a_package_comes_when_somebody_asks_for_it(
    cli: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    """Issue 12, number 17."""
    with serving(NpmRegistry()) as registry:
        registry.publish("is-number", "7.0.0", "module.exports = () => 'old'")
        files = {
            **FILES,
            ".npmrc": f"registry={registry.url}/\n",
            "package.json": json.dumps({"name": "shop", "dependencies": {"is-number": "^7.0.0"}}),
        }
        prepared(cli, make_repository(tmp_path / "shop", files))
        assert b"old" in made(cli, wechat)
        registry.publish("is-number", "7.1.0", "module.exports = () => 'new'")
        assert b"old" in made(cli, wechat)
        cli.must("app", "edit", "shop", "--fresh-install")
        assert b"new" in made(cli, wechat)
        assert cli.must("preview", "shop", "--json").json["stages"][1]["cached"]
