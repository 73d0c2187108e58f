"""Publish what an earlier release has built from the same inputs, or keep what this one builds."""

from collections.abc import Iterable, Iterator
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
from mprelease.source.commit_tree import any_file_has
from mprelease.source.mirror import Mirror
from mprelease.workspace import layout
from mprelease.workspace.artifacts import Artifact, Artifacts, Built
from mprelease.workspace.dependency_sets import DependencySets
from mprelease.workspace.entry_lock import EntryLock, found_or_locked


def find(run: Run) -> bool:
    """Use what was built before, if it is there; return whether it is. After `checkout.fetched`."""
    release, artifacts = run.job.release, _artifacts(run)
    if release.build_anew:
        return False
    if release.artifact and _found(run, artifacts.lock_of(release.artifact), _named(run)):
        return True
    if run.job.app.build.always_build:
        return False
    return any(
        _found(run, artifacts.lock(key), artifacts.of_key(key))
        for key in (key_of(run, trust) for trust in _trusts(run))
    )


def wait(run: Run) -> bool:
    """Use what another release is building now from the same inputs; return False if none is.

    Then the caller has to build, and others wait until `keep`, or until the end of the run.
    """
    if run.job.release.build_anew or run.job.app.build.always_build:
        return False
    artifacts, key = _artifacts(run), key_of(run, _trust(run))
    lock = artifacts.lock(key)
    run.resources.callback(lock.close)
    if not lock.try_exclusive():
        run.note("log.waiting_for_build")
    found = found_or_locked(lock, lambda: _fitting(run, artifacts.of_key(key)), run.stop)
    if found is None:
        run.artifact_lock = lock
        return False
    _use(run, found)
    return True


def keep(run: Run) -> None:
    """Store the output of the run's build, for later releases. Raise OSError and CopyTooLarge."""
    staging = run.staging
    assert staging is not None

    def fill(content: Path) -> Built:
        copied = snapshot(staging, content, run.stop)
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

    stored = _artifacts(run).store(key_of(run, _trust(run)), fill)
    run.recorder.built_as(stored.name)
    if run.artifact_lock:
        run.artifact_lock.release()


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
    )


def packages_of(folder: Path) -> frozenset[str]:
    """Return the npm packages that the app in a folder depends on at run time."""
    found = (manifests.parsed(folder / each / "package.json") for each in install_folders(folder))
    return frozenset(name for each in found for name in manifests.section(each, "dependencies"))


def _found(run: Run, lock: EntryLock, candidates: Iterable[Artifact]) -> bool:
    run.resources.callback(lock.close)
    if lock.try_shared() and (found := _fitting(run, candidates)):
        _use(run, found)
        return True
    lock.release()
    return False


def _fitting(run: Run, candidates: Iterable[Artifact]) -> Artifact | None:
    """Return the newest artifact that this run would have built itself, and that is whole."""
    for each in sorted(candidates, key=lambda each: each.built.release, reverse=True):
        if not _is_same(run, each.built):
            continue
        if not each.is_whole:
            damaged = Message("warning.artifact_damaged", {"release": each.built.release})
            run.recorder.warned(damaged)
            _artifacts(run).drop(each.folder)
        elif each.built.dependencies is None or _has_dependencies(run, each.built.dependencies):
            return each
    return None


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


def _named(run: Run) -> Iterator[Artifact]:
    """Yield the artifact that the release was requested for."""
    name = run.job.release.artifact
    if name and (artifact := _artifacts(run).named(name)):
        yield artifact


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
        bool(named_in_settings(run))
        or (run.workspace.tree / ".gitmodules").exists()
        or any_file_has(mirror, run.commit.id, COUNTED)
    )
    return dict(counted_values(run, frozenset(COUNTED))) if is_named else {}
