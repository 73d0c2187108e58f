"""Lock files and settings that name registries which cannot be reached: issue 12, 23 and 24."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

import pytest

from command_line import APP_ID, CommandLine
from mprelease.simulator.wechat import WeChat
from npm_registry import NpmRegistry, serving
from repositories import commit, make_repository

pytestmark = [pytest.mark.slow, pytest.mark.light_tool]

MIRROR = "https://mirror.invalid"
RETIRED = "https://registry.npm.taobao.org"
BUILD = """
const fs = require("fs");
fs.cpSync("src", "dist", { recursive: true });
fs.writeFileSync("dist/made.js", `module.exports = "${require("is-number")()}"`);
"""
FILES = {
    ".gitignore": "node_modules\ndist\n",
    "build.cjs": BUILD,
    "src/project.config.json": json.dumps({"compileType": "miniprogram", "appid": APP_ID}),
    "src/app.json": json.dumps({"pages": ["pages/a/a"]}),
    "src/app.js": "App({})",
    "src/pages/a/a.js": "Page({})",
    "src/pages/a/a.wxml": "<view/>",
}
Lock = Callable[[NpmRegistry], str]
PACKAGE = {"name": "shop", "version": "1.0.0", "dependencies": {"is-number": "7.0.0"}}


@pytest.fixture
def registry() -> Iterator[NpmRegistry]:
    made = NpmRegistry()
    made.publish("is-number", "7.0.0", "module.exports = () => 'ours'")
    with serving(made):
        yield made


def has_app(
    cli: CommandLine,
    folder: Path,
    files: Mapping[str, str],
    npmrc: str,
    *options: str,
    **package: object,
) -> None:
    manifest = {"package.json": json.dumps({**PACKAGE, **package})}
    make_repository(folder, {**FILES, **manifest, **files})
    cli.has_app(folder, "--build-command", "node build.cjs", "--output", "dist", *options)
    file = cli.folder / "npmrc"
    file.write_text(npmrc)
    cli.must("project", "edit", "web", "--npmrc-file", str(file))


def of_npm(registry: NpmRegistry, version: int) -> str:
    """An npm lock file as cnpm writes it."""
    entry = {
        "version": "7.0.0",
        "resolved": f"{MIRROR}/is-number/download/is-number-7.0.0.tgz?cache=0&sync_timestamp=1",
        "integrity": registry.integrity("is-number", "7.0.0"),
    }
    lock: dict[str, object] = {"name": "shop", "version": "1.0.0", "lockfileVersion": version}
    if version < 3:
        lock |= {"requires": True, "dependencies": {"is-number": entry}}
    if version > 1:
        lock |= {"packages": {"": PACKAGE, "node_modules/is-number": entry}}
    return json.dumps(lock, indent=2)


def of_yarn(registry: NpmRegistry) -> str:
    return (
        "# yarn lockfile v1\n\n\nis-number@7.0.0:\n"
        '  version "7.0.0"\n'
        f'  resolved "{MIRROR}/is-number/-/is-number-7.0.0.tgz'
        f'#{registry.shasum("is-number", "7.0.0")}"\n'
        f"  integrity {registry.integrity('is-number', '7.0.0')}\n"
    )


def of_pnpm_7(registry: NpmRegistry) -> str:
    return (
        "lockfileVersion: 5.4\n\nspecifiers:\n  is-number: 7.0.0\n\n"
        "dependencies:\n  is-number: 7.0.0\n\npackages:\n\n  /is-number/7.0.0:\n"
        f"    resolution: {{integrity: {registry.integrity('is-number', '7.0.0')},"
        " tarball: is-number/download/is-number-7.0.0.tgz}\n    dev: false\n"
    )


def of_pnpm_10(registry: NpmRegistry) -> str:
    return (
        "lockfileVersion: '9.0'\n\nsettings:\n  autoInstallPeers: true\n"
        "  excludeLinksFromLockfile: false\n\nimporters:\n\n  .:\n    dependencies:\n"
        "      is-number:\n        specifier: 7.0.0\n        version: 7.0.0\n\npackages:\n\n"
        "  is-number@7.0.0:\n"
        f"    resolution: {{integrity: {registry.integrity('is-number', '7.0.0')},"
        f" tarball: {MIRROR}/is-number/-/is-number-7.0.0.tgz}}\n\n"
        "snapshots:\n\n  is-number@7.0.0: {}\n"
    )


# Of the archive that yarn makes of the package.
YARN_SUM = (
    "94fac1d7599b3add9fbfc7841fec21df7acd06cff28a33173773231cdea6d036"
    "369e345c41b1bb50d08e1cc5dd344c8b7862dc01a09c6e0d5ecf242872715a7d"
)


def of_yarn_2(_registry: NpmRegistry) -> str:
    url = f"{MIRROR}/is-number/download/is-number-7.0.0.tgz".replace(":", "%3A").replace("/", "%2F")
    return (
        "__metadata:\n  version: 10\n  cacheKey: 10c0\n\n"
        '"is-number@npm:7.0.0":\n  version: 7.0.0\n'
        f'  resolution: "is-number@npm:7.0.0::__archiveUrl={url}"\n'
        f"  checksum: 10c0/{YARN_SUM}\n"
        "  languageName: node\n  linkType: hard\n\n"
        '"shop@workspace:.":\n  version: 0.0.0-use.local\n  resolution: "shop@workspace:."\n'
        '  dependencies:\n    is-number: "npm:7.0.0"\n  languageName: unknown\n  linkType: soft\n'
    )


@pytest.mark.parametrize(
    ("name", "lock"),
    [
        ("package-lock.json", lambda registry: of_npm(registry, 1)),
        ("package-lock.json", lambda registry: of_npm(registry, 2)),
        ("package-lock.json", lambda registry: of_npm(registry, 3)),
        ("yarn.lock", of_yarn),
        ("yarn.lock", of_yarn_2),
        ("pnpm-lock.yaml", of_pnpm_7),
        ("pnpm-lock.yaml", of_pnpm_10),
    ],
    ids=["npm-1", "npm-2", "npm-3", "yarn-1", "yarn-4", "pnpm-7", "pnpm-10"],
)
def test_what_was_locked_at_a_mirror_out_of_reach_comes_from_the_registry_in_use(
    name: str, lock: Lock, cli: CommandLine, wechat: WeChat, registry: NpmRegistry
) -> None:
    """Issue 12, number 23."""
    has_app(cli, cli.folder / "shop", {name: lock(registry)}, f"registry={registry.url}/\n")
    release = cli.must("preview", "shop", "--json").json
    assert b"ours" in wechat.received[0].files["made.js"]
    assert "installing from a copy" in cli.log()
    assert not [each for each in release["warnings"] if "lock_refused" in str(each)]
    assert cli.must("preview", "shop", "--json").json["stages"][1]["cached"]


def test_a_package_that_only_the_host_of_the_lock_file_has_comes_from_there(
    cli: CommandLine, wechat: WeChat, registry: NpmRegistry, tmp_path: Path
) -> None:
    """Issue 12, number 23: nothing that works without a correction breaks by it."""
    with serving(NpmRegistry()) as empty:
        lock = of_npm(registry, 3).replace(
            f"{MIRROR}/is-number/download", f"{registry.url}/is-number/-"
        )
        has_app(cli, tmp_path / "shop", {"package-lock.json": lock}, f"registry={empty.url}/\n")
        cli.must("preview", "shop")
    assert b"ours" in wechat.received[0].files["made.js"]


def test_a_line_of_npmrc_that_is_commented_out_counts_for_nothing(
    cli: CommandLine, wechat: WeChat, registry: NpmRegistry, tmp_path: Path
) -> None:
    """Issue 12, number 24."""
    npmrc = f"# registry={RETIRED}\n;registry={RETIRED}\nregistry={registry.url}/\n"
    has_app(cli, tmp_path / "shop", {".npmrc": npmrc}, "")
    release = cli.must("preview", "shop", "--json").json
    assert b"ours" in wechat.received[0].files["made.js"]
    assert "npmrc" not in json.dumps(release["warnings"])


@pytest.mark.parametrize("line", ["registry = '{}'", "@our:registry={}/"])
def test_a_retired_mirror_in_npmrc_gives_way_to_the_registry_of_the_project(
    line: str, cli: CommandLine, wechat: WeChat, registry: NpmRegistry, tmp_path: Path
) -> None:
    """Issue 12, number 24: also where it stands for one scope."""
    registry.publish("@our/kit", "1.0.0", "")
    wanted = {"is-number": "7.0.0", "@our/kit": "1.0.0"}
    files = {".npmrc": line.format(RETIRED) + "\n"}
    has_app(cli, tmp_path / "shop", files, f"registry={registry.url}/\n", dependencies=wanted)
    release = cli.must("preview", "shop", "--json").json
    assert b"ours" in wechat.received[0].files["made.js"]
    assert "registry.npm.taobao.org" in json.dumps(release["warnings"])


@pytest.mark.parametrize("manager", ["bun@1.1.0", "cnpm@9.4.0", "pnpm@latest", "npm@^10"])
def test_an_install_command_is_used_whatever_manager_the_project_asks_for(
    manager: str, cli: CommandLine, wechat: WeChat, registry: NpmRegistry, tmp_path: Path
) -> None:
    """Issue 12, number 24."""
    command = "npm install --no-audit --no-package-lock"
    has_app(
        cli,
        tmp_path / "shop",
        {"bun.lock": "{}"},
        f"registry={registry.url}/\n",
        *("--install-command", command),
        packageManager=manager,
    )
    cli.must("preview", "shop")
    assert b"ours" in wechat.received[0].files["made.js"]
    assert f"$ {command}" in cli.log()


def seconds_to_start_npm() -> float:
    before = time.monotonic()
    subprocess.run(["npm", "--version"], check=True, capture_output=True)
    return time.monotonic() - before


@pytest.mark.parametrize(
    ("how", "lock"),
    [
        ("silent", {"package-lock.json": "of_npm"}),
        ("refused", {"yarn.lock": "of_yarn"}),
        ("unknown", {"pnpm-lock.yaml": "of_pnpm_10"}),
        ("silent", {}),
    ],
    ids=["npm-silent", "yarn-refused", "pnpm-unknown", "command-silent"],
)
def test_a_registry_that_does_not_answer_is_told_within_15_seconds(
    how: str, lock: dict[str, str], cli: CommandLine, registry: NpmRegistry
) -> None:
    """Issue 12, number 31."""
    texts = {"of_npm": of_npm(registry, 3), "of_yarn": of_yarn(registry)}
    texts["of_pnpm_10"] = of_pnpm_10(registry)
    addresses = {"silent": registry.url, "refused": "http://127.0.0.1:9", "unknown": MIRROR}
    registry.silent.set()
    command = () if lock else ("--install-command", "npm install")
    files = {name: texts[kind] for name, kind in lock.items()}
    folder, npmrc = cli.folder / "shop", f"registry={addresses[how]}/\n"
    # The package manager itself, which comes from elsewhere, is there.
    has_app(cli, folder, dict.fromkeys(files, ""), npmrc, *command, dependencies={})
    cli.run("preview", "shop")
    commit(folder, {"package.json": json.dumps(PACKAGE), **files})
    before = seconds_to_start_npm()
    failed = cli.run("preview", "shop", "--json").json
    assert failed["error"]["problem"] == "registry_unreachable"
    assert addresses[how].partition("//")[2] in failed["error"]["message"]
    stage = failed["stages"][1]
    times = (datetime.fromisoformat(stage[name]) for name in ("started_at", "ended_at"))
    started, ended = times
    # Ten seconds of waiting, and processes that take long to start on a busy machine.
    to_start = max(before, seconds_to_start_npm())
    assert (ended - started).total_seconds() < max(15, 10 + 6 * to_start)


def test_what_was_downloaded_before_is_installed_although_the_registry_is_silent(
    cli: CommandLine, wechat: WeChat, registry: NpmRegistry, tmp_path: Path
) -> None:
    """Issue 12, number 31."""
    lock = of_npm(registry, 3)
    has_app(cli, tmp_path / "shop", {"package-lock.json": lock}, f"registry={registry.url}/\n")
    cli.must("preview", "shop")
    registry.silent.set()
    commit(tmp_path / "shop", {"package.json": json.dumps({**PACKAGE, "author": "", "a": 1})})
    release = cli.must("preview", "shop", "--json").json
    assert not release["stages"][1]["cached"]
    assert b"ours" in wechat.received[1].files["made.js"]
