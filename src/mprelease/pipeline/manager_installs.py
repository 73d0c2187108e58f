"""Run the package managers of an install, after choosing registries and correcting lock files."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Message, Problem
from mprelease.domain.projects import ProjectSecret
from mprelease.packages import lock_files, yarn_berry
from mprelease.packages.hooks import only_installs
from mprelease.packages.install_plan import (
    OFFLINE_VARIABLES,
    Install,
    download_variables,
    install_command,
    install_variables,
    offline_command,
)
from mprelease.packages.install_view import names_packages
from mprelease.packages.npmrc import for_yarn
from mprelease.packages.registries import Registries
from mprelease.pipeline.commands import Commands
from mprelease.pipeline.install_registries import (
    correct_lock,
    lock_text,
    registry_overrides,
    silent_registry,
    used_registries,
    write_lock,
)
from mprelease.process import plain_files
from mprelease.process.ownership import chown


def install_all(commands: Commands, installs: list[Install]) -> None:
    """Install with the app's own command, or with each package manager; raise StageFailed."""
    run = commands.run
    for each in filter(yarn_berry.wants_plug_and_play, installs):
        run.note("log.no_plug_and_play")
        remove_plug_and_play(each.folder)
    with _private_settings(commands):
        if run.job.app.build.install_command:
            _run_own_command(commands, installs, run.job.app.build.install_command)
            return
        for each in installs:
            _install(commands, each)


def _run_own_command(commands: Commands, installs: list[Install], line: str) -> None:
    # The line may run any of the package managers of the repository.
    variables: dict[str, str] = {}
    for each in installs:
        variables |= {**registry_overrides(commands, each), **_variables(commands, each)}
        used = _registries(commands, each, variables)
        _corrected(commands, each, used)
        silent = silent_registry(commands, each, used, variables) if used else None
        if silent and only_installs(line):
            raise StageFailed(Problem.REGISTRY_UNREACHABLE, host=silent)
    commands.run.log(f"$ {line}")
    folder = commands.place.tree / commands.run.job.app.build.directory
    commands.must(("/bin/sh", "-c", line), folder, **variables)


def remove_plug_and_play(folder: Path) -> None:
    """Remove committed Plug'n'Play files from a project's root, because yarn would use them."""
    for name in yarn_berry.PLUG_AND_PLAY:
        if plain_files.is_plain_file(folder / name):
            (folder / name).unlink()


@contextmanager
def _private_settings(commands: Commands) -> Iterator[None]:
    """Write the project's private .npmrc to HOME, also as .yarnrc.yml, during the block."""
    npmrc = commands.run.job.project_secrets.get(ProjectSecret.NPMRC, "")
    files = {".npmrc": npmrc, ".yarnrc.yml": for_yarn(npmrc)}
    try:
        for name, content in files.items():
            path = commands.place.home / name
            plain_files.write_private(path, content)
            if commands.user is not None:
                chown(path, commands.user)
        yield
    finally:
        for name in files:
            (commands.place.home / name).unlink(missing_ok=True)


def _install(commands: Commands, install: Install) -> None:
    variables = {**registry_overrides(commands, install), **_variables(commands, install)}
    used = _registries(commands, install, variables)
    before = _corrected(commands, install, used)
    if used and _is_installed_offline(commands, install, used, variables):
        return
    try:
        _run_frozen(commands, install, variables, before)
    except StageFailed as failure:
        if failure.problem_detail.problem is not Problem.LOCK_FILE_REFUSED:
            raise
        lock = str(install.lock.relative_to(commands.place.tree)) if install.lock else ""
        warning = Message("warning.lock_refused", {"lock": lock})
        commands.run.warn(warning)
        commands.run.note("log.lock_refused", lock=lock)
        _run(commands, install, variables, frozen=False)


def _registries(
    commands: Commands, install: Install, variables: Mapping[str, str]
) -> Registries | None:
    """Return the registries in use; None if an install needs none, or if they are unknown."""
    if install.lock is None and not names_packages(install.folder):
        return None
    return used_registries(commands, install, variables)


def _is_installed_offline(
    commands: Commands, install: Install, used: Registries, variables: Mapping[str, str]
) -> bool:
    """Install offline from earlier downloads if a registry does not answer; else return False.

    Raise StageFailed(REGISTRY_UNREACHABLE) if that fails and the registry still does not answer.
    """
    silent = silent_registry(commands, install, used, variables)
    if silent is None:
        return False
    commands.run.note("log.registry_silent", host=silent)
    arguments = offline_command(install)
    commands.run.log(f"$ {shlex.join(arguments)}")
    try:
        commands.must(arguments, install.folder, **{**variables, **OFFLINE_VARIABLES})
    except StageFailed as failure:
        if failure.problem_detail.problem is Problem.TIME_LIMIT:
            raise
        if silent_registry(commands, install, used, variables):
            raise StageFailed(Problem.REGISTRY_UNREACHABLE, host=silent) from failure
        return False
    return True


def _corrected(commands: Commands, install: Install, used: Registries | None) -> str | None:
    """Correct the lock file's URLs to the registries in use.

    Return its former content if that may work too, otherwise None.
    """
    if used is None or install.lock is None:
        return None
    if not lock_files.names_addresses(lock_text(install.lock)):
        return None
    return correct_lock(commands, install, used)


def _run_frozen(
    commands: Commands, install: Install, variables: Mapping[str, str], before: str | None
) -> None:
    """Install with the corrected lock file; if packages differ there, with the former one."""
    try:
        _run(commands, install, variables, frozen=install.is_frozen)
    except StageFailed as failure:
        if before is None or failure.problem_detail.problem not in _PACKAGES_DIFFER:
            raise
        assert install.lock is not None
        commands.run.note("log.asking_locked_registries")
        write_lock(commands, install.lock, before)
        _run(commands, install, variables, frozen=install.is_frozen)


def _run(
    commands: Commands, install: Install, variables: Mapping[str, str], *, frozen: bool
) -> None:
    arguments = install_command(install, frozen=frozen)
    commands.run.log(f"$ {shlex.join(arguments)}")
    commands.must(arguments, install.folder, **variables)


def _variables(commands: Commands, install: Install) -> dict[str, str]:
    machine, place = commands.run.machine, commands.place
    return {
        **install_variables(install),
        **download_variables(install, place.seen(place.home)),
        **yarn_berry.variables(
            install, place.seen(install.folder), machine.environment, machine.npm_registry
        ),
    }


_PACKAGES_DIFFER = {Problem.PACKAGE_NOT_FOUND, Problem.PACKAGE_CHANGED}
