"""Detect a repository's package manager, and return the commands of its installation."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.packages import manager_versions, manifests, workspaces
from mprelease.process import plain_files
from mprelease.process.plain_files import is_plain_file


class ManagerName(StrEnum):
    """The supported package managers; all can be installed from npm."""

    NPM = "npm"
    PNPM = "pnpm"
    YARN = "yarn"
    YARN_BERRY = "yarn-berry"


@dataclass(frozen=True)
class Manager:
    """A package manager; a `version` of None means the machine's npm."""

    name: ManagerName
    version: str | None

    @property
    def npm_package(self) -> str:
        """Return the npm package that contains it."""
        return "@yarnpkg/cli-dist" if self.name is ManagerName.YARN_BERRY else self.name.value

    @property
    def program(self) -> str:
        """Return the name of its program."""
        return self.name.value.removesuffix("-berry")


@dataclass(frozen=True)
class Install:
    """An installation in `folder`: the app's folder, or the root of its workspace.

    `may_be_completed` allows changes of the lock file, because mprelease has added dependencies to
    the package.json beside it.
    """

    folder: Path
    manager: Manager
    lock: Path | None
    may_be_completed: bool = False

    @property
    def is_frozen(self) -> bool:
        """Return whether there is a lock file that the install must not change."""
        return self.lock is not None and not self.may_be_completed


def find(tree: Path, directory: str, node: str, *, has_command: bool = False) -> Install | None:
    """Return the installation of the app in `directory` of a tree; None without a package.json.

    The version of a detected package manager runs on the version `node` of Node, if any does. If
    the app has its own install command (`has_command`), the manager is detected by lock files only,
    and no package.json is needed. Raise StageFailed(PACKAGE_MANAGER_UNKNOWN, manager) for an
    unsupported package manager.
    """
    app = tree / directory
    if not is_plain_file(app / "package.json") and not has_command:
        return None
    folder = next((each for each in _upwards(tree, app) if _installs_for(each, app)), app)
    try:
        manager = _manager(folder, node)
    except StageFailed:
        if not has_command:
            raise
        manager = _detected(folder, node) or Manager(ManagerName.NPM, None)
    return Install(folder, manager, _lock(folder, manager.name))


def install_command(install: Install, *, frozen: bool) -> tuple[str, ...]:
    """Return the install command, devDependencies included.

    With `frozen` it fails if the lock file does not match; otherwise it may update or create one.
    """
    return (install.manager.program, *_ARGUMENTS[install.manager.name, frozen])


def offline_command(install: Install) -> tuple[str, ...]:
    """Return the command that installs from the download cache only.

    yarn >= 2 needs `OFFLINE_VARIABLES` for that, which the others ignore.
    """
    command = install_command(install, frozen=install.is_frozen)
    return command if install.manager.name is ManagerName.YARN_BERRY else (*command, "--offline")


OFFLINE_VARIABLES = {"YARN_ENABLE_NETWORK": "0"}


def install_variables(install: Install) -> Mapping[str, str]:
    """Return the environment variables of the install.

    npm 12 runs install scripts of dependencies only if package.json allows them. Here they run in
    the sandbox, as up to npm 11, unless the project declares `allowScripts`. Older versions of npm
    ignore the variable; pnpm >= 10 and yarn >= 4.14 keep their own rules.
    """
    declared = "allowScripts" in manifests.parsed(install.folder / "package.json")
    if install.manager.name is not ManagerName.NPM or declared:
        return {}
    return {"npm_config_dangerously_allow_all_scripts": "true"}


def download_variables(install: Install, home: Path) -> Mapping[str, str]:
    """Return the environment variables that keep the download cache in HOME.

    By default pnpm moves its store into the tree if HOME is on another mount, as in the sandbox,
    and yarn 1 uses another HOME when it runs as root.
    """
    if install.manager.name is ManagerName.YARN:
        return {"YARN_CACHE_FOLDER": str(home / ".cache" / "yarn")}
    if install.manager.name is not ManagerName.PNPM:
        return {}
    return manager_settings(
        store_dir=str(home / ".pnpm-store"),
        # With hard links a build could change the store, which other installs use.
        package_import_method="clone-or-copy",
    )


