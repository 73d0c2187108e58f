"""The third stage: the project's own build, in the sandbox, without any credential."""

import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Stage
from mprelease.packages import yarn_berry
from mprelease.packages.install_plan import ManagerName, find, manager_settings
from mprelease.packages.install_view import MODULES
from mprelease.pipeline.build_dependencies import BuildDependencies
from mprelease.pipeline.build_reuse import keep, packages_of, staging_of, wait
from mprelease.pipeline.bundler_caches import compared, offer, switch_on
from mprelease.pipeline.checkout import place_anew
from mprelease.pipeline.commands import (
    Commands,
    close_workspace,
    fresh_folders,
    release_variables,
)
from mprelease.pipeline.install import complete_hbuilderx
from mprelease.pipeline.manager_installs import remove_plug_and_play
from mprelease.pipeline.output_search import made_since
from mprelease.pipeline.plain_content import refuse_pointers
from mprelease.pipeline.recipes import Recipe, recipe_of
from mprelease.pipeline.run import Run
from mprelease.pipeline.symlinks import refuse_links_outside, refuse_outside


def build(run: Run) -> bool:
    """Build the app, or use what was built before, and return whether it was.

    Raise StageFailed.
    """
    if run.is_built_before or wait(run):
        assert run.staging is not None
        run.driver.validate_output(run.staging.built, run.job.app.project_type)
        return True
    recipe = recipe_of(run.folder, run.job.app, run.job.release.environment, run.node.version)
    output, caches = _built(run, recipe)
    if caches.is_to_be_compared:
        output = compared(run, output, lambda: _built_cold(run, recipe))
    run.driver.validate_output(output, run.job.app.project_type)
    tree = run.workspace.tree
    run.staging = staging_of(run, output, tree, run.workspace.seen(tree))
    run.packages = packages_of(run.folder)
    if recipe.build_command:
        keep(run)
    return False


def _built(run: Run, recipe: Recipe, *, cold: bool = False) -> tuple[Path, BuildDependencies]:
    """Run the build command, and return the folder of its output; `cold` is without caches."""
    started = time.time()
    fresh_folders(run.workspace, run.uid)
    switch_on(run)
    caches = BuildDependencies(run, cold=cold)
    with caches.laid() as mounts, _exclusive(run):
        variables = {**release_variables(run), **_variables(run, recipe)}
        commands = Commands(run, Stage.BUILD, run.workspace, run.uid, mounts, variables)
        if recipe.build_command:
            run.log(f"$ {recipe.build_command}")
            # The command is a shell line of the app's settings, with node_modules/.bin in PATH.
            line = f"PATH={shlex.quote(_modules(run))}:$PATH; {recipe.build_command}"
            commands.must(("/bin/sh", "-c", line), run.folder)
        else:
            run.note("log.no_build_command")
    output = _output(run, run.folder / recipe.output, commands, started)
    if not caches.has_cached:
        offer(run, recipe, time.time() - started)
    return output, caches


def _built_cold(run: Run, recipe: Recipe) -> Path:
    place_anew(run)
    complete_hbuilderx(run)
    output, _ = _built(run, recipe, cold=True)
    return output


@contextmanager
def _exclusive(run: Run) -> Iterator[None]:
    """End all processes of the slot's user id before and after the block.

    Afterwards no other user has write access to the workspace.
    """
    if run.user is None:
        yield
        return
    run.user.clean_up()
    try:
        yield
    finally:
        run.user.clean_up()
        close_workspace(run.workspace)


def _variables(run: Run, recipe: Recipe) -> Mapping[str, str]:
    memory = run.job.app.build.node_memory or run.machine.limits.node_memory
    options = f"{recipe.variables.get('NODE_OPTIONS', '')} --max-old-space-size={memory}"
    return {**_manager_variables(run), **recipe.variables, "NODE_OPTIONS": options.strip()}


def _manager_variables(run: Run) -> Mapping[str, str]:
    # A build may run yarn, which must find the installed packages.
    settings = run.job.app.build
    has_command = bool(settings.install_command)
    install = find(
        run.workspace.tree, settings.directory, run.node.version, has_command=has_command
    )
    if install is None:
        return {}
    # pnpm >= 10 would try to complete the dependency set, which is read-only.
    settings_of_pnpm = manager_settings(verify_deps_before_run="false")
    if install.manager.name is ManagerName.PNPM:
        return settings_of_pnpm
    if yarn_berry.wants_plug_and_play(install):
        remove_plug_and_play(install.folder)
    machine, folder = run.machine, run.workspace.seen(install.folder)
    return yarn_berry.variables(install, folder, machine.environment, machine.npm_registry)


def _modules(run: Run) -> str:
    tree = run.workspace.tree
    inside = [folder for folder in (run.folder, *run.folder.parents) if folder.is_relative_to(tree)]
    return ":".join(str(run.workspace.seen(each) / MODULES / ".bin") for each in inside)


def _output(run: Run, output: Path, commands: Commands, started: float) -> Path:
    refuse_outside(output, run.workspace.tree)
    if not output.is_dir() or not any(output.iterdir()):
        # Some tools (webpack 4 with a new Node) fail with exit code 0; the log shows the failure.
        commands.raise_if_known(code=0)
        wanted = str(output.relative_to(run.folder))
        if made := made_since(run.folder, started):
            raise StageFailed(Problem.OUTPUT_ELSEWHERE, output=wanted, found=made)
        raise StageFailed(Problem.OUTPUT_MISSING, output=wanted)
    tree = run.workspace.tree
    for root in run.driver.roots(output):
        refuse_links_outside(root, tree, run.workspace.seen(tree), run.stop.raise_if_asked)
        refuse_pointers(root)
    return output
