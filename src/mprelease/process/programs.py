"""Programs of the machine that mprelease needs: their paths and versions."""

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
class RequiredProgram:
    """A program, and the oldest version that is supported."""

    name: str
    oldest: tuple[int, ...]

    @property
    def oldest_text(self) -> str:
        """Return the oldest version in dotted form."""
        return ".".join(str(part) for part in self.oldest)


GIT = RequiredProgram("git", (2, 32))  # GIT_CONFIG_GLOBAL
NODE = RequiredProgram("node", (20,))
NPM = RequiredProgram("npm", (9,))


@dataclass(frozen=True)
class Program:
    """An installed program."""

    path: str
    version: str

    @property
    def folder(self) -> Path:
        """Return the installation of the program, with links resolved (nvm, Homebrew).

        Builds can read all of it. If the parent of the program's folder is no installation, the
        result is the program's folder: the parent of `~/bin` is the user's home.
        """
        programs = Path(self.path).resolve().parent
        return programs.parent if _is_installation(programs.parent) else programs


def shown_parts(folder: Path) -> tuple[Path, ...]:
    """Return the folders of an installation that are shown to confined commands.

    Others in the same prefix (`etc` in /usr/local) stay hidden.
    """
    if not _is_installation(folder):
        return (folder,)
    # etc/npmrc: npm's global settings (registry, proxy, certificates).
    names = ("bin", "lib", "lib64", "libexec", "include", "share", "etc/npmrc")
    return tuple(folder / name for name in names if (folder / name).exists())


def find(required: RequiredProgram, environment: Mapping[str, str]) -> Program:
    """Find a program on the PATH; raise Refused(TOOL_MISSING) or Refused(TOOL_TOO_OLD)."""
    path = shutil.which(required.name, path=environment.get("PATH"))
    if path is None:
        raise Refused(Problem.TOOL_MISSING, tool=required.name, version=required.oldest_text)
    version = _version(path, environment)
    if _numbers(version) < required.oldest:
        raise Refused(
            Problem.TOOL_TOO_OLD, tool=required.name, found=version, version=required.oldest_text
        )
    return Program(path, version)


def _is_installation(folder: Path) -> bool:
    # HOME has lib/node_modules too if it is npm's prefix.
    home = Path.home().resolve()
    if home == folder or folder in home.parents:
        return False
    return any((folder / name).is_dir() for name in ("lib/node_modules", "include/node"))


def _version(path: str, environment: Mapping[str, str]) -> str:
    return _manifest_version(Path(path).resolve()) or _reported_version(path, environment)


def _manifest_version(program: Path) -> str:
    """Return the version in npm's own package.json, because npm starts slowly; else empty."""
    try:
        package = json.loads((program.parent.parent / "package.json").read_text(encoding="utf-8"))
        return str(package["version"]) if package["name"] == "npm" else ""
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _reported_version(path: str, environment: Mapping[str, str]) -> str:
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
    match = _VERSION.search(answer)
    return match[0] if match else "0"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
