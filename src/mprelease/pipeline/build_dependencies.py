"""Provide a build with its dependency set and the caches of its scope."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mprelease.domain.apps import BundlerCache
from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.sandbox import SandboxMode
from mprelease.pipeline.run import Run
from mprelease.process.bubblewrap import Mount
from mprelease.process.copying import Copier
from mprelease.process.ownership import chown, share_folder
from mprelease.process.removal import remove
from mprelease.workspace.cache_scopes import CacheScopes, scope_of
from mprelease.workspace.dependency_sets import (
    CACHES,
    DependencySet,
    lay_extras,
    lay_modules,
    make_parents,
)
from mprelease.workspace.layout import key_of

_NOTE = "set"
_BUILDS = "builds"
COMPARED_EVERY = 20
"""So many builds of a scope use its caches until one is compared with a build without."""


class BuildDependencies:
    """The dependencies and caches of one build.

    With bwrap the set is mounted read-only at its places in the tree, with writable caches on top.
    In mode user its files are hard-linked into the tree, and the worker's user owns them. In mode
    off, and for an app with private dependencies in any mode, they are copied, without caches.
    """

    def __init__(self, run: Run, *, cold: bool = False) -> None:
        """Take a run after its install stage; a `cold` build starts without caches, and saves none.

        The caches of an app that uses none are not saved, either.
        """
        self._run = run
        self._is_cold = cold or run.job.app.build.bundler_cache is BundlerCache.OFF
        self._builds = 0
        self.has_cached = False
        """Whether the build has left anything in its caches."""
        self._tree = run.workspace.tree
        self._caches = run.workspace.caches
        self._kept = run.workspace.folder / "modules"
        layout = run.machine.layout
        self._scopes = CacheScopes(layout.caches / key_of(run.job.project.repository))

    @contextmanager
    def laid(self) -> Iterator[tuple[Mount, ...]]:
        """Yield the mounts for a build; save the caches if the block succeeds."""
        found = self._run.dependencies
        remove(self._caches)
        if found is None:
            yield ()
            return
        with _conflicts_raised():
            lay_extras(found, self._tree, self._copier())
            if self._is_private:
                lay_modules(found, self._tree, self._copier())
            elif not self._run.machine.has_mounts:
                self._lay_shared(found)
        if self._is_private:
            yield ()
            return
        self._restore_caches(found)
        try:
            yield self._mounts(found) if self._run.machine.has_mounts else ()
            self._save_caches(found)
        finally:
            if not self._run.machine.has_mounts:
                self._put_away(found)

    @property
    def is_to_be_compared(self) -> bool:
        """Return whether this build, which has used caches, is to be compared with a cold one."""
        return self._builds == COMPARED_EVERY

    @property
    def _is_private(self) -> bool:
        return (
            self._run.job.app.build.private_dependencies
            or self._run.machine.sandbox.mode is SandboxMode.OFF
        )

    def _mounts(self, found: DependencySet) -> tuple[Mount, ...]:
        place = self._run.workspace
        mounts = []
        for number, name in enumerate(found.modules):
            with _conflicts_raised():
                target = make_parents(self._tree, name, self._copier())
            if target.is_symlink() or (target.exists() and not target.is_dir()):
                raise StageFailed(Problem.LINK_LEADS_OUTSIDE, path=name)
            target.mkdir(exist_ok=True)
            shown = place.seen(target)
            mounts.append(Mount(found.modules_at(number), shown))
            mounts += [
                Mount(self._caches / str(number) / cache, shown / cache, writable=True)
                for cache in CACHES
            ]
        return tuple(mounts)

    def _lay_shared(self, found: DependencySet) -> None:
        """Hard-link the set's files into the tree; the worker's user keeps owning them."""
        user, copier = self._run.uid, Copier(link=True)
        assert user is not None
        if self._put_away_set() == found.folder.name:
            (self._kept / _NOTE).unlink()
            for number, name in enumerate(found.modules):
                target = make_parents(self._tree, name, copier)
                remove(target)
                (self._kept / str(number)).rename(target)
        else:
            lay_modules(found, self._tree, copier)
        for name in found.modules:
            for folder in (self._tree / name).parents:
                if not folder.is_relative_to(self._tree):
                    break
                share_folder(folder, user)

    def _put_away(self, found: DependencySet) -> None:
        """Keep the hard links for the next build with the same set: builds cannot change them."""
        remove(self._kept)
        self._kept.mkdir(mode=0o700)
        for number, name in enumerate(found.modules):
            (self._tree / name).rename(self._kept / str(number))
        (self._kept / _NOTE).write_text(found.folder.name)

    def _put_away_set(self) -> str:
        note = self._kept / _NOTE
        return note.read_text() if note.is_file() else ""

    def _restore_caches(self, found: DependencySet) -> None:
        if not self._is_cold:
            scope, seed = self._scope(found, own=True), self._scope(found, own=False)
            self._scopes.restore(scope, seed, self._caches, self._copier())
        _make_ours(self._caches)
        self._builds = self._count()
        for number, name in enumerate(found.modules):
            _make_ours(self._caches / str(number))
            for cache in CACHES:
                self._restore_cache(found.modules_at(number) / cache, number, self._tree / name)

    def _restore_cache(self, sealed: Path, number: int, modules: Path) -> None:
        kept = self._caches / str(number) / sealed.name
        if not kept.is_dir():
            self._copier().copy(sealed, kept)
        if not self._run.machine.has_mounts:
            remove(modules / sealed.name)
            kept.rename(modules / sealed.name)

    def _save_caches(self, found: DependencySet) -> None:
        if not self._run.machine.has_mounts:
            for number, name in enumerate(found.modules):
                for cache in CACHES:
                    (self._tree / name / cache).rename(self._caches / str(number) / cache)
        self.has_cached = self._has_files()
        if not self._is_cold:
            (self._caches / _BUILDS).write_text(str(self._builds % COMPARED_EVERY))
            self._scopes.save(self._scope(found, own=True), self._caches)

    def _count(self) -> int:
        """Return which of its scope's builds with a cache this is, since the last compared one."""
        if not self._has_files():
            return 0
        try:
            return int((self._caches / _BUILDS).read_text()) + 1
        except (OSError, ValueError):
            return 1

    def _has_files(self) -> bool:
        of_caches = (each for each in self._caches.iterdir() if each.is_dir())
        return any(files for each in of_caches for _, _, files in os.walk(each))

    def _scope(self, found: DependencySet, *, own: bool) -> str:
        run, source = self._run, self._run.source
        assert source is not None
        trust = source.trust if own else source.default_trust
        return scope_of(
            trust,
            run.job.release.environment,
            repr(run.job.app.build),
            found.folder.name,
            run.node.version,
            str(run.workspace.seen(self._tree)),
            app_id=run.job.app.id,
        )

    def _copier(self) -> Copier:
        run = self._run
        return Copier(run.uid, on_folder=run.stop.raise_if_asked, most=run.most_copied)


def _make_ours(folder: Path) -> None:
    """Create a folder, or take its ownership; only the worker's user may rename its entries."""
    folder.mkdir(exist_ok=True)
    chown(folder, os.getuid())
    folder.chmod(0o700)


@contextmanager
def _conflicts_raised() -> Iterator[None]:
    """Raise StageFailed(LINK_LEADS_OUTSIDE) if the commit has a link or file at a folder's path."""
    try:
        yield
    except NotADirectoryError as error:
        if error.errno != errno.ENOTDIR:
            raise
        path = Path(error.filename).name
        raise StageFailed(Problem.LINK_LEADS_OUTSIDE, path=path) from error
