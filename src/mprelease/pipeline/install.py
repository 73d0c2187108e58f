"""The second stage: the dependency set of this commit is there, or is made once and sealed.

An install runs in a place and under a user id of its own, and sees nothing but what the set is
named by: see packages.install_view. Whoever could choose what an install sees beyond that could
choose what others get under the same name.
"""

import platform
import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Message, Problem
from mprelease.domain.projects import ProjectSecret
from mprelease.packages import cache_key, lock_files, manifests, yarn_berry
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
from mprelease.pipeline.links import refuse_outside
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
        run.note("log.no_package_json")
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
        run.note("log.dependencies_there", key=key[:12])
        return True
    if view.whole_tree:
        run.note("log.installed_anew", why=view.why)
    run.dependencies = _installed(run, sets, key, installs, view)
    lock.try_shared()
    return False


def _installs(run: Run) -> list[Install]:
    directory = run.job.app.build.directory
    found = [
        find(run.workspace.tree, str(Path(directory, folder)))
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
        run.note("log.no_plug_and_play")
        remove_plug_and_play(each.folder)
    with _private_settings(run, commands):
        if run.job.app.build.install_command:
            line = run.job.app.build.install_command
            run.say(f"$ {line}")
            # The line may call any of the managers that the repository names.
            variables = {k: v for each in installs for k, v in _variables(commands, each).items()}
            folder = commands.place.tree / run.job.app.build.directory
            commands.must(("/bin/sh", "-c", line), folder, **variables)
            return
        for each in installs:
            _install(run, commands, each)


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
    if install.lock:
        _correct_lock(run, commands, install.lock)
    try:
        _run(run, commands, install, frozen=install.lock is not None)
    except StageFailed as failure:
        if failure.trouble.problem is not Problem.LOCK_FILE_REFUSED:
            raise
        lock = str(install.lock.relative_to(commands.place.tree)) if install.lock else ""
        warning = Message("warning.lock_refused", {"lock": lock})
        run.recorder.warned(warning)
        run.note("log.lock_refused", lock=lock)
        _run(run, commands, install, frozen=False)


def _run(run: Run, commands: Commands, install: Install, *, frozen: bool) -> None:
    arguments = install_command(install, frozen=frozen)
    variables = {**_living_registry(run, commands, install), **_variables(commands, install)}
    run.say(f"$ {shlex.join(arguments)}")
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


def _living_registry(run: Run, commands: Commands, install: Install) -> dict[str, str]:
    """Return what sets the registry in use against a retired one in the project's .npmrc."""
    host = lock_files.retired_host(manifests.text(install.folder / ".npmrc"))
    if host is None:
        return {}
    run.recorder.warned(Message("warning.npmrc_retired", {"host": host}))
    run.note("log.npmrc_retired", host=host)
    return {"npm_config_registry": _registry(commands)}


def _registry(commands: Commands) -> str:
    # Asked outside of the project, whose .npmrc may name another one.
    return commands.answer(("npm", "config", "get", "registry"), commands.place.home)


def _correct_lock(run: Run, commands: Commands, lock: Path) -> None:
    """Point the tree's copy of a lock file from a retired mirror to the registry in use."""
    # What another install ran may have put something else in its place, or a link on the way.
    refuse_outside(lock, commands.place.tree)
    text = plain_files.text(lock, encoding="utf-8", errors="surrogateescape") or ""
    host = lock_files.retired_host(text)
    if host is None:
        return
    corrected = lock_files.corrected(text, _registry(commands))
    if corrected is None:
        return
    plain_files.write_private(lock, corrected)
    if commands.user is not None:
        chown(lock, commands.user)
    name = str(lock.relative_to(commands.place.tree))
    run.recorder.warned(Message("warning.lock_corrected", {"lock": name, "host": host}))
    run.note("log.lock_corrected", name=name, host=host)
