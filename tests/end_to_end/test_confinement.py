"""What code of a repository can do, in each mode, held against docs/security.md.

Here the real tool publishes in each mode; other tests of the modes have its stand-in.
"""

import base64
import io
import json
import os
import re
import socket
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from command_line import APP_ID, CommandLine
from mprelease.simulator.wechat import WeChat
from needs import needs
from repositories import commit, git, make_repository
from sandbox_modes import MODES, ROOT, give_folder, in_mode

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("wechat_tool")]
root = needs("root", "run the tests as root", there=os.geteuid() == 0)
bwrap = needs("bwrap", "apt-get install -y bubblewrap")

HERE = Path(__file__).parent
PAGE = {
    "app.json": json.dumps({"pages": ["pages/a/a"]}),
    "app.js": "App({})",
    "pages/a/a.js": "Page({})",
    "pages/a/a.wxml": "<view/>",
}


def promised(mode: str) -> Mapping[str, str]:
    """The rows of the table in docs/security.md, for one of its columns."""
    lines = (ROOT / "docs" / "security.md").read_text(encoding="utf-8").splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("| a build can"))
    head = [cell.strip() for cell in lines[start].strip("|").split("|")]
    rows: dict[str, str] = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return rows
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        name = re.match(r"`([\w-]+)`", cells[0])
        assert name, line
        rows[name[1]] = cells[head.index(MODES[mode])]
    raise AssertionError("the table has no end")


def archive() -> bytes:
    """A package as npm packs it."""
    files = {"package.json": '{"name":"is-number","version":"7.0.0"}', "index.js": "exports.n = 1"}
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as packed:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(text)
            packed.addfile(entry, io.BytesIO(text.encode()))
    return written.getvalue()


def project(folder: Path, build: str, *, hook: str | None = None) -> Path:
    """A project with one dependency, which is built by a script of its own."""
    scripts = {"build": build, **({"postinstall": hook} if hook else {})}
    named = {"name": "shop", "dependencies": {"is-number": "file:is-number-7.0.0.tgz"}}
    resolved = {"version": "7.0.0", "resolved": "file:is-number-7.0.0.tgz"}
    lock = {
        "name": "shop",
        "lockfileVersion": 3,
        "packages": {"": named, "node_modules/is-number": resolved},
    }
    return make_repository(
        folder,
        {
            ".gitignore": "node_modules\ndist\n",
            "is-number-7.0.0.tgz": archive(),
            "package.json": json.dumps({**named, "scripts": scripts}),
            "package-lock.json": json.dumps(lock),
            "project.config.json": json.dumps({"compileType": "miniprogram", "appid": APP_ID}),
            **{f"src/{name}": text for name, text in PAGE.items()},
            **{name: (HERE / name).read_text() for name in ("inventory.cjs", "planter.cjs")},
        },
    )


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def facts(cli: CommandLine, listener: int) -> Mapping[str, object]:
    """Lay baits where secrets lie, and tell the probe where."""
    # Outside of the folders of tests, and one for each that runs at the same time.
    private, public = cli.folder / "private", Path(f"/srv/mprelease-{os.getpid()}")
    private.write_text("secret")
    private.chmod(0o600)
    public.write_text("everybody's")
    public.chmod(0o644)
    configuration = cli.folder / "config.toml"
    configuration.write_text('timezone = "UTC"\n')
    configuration.chmod(0o600)
    cli.extra["MPRELEASE_CONFIG"] = str(configuration)
    other = make_repository(cli.folder / "other", {"secret.js": "module.exports = 1", **PAGE})
    give_folder(cli)
    key_file = cli.folder / "private.key"
    key_file.write_text(cli.key)
    give_folder(cli)
    cli.must("project", "add", "another", "--repository", str(other))
    cli.must(
        *("app", "add", "other", "--project", "another", "--app-id", APP_ID),
        *("--credential-file", str(key_file), "--build-command", "true", "--output", "."),
    )
    cli.must("preview", "other")
    trees = [str(path) for path in cli.data.glob("workspaces/*/*/tree/secret.js")]
    mirrors = [str(path) for path in cli.data.glob("mirrors/*.git/objects/pack/*.pack")]
    assert trees
    assert mirrors
    return {
        "uid": cli.user or 0,
        "data": str(cli.data),
        "configuration": str(configuration),
        "privateFile": str(private),
        "publicFile": str(public),
        "otherTrees": trees,
        "mirrors": mirrors,
        "pids": [os.getpid(), os.getppid()],
        "port": listener,
    }


