"""Recognise a repository's package manager, and how its dependencies are installed."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.packages import manifests, workspaces
from mprelease.process import plain_files
from mprelease.process.plain_files import is_plain_file


class ManagerName(StrEnum):
    """The package managers that can be installed from npm."""

    NPM = "npm"
    PNPM = "pnpm"
    YARN = "yarn"
    YARN_BERRY = "yarn-berry"


@dataclass(frozen=True)
class Manager:
    """One package manager: `version` as npm takes it, or None for the npm that is there."""

    name: ManagerName
    version: str | None

    @property
    def npm_package(self) -> str:
        """Return the npm package that brings it."""
        return "@yarnpkg/cli-dist" if self.name is ManagerName.YARN_BERRY else self.name.value

    @property
    def program(self) -> str:
        """Return the name by which it is called."""
        return self.name.value.removesuffix("-berry")


@dataclass(frozen=True)
class Install:
    """Where an app's dependencies are installed: the app's folder, or its workspace's root.

    A lock file `may_be_completed` where we have added to the package.json beside it.
    """

    folder: Path
    manager: Manager
    lock: Path | None
    may_be_completed: bool = False

    @property
    def is_frozen(self) -> bool:
        """Tell whether there is a lock file that nothing may be added to."""
        return self.lock is not None and not self.may_be_completed


def find(tree: Path, directory: str, *, has_command: bool = False) -> Install | None:
    """Return how the app in `directory` of a tree is installed; None without a package.json.

    Raise StageFailed(PACKAGE_MANAGER_UNKNOWN, manager) for one that npm cannot bring, unless the
    app has an install command of its own (`has_command`): then the files beside it decide, and no
    package.json is needed.
    """
    app = tree / directory
    if not is_plain_file(app / "package.json") and not has_command:
        return None
    folder = next((each for each in _upwards(tree, app) if _installs_for(each, app)), app)
    try:
        manager = _manager(folder)
    except StageFailed:
        if not has_command:
            raise
        manager = _told_by_files(folder) or Manager(ManagerName.NPM, None)
    return Install(folder, manager, _lock(folder, manager.name))


def install_command(install: Install, *, frozen: bool) -> tuple[str, ...]:
    """Return the command that installs, devDependencies always included.

    `frozen` takes the lock file as the law; otherwise it may be completed, or be missing.
    """
    return (install.manager.program, *_ARGUMENTS[install.manager.name, frozen])


def offline_command(install: Install) -> tuple[str, ...]:
    """Return the command that installs from what was downloaded before, and from nowhere else.

    yarn >= 2 wants a variable for that, `OFFLINE_VARIABLES`, which no other minds.
    """
    command = install_command(install, frozen=install.is_frozen)
    return command if install.manager.name is ManagerName.YARN_BERRY else (*command, "--offline")


OFFLINE_VARIABLES = {"YARN_ENABLE_NETWORK": "0"}


def install_variables(install: Install) -> Mapping[str, str]:
    """Return what the install needs in its environment.

    npm 12 runs no install script of a dependency that package.json does not allow. Here they run
    in the sandbox, as they did up to npm 11, unless the project declares `allowScripts`. Older
    versions of npm ignore the variable; pnpm >= 10 and yarn >= 4.14 keep their own rules.
    """
    declared = "allowScripts" in manifests.parsed(install.folder / "package.json")
    if install.manager.name is not ManagerName.NPM or declared:
        return {}
    return {"npm_config_dangerously_allow_all_scripts": "true"}


def download_variables(install: Install, home: Path) -> Mapping[str, str]:
    """Return what keeps downloads in HOME, from where the next install takes them.

    pnpm moves its store into the tree where HOME is mounted apart, as the sandbox does; yarn 1
    looks for a HOME of its own when it runs as root.
    """
    if install.manager.name is ManagerName.YARN:
        return {"YARN_CACHE_FOLDER": str(home / ".cache" / "yarn")}
    if install.manager.name is not ManagerName.PNPM:
        return {}
    return {
        "npm_config_store_dir": str(home / ".pnpm-store"),
        # Hard links would let a build write into the store, from where others install.
        "npm_config_package_import_method": "clone-or-copy",
    }


_ARGUMENTS: Mapping[tuple[ManagerName, bool], tuple[str, ...]] = {
    (ManagerName.NPM, True): ("ci", "--include=dev", "--no-audit", "--no-fund"),
    (ManagerName.NPM, False): ("install", "--include=dev", "--no-audit", "--no-fund"),
    (ManagerName.PNPM, True): ("install", "--frozen-lockfile", "--prod=false"),
    (ManagerName.PNPM, False): ("install", "--no-frozen-lockfile", "--prod=false"),
    (ManagerName.YARN, True): (
        "install",
        "--frozen-lockfile",
        "--production=false",
        "--non-interactive",
    ),
    (ManagerName.YARN, False): ("install", "--production=false", "--non-interactive"),
    (ManagerName.YARN_BERRY, True): ("install", "--immutable"),
    (ManagerName.YARN_BERRY, False): ("install", "--no-immutable"),
}

# Whoever has a lock of pnpm or yarn chose it; a package-lock.json beside it is a slip of the hand.
_LOCKS: tuple[tuple[str, ManagerName], ...] = (
    ("pnpm-lock.yaml", ManagerName.PNPM),
    ("yarn.lock", ManagerName.YARN),
    ("npm-shrinkwrap.json", ManagerName.NPM),
    ("package-lock.json", ManagerName.NPM),
)
_UNKNOWN_LOCKS: Mapping[str, str] = {"bun.lock": "bun", "bun.lockb": "bun"}

# The newest version that takes a lock file of this format as the law, and runs on Node 20
# (measured with npm's versions of 2026-11): every other format is refused or rewritten.
_PNPM_BY_LOCK: Mapping[str, str] = {"5": "7.33.7", "6": "8.15.9", "9": "10.34.9"}
_BERRY_BY_LOCK: Mapping[str, str] = {
    "4": "2.4.2",
    "5": "3.8.7",
    "6": "3.8.7",
    "8": "4.13.0",
    "9": "4.14.1",
    "10": "4.18.1",
}
_PNPM, _YARN, _BERRY = "10.34.9", "1.22.22", "4.18.1"

_PNPM_FORMAT = re.compile(r"""^["']?lockfileVersion["']? *: *["']?(\d+)""", re.MULTILINE)
_BERRY_FORMAT = re.compile(r"^__metadata:\s+version: *(\d+)", re.MULTILINE)
_ASKED = re.compile(r"(?P<name>npm|pnpm|yarn)@(?P<version>\d[\w.-]*)(\+[\w.-]+)?")


def _upwards(tree: Path, app: Path) -> Iterator[Path]:
    yield app
    if app != tree:
        yield from (each for each in app.parents if each == tree or tree in each.parents)


def _installs_for(folder: Path, app: Path) -> bool:
    if folder == app:
        return any((folder / name).is_file() for name in (*dict(_LOCKS), *_UNKNOWN_LOCKS))
    return workspaces.has_member(folder, app.relative_to(folder).as_posix())


def _asked(field: str) -> Manager:
    asked = _ASKED.fullmatch(field.strip())
    if asked is None:
        raise StageFailed(Problem.PACKAGE_MANAGER_UNKNOWN, manager=field)
    name, version = ManagerName(asked["name"]), asked["version"]
    if name is ManagerName.YARN and not version.startswith(("0.", "1.")):
        name = ManagerName.YARN_BERRY
    return Manager(name, version)


def _manager(folder: Path) -> Manager:
    asked = manifests.parsed(folder / "package.json").get("packageManager")
    if asked:
        return _asked(str(asked))
    if found := _told_by_files(folder):
        return found
    unknown = next((name for lock, name in _UNKNOWN_LOCKS.items() if (folder / lock).is_file()), "")
    if unknown:
        raise StageFailed(Problem.PACKAGE_MANAGER_UNKNOWN, manager=unknown)
    return Manager(ManagerName.NPM, None)


def _told_by_files(folder: Path) -> Manager | None:
    name = next((name for lock, name in _LOCKS if (folder / lock).is_file()), None)
    if name is ManagerName.NPM:
        return Manager(name, None)
    if name is ManagerName.YARN:
        return _yarn(plain_files.beginning(folder / "yarn.lock"))
    if name is ManagerName.PNPM or (folder / workspaces.PNPM).is_file():
        found = _PNPM_FORMAT.search(plain_files.beginning(folder / "pnpm-lock.yaml"))
        return Manager(ManagerName.PNPM, _PNPM_BY_LOCK.get(found[1] if found else "", _PNPM))
    return None


def _yarn(lock: str) -> Manager:
    berry = _BERRY_FORMAT.search(lock)
    if berry is None:
        return Manager(ManagerName.YARN, _YARN)
    return Manager(ManagerName.YARN_BERRY, _BERRY_BY_LOCK.get(berry[1], _BERRY))


def _lock(folder: Path, manager: ManagerName) -> Path | None:
    wanted = ManagerName.YARN if manager is ManagerName.YARN_BERRY else manager
    locks = (folder / name for name, whose in _LOCKS if whose is wanted)
    return next((lock for lock in locks if is_plain_file(lock)), None)
