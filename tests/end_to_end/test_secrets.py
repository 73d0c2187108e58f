"""A repository that looks for the upload key finds nothing, wherever its code runs."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from command_line import APP_ID, CommandLine
from mprelease.simulator.wechat import WeChat
from needs import needs
from repositories import commit, make_repository

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("wechat_tool")]

# What a build could try: every variable, command line and descriptor of every process, and every
# file that it can open in the places where secrets usually lie.
SCANNER = r"""
import glob, os, stat, sys
marks = [bytes.fromhex(mark) for mark in sys.argv[1:]]
def look(path):
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return
        with open(path, "rb") as stream:
            content = stream.read(4_000_000)
    except OSError:
        return
    if any(mark in content for mark in marks):
        print("FOUND", path)
for pid in filter(str.isdecimal, os.listdir("/proc")):
    for name in ("environ", "cmdline"):
        look(f"/proc/{pid}/{name}")
    for descriptor in glob.glob(f"/proc/{pid}/fd/*"):
        look(descriptor)
for top in (HOME, DATA, os.getcwd(), "/root", "/home"):
    for folder, _, files in os.walk(top):
        for file in files:
            look(os.path.join(folder, file))
# What cannot be listed may still be opened by whoever knows its name.
for name in KNOWN:
    look(os.path.join(DATA, name))
    for folder, _, files in os.walk(os.path.join(DATA, name)):
        for file in files:
            look(os.path.join(folder, file))
print("SCANNED", os.getuid())
"""
# Everything that mprelease puts into its data folder under a name of its own.
KNOWN = (
    *("master.key", "mprelease.db", "mprelease.db-wal", "mprelease.db-shm", "owner.lock"),
    *("scratch", "scratch/1", "mirrors", "managers", "dependencies", "qr-codes", "workspaces"),
)


def scanner(cli: CommandLine) -> str:
    values = f"DATA={str(cli.data)!r}; HOME={str(cli.folder / 'home')!r}; KNOWN={KNOWN!r}\n"
    return values + SCANNER


def marks(cli: CommandLine) -> str:
    """Parts of both keys, written so that the command line itself is no find."""
    cli.must("releases")  # makes the master key
    lines = [*cli.key.splitlines()[3:6], (cli.data / "master.key").read_text().strip()]
    return " ".join(line.encode().hex() for line in lines)


def released(cli: CommandLine, repository: Path, *options: str) -> str:
    cli.has_app(repository, *options)
    (cli.folder / "private.key").unlink()
    cli.must("preview", "shop")
    return cli.log()


def project(cli: CommandLine, tmp_path: Path, hook: str) -> Path:
    package = {"name": "spy", "version": "1.0.0", "scripts": {"postinstall": hook}}
    return make_repository(
        tmp_path / "spy",
        {
            "scanner.py": scanner(cli),
            "package.json": json.dumps(package),
            "package-lock.json": json.dumps(
                {"name": "spy", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": package}}
            ),
            "app.json": json.dumps({"pages": ["pages/a/a"]}),
            "app.js": "App({})",
            "pages/a/a.js": "Page({})",
            "pages/a/a.wxml": "<view/>",
        },
    )


def scan(cli: CommandLine, tmp_path: Path) -> None:
    hook = f"python3 scanner.py {marks(cli)}"
    repository = project(cli, tmp_path, hook)
    # What a build may ask stays open to it.
    command = f"{hook} && git rev-parse HEAD"
    log = released(cli, repository, "--build-command", command, "--output", ".")
    assert log.count("SCANNED") == 2, log
    assert "FOUND" not in log


@pytest.mark.light_tool
@needs("root", "run the tests as root", there=os.geteuid() == 0)
def test_install_and_build_find_no_key_as_another_user(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("git", "node", "npm", "python3", "sh", "sleep", "env"):
        (programs / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(programs))  # without bwrap
    cli.extra["MPRELEASE_SANDBOX"] = "required"
    scan(cli, tmp_path)
    assert re.search(r"SCANNED 59\d\d\d$", cli.log(), re.MULTILINE)


@pytest.mark.light_tool
@needs("bwrap", "apt-get install -y bubblewrap")
def test_install_and_build_find_no_key_in_bubblewrap(cli: CommandLine, tmp_path: Path) -> None:
    cli.extra["MPRELEASE_SANDBOX"] = "required"
    scan(cli, tmp_path)


@pytest.mark.light_tool
def test_the_scanner_finds_what_is_there_when_nothing_confines_it(
    cli: CommandLine, tmp_path: Path
) -> None:
    cli.extra["MPRELEASE_SANDBOX"] = "off"
    bait = cli.folder / "home" / "bait"
    bait.parent.mkdir(exist_ok=True)
    bait.write_text(cli.key)
    command = f"python3 scanner.py {marks(cli)}"
    repository = project(cli, tmp_path, "true")
    # Unconfined, it would read everything that this machine's users have.
    near = scanner(cli).replace(', "/root", "/home"', "")
    commit(repository, {"scanner.py": near}, "near")
    log = released(cli, repository, "--build-command", command, "--output", ".")
    assert f"FOUND {bait}" in log
    assert f"FOUND {cli.data / 'master.key'}" in log


def test_the_key_is_in_no_log_no_database_and_no_folder_afterwards(
    cli: CommandLine, tmp_path: Path, wechat: WeChat
) -> None:
    repository = project(cli, tmp_path, "true")
    log = released(cli, repository)
    lines = cli.key.splitlines()[1:-1]
    assert not any(line in log for line in lines)  # compressed in the database
    inside = [line.encode() for line in lines]
    for path in cli.data.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(line in content for line in inside), path
    assert wechat.received[0].app_id == APP_ID