@root
@bwrap
@pytest.mark.parametrize("mode", MODES)
def test_a_build_can_do_what_the_table_says_and_nothing_else(
    mode: str, cli: CommandLine, tmp_path: Path, listener: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = in_mode(cli, mode, monkeypatch)
    reported = facts(working, listener)
    encoded = base64.b64encode(json.dumps(reported).encode()).decode()
    repository = project(tmp_path / "shop", "true")
    commit(repository, {"probe.cjs": (HERE / "probe.cjs").read_text()}, "probe")
    give_folder(working)
    command = f"node probe.cjs {encoded} && node inventory.cjs"
    built = ("--build-command", command, "--output", "dist", "--always-build")
    working.has_app(repository, *built)
    working.must("preview", "shop")
    found = dict(re.findall(r"PROBE ([\w-]+) (yes|no)", working.log(2)))
    Path(f"/srv/mprelease-{os.getpid()}").unlink()
    assert found == promised(mode)


def published(cli: CommandLine, wechat: WeChat, ref: str) -> Mapping[str, bytes]:
    cli.must("preview", "shop", "--ref", ref)
    files = dict(wechat.received[-1].files)
    # The signature is another one each time.
    return {name: content for name, content in files.items() if "signature" not in name}


def same(found: Mapping[str, bytes], expected: Mapping[str, bytes]) -> None:
    """Compare what was published byte by byte, and show where it differs."""
    assert found.keys() == expected.keys()
    for name, content in found.items():
        lines, wanted = (each.decode().split(",") for each in (content, expected[name]))
        assert not {*lines} ^ {*wanted}, name
        assert content == expected[name], name


def planted(cli: CommandLine, ref: str) -> None:
    """Have a branch built that plants; its own release may fail of that."""
    release = cli.run("preview", "shop", "--ref", ref, "--json").json
    stages = {stage["name"]: stage["state"] for stage in release["stages"]}
    # What an install has planted may keep its own build from running.
    assert stages["build"] == "succeeded" or ref == "feature/evil-install", release
    assert "PLANTED" in cli.log(release["id"])


@root
@bwrap
@pytest.mark.parametrize(
    "mode",
    # The real tool where it could find most of what was planted: there nothing hides a folder.
    ["user", *(pytest.param(mode, marks=pytest.mark.light_tool) for mode in ("bwrap", "ordinary"))],
)
def test_what_is_published_is_the_same_whatever_an_untrusted_branch_has_planted(
    mode: str,
    cli: CommandLine,
    wechat: WeChat,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repository = project(tmp_path / "shop", "node inventory.cjs")
    git(repository, "checkout", "--quiet", "-b", "feature/evil")
    skipped = f"/usr,/work,/root,/var/lib,{ROOT}"
    evil = f"node planter.cjs {skipped} && node inventory.cjs && node planter.cjs {skipped}"
    manifest = json.loads((repository / "package.json").read_text())
    manifest["scripts"]["build"] = evil
    commit(repository, {"package.json": json.dumps(manifest)}, "evil build")
    git(repository, "checkout", "--quiet", "-b", "feature/evil-install")
    manifest["scripts"]["postinstall"] = f"node planter.cjs {skipped}"
    commit(repository, {"package.json": json.dumps(manifest)}, "evil install")
    git(repository, "checkout", "--quiet", "main")

    working = in_mode(cli, mode, monkeypatch)
    clean = replace(working, folder=tmp_path / "clean", extra=dict(working.extra))
    clean.folder.mkdir()
    clean.folder.chmod(0o711)
    for each in (clean, working):
        give_folder(each)
        # What was built before would prove nothing.
        built = ("--build-command", "npm run build", "--output", "dist", "--always-build")
        each.has_app(repository, *built)
    expected = [published(clean, wechat, "main") for _ in range(2)]
    for branch in ("feature/evil", "feature/evil-install"):
        planted(working, branch)
    for files in expected:
        same(published(working, wechat, "main"), files)
    planted(working, "feature/evil")
    same(published(working, wechat, "main"), expected[1])
    clean.end()
