"""What a build prints must not steer the terminal of who reads its log (issue 12, number 13)."""

import json
import os
import pty
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update
from typer.main import get_command

from mprelease.application import opened
from mprelease.cli import commands
from mprelease.cli.terminal import sanitized, sanitized_json
from mprelease.domain.logs import LogLine, Position
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, Stage
from mprelease.domain.users import Actor
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, projects, releases
from mprelease.settings.settings import load
from mprelease.storage import logs, tables
from repositories import git, make_repository

pytestmark = pytest.mark.lasting

Call = Callable[..., Any]

ATTACKS = (
    "\x1b]52;c;cm0gLXJmIH4K\x07",
    "\x1b]52;c;cm0gLXJmIH4K\x1b\\",
    "\x9d52;c;cm0=\x9c",
    "\x1b]0;title\x07",
    "\x1b]8;;https://evil.example\x1b\\",
    "\x1b[2J",
    "\x1b[1A\x1b[2K",
    "\x9b2J",
    "\x1b[?1049h",
    "\x1b[6n",
    "\x1bc",
    "\x1b(0",
    "\x1b#8",
    "\x1bP$q\x1b\\",
    "\x1b_hidden\x1b\\",
    "\x1b[31;1\x07m"[:5],
    "\r",
    "\b\b\b",
    "\x07",
    "\x0e",
    "\x0c",
    "\x85",
    "\u202e",
    "\u2066",
    "\u200f",
    "\u2028",
)


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("colours", [True, False])
def test_whatever_steers_a_terminal_is_taken_out(attack: str, *, colours: bool) -> None:
    shown = sanitized(f"a{attack}b", colours=colours)
    assert shown.startswith("a")
    assert not set(shown) & set("\x1b\x07\x08\r\x9b\x9d\x9c\u202e\u2066\u200f\u2028\x85\x0e\x0c")
    assert "52;c" not in shown


def test_colours_stay_on_a_terminal_until_the_line_ends() -> None:
    text = "\x1b[31mred\x1b[0m \x1b[1;38;5;8mgrey\nplain\n"
    assert sanitized(text, colours=True) == "\x1b[31mred\x1b[0m \x1b[1;38;5;8mgrey\x1b[0m\nplain\n"
    assert sanitized(text, colours=False) == "red grey\nplain\n"


def test_tabs_line_feeds_and_every_language_stay() -> None:
    text = "\t小程序 «Größe» 𠮷 🚀👩‍💻 שלום\n"
    assert sanitized(text, colours=False) == text


@given(st.text(alphabet=st.one_of(st.sampled_from("\x1b[]0;mc\x07\\\x9b\n"), st.characters())))
def test_no_text_leaves_a_control_behind(text: str) -> None:
    kept = {"\n", "\t"}
    assert not {c for c in sanitized(text, colours=False) if unicodedata.category(c) == "Cc"} - kept
    coloured = sanitized(text, colours=True)
    assert sanitized(coloured, colours=True) == coloured
    for sequence in coloured.split("\x1b")[1:]:
        assert sequence.startswith("[")
        assert set(sequence[1:].partition("m")[0]) <= set("0123456789;:")


@given(st.text())
def test_json_says_the_same_without_controls(text: str) -> None:
    written = sanitized_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(written) == text
    assert sanitized(written, colours=False) == written


EVIL = "".join(attack for attack in ATTACKS if attack not in "\r\u2028\x85")


@pytest.fixture
def release_id(tmp_path: Path, upload_key: str, call: Call) -> int:
    """Make a release with an evil log, an evil author and an evil end."""
    call("releases")
    application = opened(load())
    services, who = application.services, Actor(f"林{EVIL}")
    projects.add(
        services, who, ProjectChange(name="web", repository="/srv/web.git", default_branch="main")
    )
    new = AppChange(
        name="shop", platform_app_id="wx0123456789abcdef", credential=upload_key.encode()
    )
    apps.add(services, who, "web", Platform.WECHAT, new)
    wanted = ReleaseRequest(app="shop", kind=Kind.PREVIEW)
    number = releases.request(services, who, wanted)
    line = LogLine(Position(1, 1), 1, Stage.BUILD, f"\x1b[32mbuilt{EVIL}\tend")
    with services.database.writing() as db:
        logs.append(db, number, [line])
    releases.cancel(services, who, number)
    application.close()
    return number


