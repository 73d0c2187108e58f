"""A repository that looks for the upload key finds nothing, wherever its code runs."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from mprelease.simulator.wechat import WeChat
from needs import needs
from repositories import make_repository
from team import APP_ID, Team

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("wechat_tool")]

# What a build could try: every variable, command line and descriptor of every process, and every
# file that it can open in the places where secrets usually lie.
HUNTER = r"""
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
print("HUNTED", os.getuid())
"""
# Everything that mprelease puts into its data folder under a name of its own.
KNOWN = (
    *("master.key", "mprelease.db", "mprelease.db-wal", "mprelease.db-shm", "owner.lock"),
    *("scratch", "scratch/1", "mirrors", "managers", "dependencies", "qr-codes", "workspaces"),
)


def hunter(team: Team) -> str:
    values = f"DATA={str(team.data)!r}; HOME={str(team.folder / 'home')!r}; KNOWN={KNOWN!r}\n"
    return values + HUNTER


def marks(team: Team) -> str:
    """Parts of both keys, written so that the command line itself is no find."""
    team.must("releases")  # makes the master key
    lines = [*team.key.splitlines()[3:6], (team.data / "master.key").read_text().strip()]
    return " ".join(line.encode().hex() for line in lines)


def released(team: Team, repository: Path, *options: str) -> str:
    team.has_app(repository, *options)
    (team.folder / "private.key").unlink()
    team.must("preview", "shop")
    return team.log()


def project(team: Team, tmp_path: Path, hook: str) -> Path:
    package = {"name": "spy", "version": "1.0.0", "scripts": {"postinstall": hook}}
    return make_repository(
        tmp_path / "spy",
        {
            "hunter.py": hunter(team),
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


def hunt(team: Team, tmp_path: Path) -> None:
    hook = f"python3 hunter.py {marks(team)}"
    repository = project(team, tmp_path, hook)
    # What a build may ask stays open to it.
    command = f"{hook} && git rev-parse HEAD"
    log = released(team, repository, "--build-command", command, "--output", ".")
    assert log.count("HUNTED") == 2, log
    assert "FOUND" not in log


@pytest.mark.light_tool
@needs("root", "run the tests as root", there=os.geteuid() == 0)
def test_install_and_build_find_no_key_as_another_user(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("git", "node", "npm", "python3", "sh", "sleep", "env"):
        (programs / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(programs))  # without bwrap
    team.extra["MPRELEASE_SANDBOX"] = "required"
    hunt(team, tmp_path)
    assert re.search(r"HUNTED 59\d\d\d$", team.log(), re.MULTILINE)


@pytest.mark.light_tool
@needs("bwrap", "apt-get install -y bubblewrap")
def test_install_and_build_find_no_key_in_bubblewrap(team: Team, tmp_path: Path) -> None:
    team.extra["MPRELEASE_SANDBOX"] = "required"
    hunt(team, tmp_path)


@pytest.mark.light_tool
def test_the_hunter_finds_what_is_there_when_nothing_confines_it(
    team: Team, tmp_path: Path
) -> None:
    team.extra["MPRELEASE_SANDBOX"] = "off"
    bait = team.folder / "home" / "bait"
    bait.parent.mkdir(exist_ok=True)
    bait.write_text(team.key)
    command = f"python3 hunter.py {marks(team)}"
    repository = project(team, tmp_path, "true")
    log = released(team, repository, "--build-command", command, "--output", ".")
    assert f"FOUND {bait}" in log
    assert f"FOUND {team.data / 'master.key'}" in log


def test_the_key_is_in_no_log_no_database_and_no_folder_afterwards(
    team: Team, tmp_path: Path, wechat: WeChat
) -> None:
    repository = project(team, tmp_path, "true")
    log = released(team, repository)
    lines = team.key.splitlines()[1:-1]
    assert not any(line in log for line in lines)  # compressed in the database
    inside = [line.encode() for line in lines]
    for path in team.data.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(line in content for line in inside), path
    assert wechat.received[0].app_id == APP_ID