def manager_settings(**settings: str) -> dict[str, str]:
    """Return the environment variables that npm and pnpm read as these settings.

    pnpm >= 11 does not read those of npm.
    """
    prefixes = ("npm_config", "pnpm_config")
    return {f"{each}_{name}": value for each in prefixes for name, value in settings.items()}


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

# A lock file of pnpm or yarn is a choice; a package-lock.json beside it is most likely a mistake.
_LOCKS: tuple[tuple[str, ManagerName], ...] = (
    ("pnpm-lock.yaml", ManagerName.PNPM),
    ("yarn.lock", ManagerName.YARN),
    ("npm-shrinkwrap.json", ManagerName.NPM),
    ("package-lock.json", ManagerName.NPM),
)
_UNKNOWN_LOCKS: Mapping[str, str] = {"bun.lock": "bun", "bun.lockb": "bun"}

_LONGEST_SHOWN = 200
_PACKAGE_MANAGER = re.compile(
    r"(?P<name>npm|pnpm|yarn)@(?P<version>\d[\w.-]{0,99})(\+[\w.-]+)?", re.ASCII
)


def _upwards(tree: Path, app: Path) -> Iterator[Path]:
    yield app
    if app != tree:
        yield from (each for each in app.parents if each == tree or tree in each.parents)


def _installs_for(folder: Path, app: Path) -> bool:
    if folder == app:
        return any((folder / name).is_file() for name in (*dict(_LOCKS), *_UNKNOWN_LOCKS))
    return workspaces.has_member(folder, app.relative_to(folder).as_posix())


def _declared(field: str) -> Manager:
    match = _PACKAGE_MANAGER.fullmatch(field.strip())
    if match is None:
        raise StageFailed(Problem.PACKAGE_MANAGER_UNKNOWN, manager=field[:_LONGEST_SHOWN])
    name, version = ManagerName(match["name"]), match["version"]
    if name is ManagerName.YARN and not version.startswith(("0.", "1.")):
        name = ManagerName.YARN_BERRY
    return Manager(name, version)


def _manager(folder: Path, node: str) -> Manager:
    declared = manifests.parsed(folder / "package.json").get("packageManager")
    if declared:
        return _declared(str(declared))
    if detected := _detected(folder, node):
        return detected
    unknown = next((name for lock, name in _UNKNOWN_LOCKS.items() if (folder / lock).is_file()), "")
    if unknown:
        raise StageFailed(Problem.PACKAGE_MANAGER_UNKNOWN, manager=unknown)
    return Manager(ManagerName.NPM, None)


def _detected(folder: Path, node: str) -> Manager | None:
    lock = next((name for name in dict(_LOCKS) if (folder / name).is_file()), "")
    beginning = plain_files.beginning(folder / lock) if lock else ""
    match dict(_LOCKS).get(lock):
        case ManagerName.NPM:
            return Manager(ManagerName.NPM, manager_versions.npm_for(beginning, node))
        case ManagerName.YARN:
            berry = manager_versions.berry_for(beginning, node)
            name = ManagerName.YARN_BERRY if berry else ManagerName.YARN
            return Manager(name, berry or manager_versions.YARN)
    if lock or (folder / workspaces.PNPM).is_file():
        return Manager(ManagerName.PNPM, manager_versions.pnpm_for(beginning, node))
    return None


def _lock(folder: Path, manager: ManagerName) -> Path | None:
    wanted = ManagerName.YARN if manager is ManagerName.YARN_BERRY else manager
    locks = (folder / name for name, owner in _LOCKS if owner is wanted)
    return next((lock for lock in locks if is_plain_file(lock)), None)
