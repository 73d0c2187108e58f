"""Commands of mprelease in a data folder, with a simulated platform."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from command_server import CommandServer, Request
from forked_program import ForkedProgram
from mprelease.simulator.proxy import Simulator
from mprelease.simulator.wechat import WeChat

APP_ID = "wx0123456789abcdef"


@dataclass(frozen=True)
class Answer:
    """The output of a command, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class CommandLine:
    """One data folder, one registered app id, one key."""

    folder: Path
    tools: Path
    wechat: WeChat
    simulator: Simulator
    key: str
    commands: CommandServer
    extra: dict[str, str] = field(default_factory=dict)
    user: int | None = None
    started: list["subprocess.Popen[str] | ForkedProgram"] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def environment(self) -> Mapping[str, str]:
        """Nothing of this machine but the way to its programs, and an empty HOME."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        kept = ("PATH", "LANG", "MPRELEASE_NPM_REGISTRY")
        return {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "HOME": str(home),
            "USER": "lin",
            "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
            "MPRELEASE_DATA_DIR": str(self.data),
            "MPRELEASE_TOOLS_DIR": str(self.tools),
            "MPRELEASE_VENDOR_PROXY": self.simulator.proxy_url,
            "MPRELEASE_EXTRA_CA_CERTS": str(self.simulator.ca_file),
            **self.extra,
        }

    def run(self, *arguments: str, seconds: float = 240) -> Answer:
        """Run a command to its end."""
        request = Request(arguments, self.environment, str(self.folder), self.user)
        return Answer(*self.commands.run(request, seconds))

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command as a program in a session of its own, as a terminal does."""
        process = subprocess.Popen(
            [sys.executable, "-m", "mprelease", *arguments],
            env=dict(self.environment),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            user=self.user,
            group=self.user,
            extra_groups=[] if self.user else None,
        )
        self.started.append(process)
        return process

    def fork(self, *arguments: str) -> ForkedProgram:
        """Start a command as `start` does, without the time that it takes to load a program."""
        request = Request(arguments, self.environment, str(self.folder), self.user)
        process = self.commands.start(request)
        self.started.append(process)
        return process

    def end(self) -> None:
        """End what a failed test has left running."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def must(self, *arguments: str, seconds: float = 240) -> Answer:
        """Run a command that has to succeed."""
        answer = self.run(*arguments, seconds=seconds)
        assert answer.code == 0, answer.err + answer.out
        return answer

    def has_app(self, repository: Path, *options: str) -> None:
        """Add a project and its one app, `shop`."""
        key_file = self.folder / "private.key"
        key_file.write_text(self.key)
        self.must("project", "add", "web", "--repository", str(repository))
        self.must(
            *("app", "add", "shop", "--project", "web", "--app-id", APP_ID),
            *("--credential-file", str(key_file), *options),
        )

    def log(self, release: int = 1) -> str:
        return self.must("log", str(release)).out


def path_without_bwrap(folder: Path) -> str:
    """Return a PATH on which everything is but bubblewrap: the sandbox falls back to mode user."""
    folder.mkdir()
    for name in ("git", "node", "npm", "python3", "sh", "sleep", "env"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return str(folder)


def wait_until(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Return as soon as something holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def living(mark: str) -> list[int]:
    """Return the processes whose command line holds a mark."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if mark.encode() in command:
                found.append(int(entry.name))
    return found


def interrupt(process: "subprocess.Popen[str] | ForkedProgram") -> None:
    """Press Ctrl-C."""
    process.send_signal(signal.SIGINT)
