"""Publish what an earlier release has built from the same inputs, or keep what this one builds."""

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mprelease.domain.problems import Message
from mprelease.packages import manifests
from mprelease.pipeline.artifact_key import (
    COUNTED,
    counted_values,
    key_of,
    named_in_settings,
)
from mprelease.pipeline.checkout import git_of, repository_of
from mprelease.pipeline.credential_check import take_version
from mprelease.pipeline.recipes import install_folders
from mprelease.pipeline.run import Run
from mprelease.pipeline.staging import Staging, snapshot
from mprelease.process.copying import CopyTooLarge
from mprelease.process.supervisor_protocol import MEBI
from mprelease.source.commit_tree import any_file_has
from mprelease.source.mirror import Mirror
from mprelease.workspace import layout
from mprelease.workspace.artifacts import Artifact, Artifacts, Built
from mprelease.workspace.dependency_sets import DependencySets

_POLL_SECONDS = 0.05
_LARGEST = 256 * MEBI  # What platforms accept is far smaller.


def find(run: Run) -> bool:
    """Use what was built before, and return whether it is there; after `checkout.fetch_ref`."""
    release, artifacts = run.job.release, _artifacts(run)
    if release.build_anew:
        return False
    if release.artifact and _used(run, _named(run, release.artifact)):
        return True
    if run.job.app.build.always_build:
        return False
    keys = (key_of(run, trust) for trust in _trusts(run))
    return any(_used(run, artifacts.of_key(key)) for key in keys)


def wait(run: Run) -> bool:
    """Use what another release is building now from the same inputs; return False if none is.

    Then the caller has to build, and others wait until `keep`, or until the end of the run.
    """
    if run.job.release.build_anew or run.job.app.build.always_build:
        return False
    artifacts, key = _artifacts(run), key_of(run, _trust(run))
    lock = artifacts.build_lock(key)
    run.resources.callback(lock.close)
    if not lock.try_exclusive():
        run.note("log.waiting_for_build")
        while not lock.try_exclusive():
            run.stop.raise_if_asked()
            time.sleep(_POLL_SECONDS)
    # It may have been built while this release was installing or waiting.
    if _used(run, artifacts.of_key(key)):
        lock.release()
        return True
    run.build_lock = lock
    return False


def keep(run: Run) -> None:
    """Store the output of the run's build, for later releases; raise OSError."""
    staging = run.staging
    assert staging is not None

    def fill(content: Path) -> Built:
        copied = snapshot(replace(staging, most=_LARGEST), content, run.stop)
        needed = None if copied.is_complete else staging.dependencies
        return Built(
            output=copied.output,
            dependencies=needed.folder.name if needed else None,
            packages=tuple(sorted(run.packages)),
            node_version=run.node.version if run.runs_node else None,
            warnings=tuple(run.warnings),
            age="" if run.is_reproducible else run.period,
            counted=_counted(run),
            release=run.job.release.id,
        )

    try:
        stored = _artifacts(run).store(key_of(run, _trust(run)), fill)
    except CopyTooLarge as error:
        run.note("log.build_not_stored", mebibytes=error.most // MEBI)
    else:
        run.recorder.built_as(stored.name)
    if run.build_lock:
        run.build_lock.release()


def staging_of(run: Run, output: Path, tree: Path, shown: Path) -> Staging:
    """Return what is published of a build's output in a tree, which the build saw at `shown`."""
    return Staging(
        output,
        run.driver.roots(output),
        tree,
        shown,
        run.dependencies,
        install_folders(output),
        run.most_copied,
        run.driver.packs_only_declared,
    )


def packages_of(folder: Path) -> frozenset[str]:
    """Return the npm packages that the app in a folder depends on at run time."""
    found = (manifests.parsed(folder / each / "package.json") for each in install_folders(folder))
    return frozenset(name for each in found for name in manifests.section(each, "dependencies"))


def _used(run: Run, candidates: Iterable[Artifact]) -> bool:
    """Use the newest artifact that this run would have built itself, and that is whole."""
    artifacts = _artifacts(run)
    for each in sorted(candidates, key=lambda each: each.built.release, reverse=True):
        if not _is_same(run, each.built):
            continue
        lock = artifacts.lock(each)
        run.resources.callback(lock.close)
        if not lock.try_shared() or artifacts.named(each.name) is None:
            continue  # It is being removed.
        if not each.is_whole:
            damaged = Message("warning.artifact_damaged", {"release": each.built.release})
            run.recorder.warned(damaged)
            artifacts.drop(each.folder)
        elif each.built.dependencies is None or _has_dependencies(run, each.built.dependencies):
            _use(run, each)
            return True
    return False


def _is_same(run: Run, built: Built) -> bool:
    if built.counted:
        take_version(run)
    return built.age in {"", run.period} and built.counted == counted_values(
        run, frozenset(built.counted)
    )


def _has_dependencies(run: Run, key: str) -> bool:
    """Use the dependency set of this key, unless it was removed; return whether it is there."""
    folder = run.machine.layout.dependency_sets / layout.key_of(run.job.project.repository)
    sets = DependencySets(folder)
    lock = sets.lock(key)
    run.resources.callback(lock.close)
    run.dependencies = sets.find(key) if lock.try_shared() else None
    return run.dependencies is not None


def _use(run: Run, artifact: Artifact) -> None:
    built, content = artifact.built, artifact.content
    _artifacts(run).use(artifact)
    run.staging = staging_of(run, content / built.output, content, content)
    run.packages = frozenset(built.packages)
    run.is_built_before = True
    run.recorder.built_as(artifact.name)
    if built.node_version:
        run.recorder.chose_node(built.node_version)
    for warning in built.warnings:
        run.recorder.warned(warning)
    run.note("log.built_before", release=built.release)


def _artifacts(run: Run) -> Artifacts:
    folder = run.machine.layout.artifacts / layout.key_of(run.job.project.repository)
    return Artifacts(folder)


def _named(run: Run, name: str) -> tuple[Artifact, ...]:
    """Return the artifact that the release was requested for, if it is still there."""
    artifact = _artifacts(run).named(name)
    return (artifact,) if artifact else ()


def _trusts(run: Run) -> tuple[str, ...]:
    """Return the trusts whose artifacts the run may publish: its own, and its branch's.

    A release of a commit may publish what was built when the commit was the newest of the branch
    that it names.
    """
    name = run.job.release.ref_name
    return (_trust(run), *([f"branch {name}"] if name else []))


def _trust(run: Run) -> str:
    assert run.source is not None
    return run.source.trust


def _counted(run: Run) -> dict[str, str]:
    """Return the variables that the build may have used, with their values."""
    assert run.commit is not None
    mirror = Mirror(git_of(run), repository_of(run))
    is_named = (
        named_in_settings(run)
        or (run.workspace.tree / ".gitmodules").exists()
        or any_file_has(mirror, run.commit.id, COUNTED)
    )
    return dict(counted_values(run, frozenset(COUNTED))) if is_named else {}
