"""Commands for the tests, and looks at who is alive."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from mprelease.domain.errors import ReleaseCanceled
from mprelease.process.command import Command
from mprelease.process.tree import Exit, Running, Stop, run, start

PATH = os.defpath


def shell(
    script: str,
    folder: Path = Path("/"),
    time_limit: float = 20,
    environment: Mapping[str, str] | None = None,
    user: int | None = None,
) -> Command:
    """Return a command that runs a shell script."""
    given = {"PATH": PATH, **(environment or {})}
    return Command(("/bin/sh", "-c", script), folder, given, time_limit, user)


def python(script: str, *arguments: str, folder: Path = Path("/")) -> Command:
    """Return a command that runs a Python script."""
    words = (sys.executable, "-I", "-c", script, *arguments)
    return Command(words, folder, {"PATH": PATH}, 20)


def output(command: Command) -> tuple[Exit, list[str]]:
    """Run a command; return how it ended and its lines."""
    lines: list[str] = []
    return run(command, stop=Stop(), on_line=lines.append), lines


def wait_until(claim: Callable[[], bool], seconds: float = 5) -> None:
    """Return when a claim holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def living(mark: str) -> list[int]:
    """Return the processes whose command line holds a mark, zombies apart."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


class FollowedRelease:
    """A running command, with its lines so far."""

    def __init__(self, command: Command) -> None:
        """Start it."""
        self.stop = Stop()
        self.lines: list[str] = []
        self.running: Running = start(command, stop=self.stop, on_line=self.lines.append)

    def cancel(self) -> tuple[Exit, float]:
        """End it; return how that went, and the seconds that it took."""
        began = time.monotonic()
        self.stop.ask(ReleaseCanceled())
        ended = self.running.wait()
        return ended, time.monotonic() - began
