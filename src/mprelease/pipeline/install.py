"""The second stage: dependencies are there already, or are installed once and kept."""

import hashlib
import platform
import shlex
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Message, Problem
from mprelease.domain.projects import ProjectSecret
from mprelease.domain.releases import Stage
from mprelease.pipeline import berry, dependency_key, lock_files, managers, manifests
from mprelease.pipeline.commands import Commands
from mprelease.pipeline.links import refuse_outside
from mprelease.pipeline.npmrc import for_yarn
from mprelease.pipeline.package_managers import (
    Install,
    download_variables,
    find,
    install_command,
    install_variables,
)
from mprelease.pipeline.recipes import install_folders
from mprelease.pipeline.run import Run
from mprelease.process import plain_files
from mprelease.workspace.dependencies import Dependencies, changed, outside

_WEEK_MS = 7 * 24 * 3600 * 1000


def install(run: Run) -> bool:
    """Bring the dependencies in place; True when nothing had to be installed."""
    installs = _installs(run)
    dependencies = _dependencies(run)
    if not installs:
        dependencies.discard()
        run.say("(no package.json: nothing to install)")
        return False
    run.managers = managers.installed(run, [each.manager for each in installs])
    if not all(each.lock for each in installs):
        run.recorder.warned(Message("warning.not_reproducible"))
    for each in installs:
        _leave_plug_and_play(run, each)
    key = _key(run, installs)
    if dependencies.bring(key):
        run.say(f"(dependencies {key[:12]} are there already)")
        return True
    commands = Commands(run, Stage.INSTALL)
    commands.hand_over()
    before = _surroundings(run, installs)
    _install_all(run, commands, installs)
    if made := changed(before, _surroundings(run, installs)):
        run.say(f"(not kept for the next release: the install also wrote {_few(made)})")
    else:
        dependencies.keep(key)
    return False


def _installs(run: Run) -> list[Install]:
    directory = run.job.app.build.directory
    found = [
        find(run.workspace.tree, str(Path(directory, folder)))
        for folder in install_folders(run.folder)
    ]
    return list(dict.fromkeys(each for each in found if each))


def _leave_plug_and_play(run: Run, install: Install) -> None:
    if berry.wants_plug_and_play(install):
        run.say("(instead of Plug'n'Play: node_modules, where builds and the platform's tool look)")
    left = (install.folder / name for name in berry.PLUG_AND_PLAY if berry.is_berry(install))
    for path in (path for path in left if plain_files.is_plain_file(path)):
        refuse_outside(path, run.workspace.tree)
        path.unlink()


def _dependencies(run: Run) -> Dependencies:
    pool = run.workshop.layout.dependencies(run.job.project.repository)
    return Dependencies(run.workspace.tree, pool)


def _key(run: Run, installs: list[Install]) -> str:
    """Return the key of everything together; each environment has dependencies of its own."""
    npmrc = run.job.project_secrets.get(ProjectSecret.NPMRC, "")
    around = dependency_key.Circumstances(
        node_version=run.workshop.node.version,
        manager_version=run.workshop.node.npm_version,
        machine=" ".join((platform.system(), platform.machine(), *platform.libc_ver())),
        command=run.job.app.build.install_command or "",
        npmrc=hashlib.sha256(npmrc.encode()).hexdigest(),
        age=str(run.job.release.created_at // _WEEK_MS),
    )
    parts = [dependency_key.key(each, around) for each in installs]
    parts += [str(each.folder.relative_to(run.workspace.tree)) for each in installs]
    parts += [run.job.release.environment]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _surroundings(run: Run, installs: list[Install]) -> frozenset[str]:
    """Return the state of all that an install must leave alone to be kept."""
    # yarn >= 2 alone reads its lock file at each call: the next build needs what was written.
    tree = run.workspace.tree
    locks = (each.folder / "yarn.lock" for each in installs if berry.is_berry(each))
    states = (f"/{lock.relative_to(tree)}\0{plain_files.text(lock)}" for lock in locks)
    return outside(tree) | {*states}


def _install_all(run: Run, commands: Commands, installs: list[Install]) -> None:
    npmrc = run.job.project_secrets.get(ProjectSecret.NPMRC, "")
    rights = {".npmrc": npmrc, ".yarnrc.yml": for_yarn(npmrc)}
    try:
        for name, content in rights.items():
            plain_files.write_private(commands.home / name, content)
        if run.job.app.build.install_command:
            line = run.job.app.build.install_command
            run.say(f"$ {line}")
            # The line may call any of the managers that the repository names.
            variables = {k: v for each in installs for k, v in _variables(commands, each).items()}
            commands.must(("/bin/sh", "-c", line), run.folder, **variables)
            return
        for each in installs:
            _install(run, commands, each)
    finally:
        # The private registry's token is there for the install alone.
        for name in rights:
            (commands.home / name).unlink(missing_ok=True)


def _few(paths: list[str]) -> str:
    return ", ".join([*paths[:3], *(["…"] if paths[3:] else [])])


def _install(run: Run, commands: Commands, install: Install) -> None:
    if install.lock:
        _correct_lock(run, commands, install.lock)
    try:
        _run(run, commands, install, frozen=install.lock is not None)
    except StageFailed as failure:
        if failure.trouble.problem is not Problem.LOCK_FILE_REFUSED:
            raise
        lock = str(install.lock.relative_to(run.workspace.tree)) if install.lock else ""
        warning = Message("warning.lock_refused", {"lock": lock})
        run.recorder.warned(warning)
        run.say(f"!! {lock} does not fit package.json: going on without it")
        _run(run, commands, install, frozen=False)


def _run(run: Run, commands: Commands, install: Install, *, frozen: bool) -> None:
    arguments = install_command(install, frozen=frozen)
    variables = {**_living_registry(run, commands, install), **_variables(commands, install)}
    run.say(f"$ {shlex.join(arguments)}")
    commands.must(arguments, install.folder, **variables)


def _variables(commands: Commands, install: Install) -> dict[str, str]:
    workshop = commands.run.workshop
    return {
        **install_variables(install),
        **download_variables(install, commands.home),
        **berry.variables(install, workshop.environment, workshop.npm_registry),
    }


def _living_registry(run: Run, commands: Commands, install: Install) -> dict[str, str]:
    """Return what sets the registry in use against a retired one in the project's .npmrc."""
    host = lock_files.retired_host(manifests.text(install.folder / ".npmrc"))
    if host is None:
        return {}
    run.recorder.warned(Message("warning.npmrc_retired", {"host": host}))
    run.say(f"!! .npmrc names the retired mirror {host}: using the registry of this machine")
    return {"npm_config_registry": _registry(commands)}


def _registry(commands: Commands) -> str:
    # Asked outside of the project, whose .npmrc may name another one.
    return commands.answer(("npm", "config", "get", "registry"), commands.home)


def _correct_lock(run: Run, commands: Commands, lock: Path) -> None:
    """Point the tree's copy of a lock file from a retired mirror to the registry in use."""
    # What another install ran may have put something else in its place, or a link on the way.
    refuse_outside(lock, run.workspace.tree)
    text = plain_files.text(lock, encoding="utf-8", errors="surrogateescape") or ""
    host = lock_files.retired_host(text)
    if host is None:
        return
    corrected = lock_files.corrected(text, _registry(commands))
    if corrected is None:
        return
    plain_files.write_private(lock, corrected)
    name = str(lock.relative_to(run.workspace.tree))
    run.recorder.warned(Message("warning.lock_corrected", {"lock": name, "host": host}))
    run.say(f"!! {name} points to the retired mirror {host}: installing from a corrected copy")