def on_a_terminal(*arguments: str) -> bytes:
    """Return what a command writes on a terminal of its own."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "mprelease", *arguments]
    done = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ})
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 65536):
            written += chunk
    except OSError:
        pass  # Nobody has the other side any more.
    os.close(ours)
    assert done.wait() == 0
    return written


@pytest.mark.parametrize("options", [(), ("--follow",)])
def test_a_log_on_a_terminal_has_colours_alone(release_id: int, options: tuple[str, ...]) -> None:
    written = on_a_terminal("log", str(release_id), *options).decode()
    assert "\x1b[32mbuilt" in written
    left = written.replace("\x1b[32m", "").replace("\x1b[0m", "").replace("\r\n", "\n")
    assert left == sanitized(left, colours=False)


def test_a_list_on_a_terminal_and_elsewhere_is_harmless(release_id: int, call: Call) -> None:
    for written in (on_a_terminal("releases").decode(), call("releases").out):
        assert "shop" in written
        left = written.replace("\r\n", "\n")
        assert left == sanitized(left, colours=False)


def test_in_a_pipe_there_is_no_control_but_tab(release_id: int, call: Call) -> None:
    written = call("log", str(release_id)).out
    assert written.startswith("built")
    assert written.endswith("\tend\n")
    assert written == sanitized(written, colours=False)


def test_in_an_error_there_is_none_either(call: Call) -> None:
    answer = call("app", "show", f"shop{EVIL}")
    assert "shop" in answer.err
    assert answer.err == sanitized(answer.err, colours=False)


STAYING = {"serve", "worker", "demo"}
"""They go on until they are ended; what they write passes through the same streams."""

# With each command arguments that make it say as much of foreign text as it can.
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "again": (EVIL,),
    "app add": (f"new{EVIL}", "--project", "web", "--app-id", "wx1", "--credential-file", "key"),
    "app board": ("shop",),
    "app check": (f"shop{EVIL}",),
    "app edit": ("shop", "--setting", f"es6{EVIL}=1"),
    "app last-version": (f"shop{EVIL}",),
    "app list": (),
    "app remove": (f"shop{EVIL}",),
    "app show": ("shop",),
    "app trial": ("shop", "--robot", "2"),
    "backup": (f"/dev/null/{EVIL}",),
    "cancel": ("{id}",),
    "cleanup": ("--dry-run",),
    "doctor": (),
    "healthcheck": ("--worker",),
    "log": ("{id}",),
    "preview": ("shop", "--ref", f"main{EVIL}"),
    "project add": (f"web{EVIL}", "--repository", f"/srv/{EVIL}"),
    "project board": ("web",),
    "project commits": ("web",),
    "project edit": ("web", "--branch", f"main{EVIL}"),
    "project list": (),
    "project refs": ("web",),
    "project remove": (f"web{EVIL}",),
    "project show": ("web",),
    "release finish": ("{id}",),
    "release keep": ("{id}",),
    "release resolve": ("{id}", "--published", EVIL),
    "releases": (),
    "restore": (f"missing{EVIL}",),
    "tools install": (EVIL,),
    "upload": ("shop", "--description", EVIL, "--version", f"1{EVIL}"),
    "user reset-password": (f"admin{EVIL}",),
    "workers": (),
    "workers address": (EVIL,),
    "workers drain": (f"worker{EVIL}",),
    "workers resume": (f"worker{EVIL}",),
}


def commands_of(command: Any, *names: str) -> Iterator[str]:
    inner = getattr(command, "commands", {})
    if not inner or (names and command.invoke_without_command):
        yield " ".join(names)
    for name, each in inner.items():
        yield from commands_of(each, *names, name)


def test_every_command_is_walked() -> None:
    """Issue 12, number 13."""
    assert {*ARGUMENTS} == {*commands_of(get_command(commands()))} - STAYING


@pytest.fixture
def spoilt(release_id: int, tmp_path: Path, call: Call) -> int:
    """Let everything that others write hold escapes: commits, branches, errors, warnings."""
    repository = make_repository(tmp_path / "repository", {"a": ""}, f"feat{EVIL}")
    git(repository, "branch", "feature/\u202eevil")
    assert call("project", "edit", "web", "--repository", str(repository)).code == 0
    application = opened(load())
    commit = {"id": "c" * 40, "author": f"林{EVIL}", "subject": f"feat{EVIL}", "time": 1}
    error = {"problem": "internal", "parameters": {"detail": f"why{EVIL}"}}
    warning = {"id": "warning.record_incomplete", "parameters": {"detail": f"why{EVIL}"}}
    values = {
        "commit": commit,
        "error": error,
        "warnings": [warning],
        "state": "failed",
        "ref": f"main{EVIL}",
        "description": EVIL,
        "failed_stage": "build",
    }
    with application.services.database.writing() as db:
        db.connection.execute(update(tables.releases).values(**values))
    application.close()
    return release_id


@pytest.mark.parametrize("command", ARGUMENTS)
@pytest.mark.parametrize("json", [False, True], ids=["text", "json"])
def test_no_command_passes_on_what_steers_a_terminal(
    spoilt: int, command: str, call: Call, *, json: bool
) -> None:
    """Issue 12, number 13."""
    given = [each.replace("{id}", str(spoilt)) for each in ARGUMENTS[command]]
    answer = call(*command.split(), *given, *(["--json"] if json else []))
    assert answer.out + answer.err
    for written in (answer.out, answer.err):
        assert written == sanitized(written, colours=False)
