"""The second stage: the dependency set of this commit is there, or is made once and sealed.

An install runs in a place and under a user id of its own, and sees nothing but what the set is
named by: see packages.install_view. Whoever could choose what an install sees beyond that could
choose what others get under the same name.
"""

import platform
import shlex
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Message, Problem
from mprelease.domain.projects import ProjectSecret
from mprelease.packages import cache_key, lock_files, yarn_berry
from mprelease.packages.install_plan import (
    Install,
    download_variables,
    find,
    install_command,
    install_variables,
)
from mprelease.packages.install_view import InstallView, Question, view_of
from mprelease.packages.npmrc import for_yarn
from mprelease.pipeline import managers
from mprelease.pipeline.commands import Commands
from mprelease.pipeline.install_place import InstallPlace
from mprelease.pipeline.install_registries import (
    correct_lock,
    living_registries,
    lock_text,
    used_registries,
    write_lock,
)
from mprelease.pipeline.recipes import install_folders
from mprelease.pipeline.run import Run
from mprelease.process import plain_files
from mprelease.process.build_users import ClaimedUser
from mprelease.process.ownership import chown
from mprelease.workspace.dependency_sets import DependencySet, DependencySets
from mprelease.workspace.layout import key_of

_WEEK_MS = 7 * 24 * 3600 * 1000


def install(run: Run) -> bool:
    """Find or make the dependency set; True when nothing had to be installed."""
    installs = _installs(run)
    if not installs:
        run.say("(no package.json: nothing to install)")
        return False
    run.managers = managers.installed(run, [each.manager for each in installs])
    if not all(each.lock for each in installs):
        run.recorder.warned(Message("warning.not_reproducible"))
    view = view_of(_question(run, installs))
    key = _key(run, installs, view)
    sets = DependencySets(run.workshop.layout.dependency_sets / key_of(run.job.project.repository))
    lock = sets.lock(key)
    run.resources.callback(lock.close)
    run.dependencies = sets.acquire(key, lock, run.stop)
    if run.dependencies:
        run.say(f"(dependencies {key[:12]} are there already)")
        return True
    if view.whole_tree:
        run.say(f"(each commit is installed anew: what this reads is not known: {view.why})")
    run.dependencies = _installed(run, sets, key, installs, view)
    lock.try_shared()
    return False


def _installs(run: Run) -> list[Install]:
    build = run.job.app.build
    found = [
        find(
            run.workspace.tree,
            str(Path(build.directory, folder)),
            has_command=bool(build.install_command),
        )
        for folder in install_folders(run.folder)
    ]
    return list(dict.fromkeys(each for each in found if each))


def _question(run: Run, installs: list[Install]) -> Question:
    build = run.job.app.build
    return Question(run.workspace.tree, installs, build.install_command, build.install_inputs)


