"""The second stage: use the dependency set of this commit, or install and seal it.

An install runs in a workspace and under a user id of its own, and sees only files that are part of
the set's key (packages.install_view). Otherwise other files could change the content that releases
with the same key share.
"""

import platform
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Message, Problem
from mprelease.domain.projects import ProjectSecret
from mprelease.domain.releases import Stage
from mprelease.packages import cache_key
from mprelease.packages.install_plan import (
    Install,
    find,
)
from mprelease.packages.install_view import (
    MODULES,
    InstallRequest,
    InstallView,
    has_committed_modules,
    view_of,
)
from mprelease.pipeline import hbuilderx, node_runtimes, package_managers
from mprelease.pipeline.credential_check import refuse_without_platform
from mprelease.pipeline.install_workspace import InstallWorkspace
from mprelease.pipeline.manager_installs import install_all
from mprelease.pipeline.recipes import install_folders
from mprelease.pipeline.run import Run
from mprelease.process.build_users import ClaimedUser
from mprelease.workspace.dependency_sets import DependencySets
from mprelease.workspace.layout import key_of


def install(run: Run) -> bool:
    """Find or install the dependency set; return True if it existed. Raise StageFailed."""
    tool = complete_hbuilderx(run)
    if tool:
        run.note("log.hbuilderx", version=tool.version)
    run.runs_node = _runs_node(run)
    if run.runs_node:
        node_runtimes.choose(run)
    found = _installs(run)
    if not found:
        run.note("log.no_package_json")
        return False
    installs = _with_tool(run, found) if tool else _without_committed(run, found)
    if not installs:
        return False
    run.managers = package_managers.installed(run, [each.manager for each in installs])
    if not all(each.lock for each in installs) and not hbuilderx.is_pinned(run.folder):
        run.is_reproducible = False
        run.warn(Message("warning.not_reproducible"))
    view = view_of(_request(run, installs))
    key = _key(run, installs, view)
    sets = DependencySets(run.machine.layout.dependency_sets / key_of(run.job.project.repository))
    lock = sets.lock(key)
    run.resources.callback(lock.close)
    run.dependencies = sets.acquire(key, lock, run.stop)
    if run.dependencies:
        run.note("log.dependencies_there", key=key[:12])
        return True
    if sets.is_damaged(key):
        run.recorder.warned(Message("warning.dependencies_damaged"))
    refuse_without_platform(run)
    if view.whole_tree:
        run.note("log.installed_anew", why=view.why)
    _make(run, sets, key, installs, view)
    run.dependencies = sets.share(key, lock, run.stop)
    if run.dependencies is None:
        raise StageFailed(Problem.INTERNAL, detail=f"the dependency set {key} is gone")
    return False


def complete_hbuilderx(run: Run) -> hbuilderx.Toolchain | None:
    """Add the build tool to a project of HBuilderX in the run's tree, unless the app has commands.

    Return None if there was nothing to be added.
    """
    settings = run.job.app.build
    has_command = settings.install_command or settings.build_command
    return None if has_command else hbuilderx.complete(run.folder, run.uid)


def _runs_node(run: Run) -> bool:
    build = run.job.app.build
    commands = (build.install_command, build.build_command, build.dev_build_command)
    return any(commands) or bool(install_folders(run.folder))


def _installs(run: Run) -> list[Install]:
    build = run.job.app.build
    # The app's own command runs in its folder, even without a package.json.
    folders = install_folders(run.folder) or ((".",) if build.install_command else ())
    found = [
        find(
            run.workspace.tree,
            str(Path(build.directory, folder)),
            run.node.version,
            has_command=bool(build.install_command),
        )
        for folder in folders
    ]
    return list(dict.fromkeys(each for each in found if each))


def _with_tool(run: Run, installs: list[Install]) -> list[Install]:
    """Allow the added build tool to be installed into committed node_modules, with a warning."""
    for name in _committed(run, installs).values():
        run.warn(Message("warning.modules_without_tool", {"path": name}))
    if hbuilderx.is_pinned(run.folder):
        # A lock file cannot match the added dependencies, the only ones.
        return [replace(each, lock=None) for each in installs]
    return [replace(each, may_be_completed=True) for each in installs]


def _committed(run: Run, installs: list[Install]) -> Mapping[Install, str]:
    return {
        each: str((each.folder / MODULES).relative_to(run.workspace.tree))
        for each in installs
        if has_committed_modules(each.folder)
    }


def _without_committed(run: Run, installs: list[Install]) -> list[Install]:
    """Omit installs whose node_modules are committed, unless the app has its own command."""
    names = _committed(run, installs)
    if run.job.app.build.install_command:
        for name in names.values():
            run.warn(Message("warning.modules_replaced", {"path": name}))
        return installs
    for name in names.values():
        run.note("log.modules_committed", path=name)
    return [each for each in installs if each not in names]


def _request(run: Run, installs: list[Install]) -> InstallRequest:
    build = run.job.app.build
    return InstallRequest(
        run.workspace.tree,
        installs,
        build.install_command,
        build.install_inputs,
        run.clock(Stage.INSTALL),
    )


def _key(run: Run, installs: list[Install], view: InstallView) -> str:
    assert run.source is not None
    machine = run.machine
    build = run.job.app.build
    registry = {"npm_config_registry": machine.npm_registry} if machine.npm_registry else {}
    inputs = cache_key.KeyInputs(
        node_version=run.node.version,
        npm_version=run.node.npm_version,
        machine=" ".join((platform.system(), platform.machine(), *platform.libc_ver())),
        command=build.install_command or "",
        command_folder=Path(build.directory).as_posix() if build.install_command else "",
        npmrc=run.job.project_secrets.get(ProjectSecret.NPMRC, ""),
        variables={**machine.build_variables, **registry},
        age="" if hbuilderx.is_pinned(run.folder) else run.period,
        tree_id=run.source.tree_id,
        installed_from=build.installed_from,
        on_file=run.clock(Stage.INSTALL),
    )
    return cache_key.key(run.workspace.tree, installs, view, inputs)


def _make(
    run: Run, sets: DependencySets, key: str, installs: list[Install], view: InstallView
) -> None:
    """Install in a temporary workspace, and seal the result."""
    with _user(run) as user:
        place = InstallWorkspace(run, key, user.uid if user else None)
        try:
            place.fill(installs, view)
            install_all(place.commands(), place.moved(installs))
            if user:
                user.clean_up()
                place.close_to_others()
            place.sealed(sets, key)
            place.keep_store()
        finally:
            place.close()


def _user(run: Run) -> AbstractContextManager[ClaimedUser | None]:
    users = run.machine.sandbox.users
    return users.claim() if users else nullcontext()
