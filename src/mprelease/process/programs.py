"""The programs of the machine that mprelease needs: where they are, and in which version."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem

_VERSION = re.compile(r"\d+(?:\.\d+)+")
_SECONDS = 20


@dataclass(frozen=True)
class Wanted:
    """A program, the oldest version that will do, and the hint how to get it."""

    name: str
    oldest: tuple[int, ...]

    @property
    def oldest_text(self) -> str:
        """Return the oldest version as people write it."""
        return ".".join(str(part) for part in self.oldest)


GIT = Wanted("git", (2, 32))  # GIT_CONFIG_GLOBAL
NODE = Wanted("node", (20,))
NPM = Wanted("npm", (9,))


@dataclass(frozen=True)
class Program:
    """A program that is there."""

    path: str
    version: str

    @property
    def folder(self) -> Path:
        """Return the installation that the program belongs to, links followed (nvm, Homebrew).

        Builds may read all of it, so it is the program's own folder where the one above is none:
        above `~/bin` lies everything that the user has.
        """
        programs = Path(self.path).resolve().parent
        return programs.parent if _is_installation(programs.parent) else programs


def shown_parts(folder: Path) -> tuple[Path, ...]:
    """Return what confined commands see of an installation: its programs and libraries.

    Whatever else lies in the same folder (`etc` of a prefix such as /usr/local) is not shown.
    """
    if not _is_installation(folder):
        return (folder,)
    # npm's settings for the whole machine: registry, proxy, certificates.
    names = ("bin", "lib", "lib64", "libexec", "include", "share", "etc/npmrc")
    return tuple(folder / name for name in names if (folder / name).exists())


def find(wanted: Wanted, environment: Mapping[str, str]) -> Program:
    """Find a program on the PATH; raise Refused when it is missing or too old."""
    path = shutil.which(wanted.name, path=environment.get("PATH"))
    if path is None:
        raise Refused(Problem.TOOL_MISSING, tool=wanted.name, version=wanted.oldest_text)
    version = _version(path, environment)
    if _numbers(version) < wanted.oldest:
        raise Refused(
            Problem.TOOL_TOO_OLD, tool=wanted.name, found=version, version=wanted.oldest_text
        )
    return Program(path, version)


def _is_installation(folder: Path) -> bool:
    # Who sets npm's prefix to HOME has lib/node_modules there as well.
    home = Path.home().resolve()
    if home == folder or folder in home.parents:
        return False
    return any((folder / name).is_dir() for name in ("lib/node_modules", "include/node"))


def _version(path: str, environment: Mapping[str, str]) -> str:
    return _written_version(Path(path).resolve()) or _told_version(path, environment)


def _written_version(program: Path) -> str:
    """Return the version that stands in a program's own package.json: npm starts slowly."""
    try:
        package = json.loads((program.parent.parent / "package.json").read_text(encoding="utf-8"))
        return str(package["version"]) if package["name"] == "npm" else ""
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _told_version(path: str, environment: Mapping[str, str]) -> str:
    try:
        answer = subprocess.run(
            [path, "--version"],
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        answer = ""
    found = _VERSION.search(answer)
    return found[0] if found else "0"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