def _key(run: Run, installs: list[Install], view: InstallView) -> str:
    assert run.source is not None
    workshop = run.workshop
    registry = {"npm_config_registry": workshop.npm_registry} if workshop.npm_registry else {}
    around = cache_key.Circumstances(
        node_version=workshop.node.version,
        npm_version=workshop.node.npm_version,
        machine=" ".join((platform.system(), platform.machine(), *platform.libc_ver())),
        command=run.job.app.build.install_command or "",
        npmrc=run.job.project_secrets.get(ProjectSecret.NPMRC, ""),
        variables={**workshop.build_variables, **registry},
        age=str(run.job.release.created_at // _WEEK_MS),
        tree_id=run.source.tree_id,
    )
    return cache_key.key(run.workspace.tree, installs, view, around)


def _installed(
    run: Run, sets: DependencySets, key: str, installs: list[Install], view: InstallView
) -> DependencySet:
    """Install in a place of its own, and seal what that has made."""
    with _user(run) as user:
        place = InstallPlace(run, key, user.uid if user else None)
        try:
            place.fill(installs, view)
            _install_all(run, place.commands(), place.moved(installs))
            if user:
                user.clean_up()
            made = place.sealed(sets, key)
            place.keep_store()
        finally:
            place.close()
    return made


def _user(run: Run) -> AbstractContextManager[ClaimedUser | None]:
    users = run.workshop.sandbox.users
    return users.claim() if users else nullcontext()


def _install_all(run: Run, commands: Commands, installs: list[Install]) -> None:
    for each in filter(yarn_berry.wants_plug_and_play, installs):
        run.say("(instead of Plug'n'Play: node_modules, where builds and the platform's tool look)")
        remove_plug_and_play(each.folder)
    with _private_settings(run, commands):
        if run.job.app.build.install_command:
            _install_as_told(commands, installs, run.job.app.build.install_command)
            return
        for each in installs:
            _install(run, commands, each)


def _install_as_told(commands: Commands, installs: list[Install], line: str) -> None:
    # The line may call any of the managers that the repository names.
    variables: dict[str, str] = {}
    for each in installs:
        variables |= {**living_registries(commands, each), **_variables(commands, each)}
        _corrected(commands, each, variables)
    commands.run.say(f"$ {line}")
    folder = commands.place.tree / commands.run.job.app.build.directory
    commands.must(("/bin/sh", "-c", line), folder, **variables)


def remove_plug_and_play(folder: Path) -> None:
    """Remove what a committed Plug'n'Play has at the root of a project: yarn would obey it."""
    for name in yarn_berry.PLUG_AND_PLAY:
        if plain_files.is_plain_file(folder / name):
            (folder / name).unlink()


@contextmanager
def _private_settings(run: Run, commands: Commands) -> Iterator[None]:
    """Let the project's private .npmrc lie in HOME during the block."""
    npmrc = run.job.project_secrets.get(ProjectSecret.NPMRC, "")
    rights = {".npmrc": npmrc, ".yarnrc.yml": for_yarn(npmrc)}
    try:
        for name, content in rights.items():
            path = commands.place.home / name
            plain_files.write_private(path, content)
            if commands.user is not None:
                chown(path, commands.user)
        yield
    finally:
        for name in rights:
            (commands.place.home / name).unlink(missing_ok=True)


def _install(run: Run, commands: Commands, install: Install) -> None:
    variables = {**living_registries(commands, install), **_variables(commands, install)}
    before = _corrected(commands, install, variables)
    try:
        _run_frozen(commands, install, variables, before)
    except StageFailed as failure:
        if failure.trouble.problem is not Problem.LOCK_FILE_REFUSED:
            raise
        lock = str(install.lock.relative_to(commands.place.tree)) if install.lock else ""
        warning = Message("warning.lock_refused", {"lock": lock})
        run.recorder.warned(warning)
        run.say(f"!! {lock} does not fit package.json: going on without it")
        _run(commands, install, variables, frozen=False)


def _corrected(commands: Commands, install: Install, variables: Mapping[str, str]) -> str | None:
    """Let the lock file point to the registries in use; return what it was, if that may work."""
    if install.lock is None or not lock_files.names_addresses(lock_text(install.lock)):
        return None
    used = used_registries(commands, install, variables)
    return correct_lock(commands, install, used) if used else None


def _run_frozen(
    commands: Commands, install: Install, variables: Mapping[str, str], before: str | None
) -> None:
    """Install by the lock file as it was corrected, and if need be as it was before."""
    try:
        _run(commands, install, variables, frozen=install.lock is not None)
    except StageFailed as failure:
        if before is None or failure.trouble.problem not in _NOT_THE_SAME_THERE:
            raise
        assert install.lock is not None
        commands.run.say("!! the registry in use has not what was locked: asking those of the lock")
        write_lock(commands, install.lock, before)
        _run(commands, install, variables, frozen=True)


def _run(
    commands: Commands, install: Install, variables: Mapping[str, str], *, frozen: bool
) -> None:
    arguments = install_command(install, frozen=frozen)
    commands.run.say(f"$ {shlex.join(arguments)}")
    commands.must(arguments, install.folder, **variables)


def _variables(commands: Commands, install: Install) -> dict[str, str]:
    workshop, place = commands.run.workshop, commands.place
    return {
        **install_variables(install),
        **download_variables(install, place.seen(place.home)),
        **yarn_berry.variables(
            install, place.seen(install.folder), workshop.environment, workshop.npm_registry
        ),
    }


_NOT_THE_SAME_THERE = {Problem.PACKAGE_NOT_FOUND, Problem.PACKAGE_CHANGED}
