"""The temporary workspace in which one dependency set is installed."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Stage
from mprelease.packages import yarn_berry
from mprelease.packages.cache_key import seen_content
from mprelease.packages.install_plan import Install
from mprelease.packages.install_view import InstallView
from mprelease.pipeline.commands import Commands, close_workspace, fresh_folders
from mprelease.pipeline.run import Run
from mprelease.process.copying import Copier
from mprelease.process.ownership import allow_traversal, chown_tree
from mprelease.process.removal import remove
from mprelease.workspace.cache_scopes import CacheScopes, scope_of
from mprelease.workspace.dependency_sets import DependencySet, DependencySets, Inputs, inputs_of
from mprelease.workspace.layout import key_of

_STORES = (".npm", ".pnpm-store", ".cache/yarn", ".yarn/berry")
"""The folders in HOME where package managers store downloads."""


class InstallWorkspace:
    """A tree with the files that an install may see, and a HOME with earlier downloads.

    Every install starts with a copy of the store of the default branch, and only installs of the
    default branch update it: not every package manager verifies stored files, and a store is not
    part of a set's key.
    """

    def __init__(self, run: Run, key: str, user: int | None) -> None:
        """Create the workspace; `user` is the user id under which the install runs."""
        layout, repository = run.machine.layout, run.job.project.repository
        self._run = run
        self._user = user
        self._place = layout.install_place(repository, key, constant=run.machine.has_mounts)
        self._stores = CacheScopes(layout.stores / key_of(repository))
        self._inputs: Inputs = {}
        self._locks: tuple[str, ...] = ()
        if user is not None:
            allow_traversal(self._place.folder, user)
        fresh_folders(self._place, user)

    def fill(self, installs: Sequence[Install], view: InstallView) -> None:
        """Copy the files of the view into the tree, and earlier downloads into HOME."""
        tree = self._place.tree
        if view.whole_tree:
            self._copier().copy(self._run.workspace.tree, tree, {self._run.workspace.tree / ".git"})
        else:
            tree.mkdir(mode=0o755)
            for path in sorted(view.folders):
                (tree / path).mkdir(parents=True, exist_ok=True)
            for path in sorted(view.files | view.manifests):
                self._run.stop.raise_if_asked()
                self._write(path, seen_content(self._run.workspace.tree, path, view, installs))
        # The app's own command runs in its folder, even if the view has no file of it.
        for folder in (tree / self._run.job.app.build.directory, *self._folders(installs)):
            folder.mkdir(parents=True, exist_ok=True)
        _make_repository(tree / ".git")
        if self._user is not None:
            chown_tree(tree, self._user)
        self._restore_store()
        self._inputs = inputs_of(tree)
        # Only yarn >= 2 reads its lock file on every run: builds need the one that it has written.
        folders = (each.folder for each in self.moved(installs) if yarn_berry.is_berry(each))
        self._locks = tuple(str((each / "yarn.lock").relative_to(tree)) for each in folders)

    def moved(self, installs: Sequence[Install]) -> list[Install]:
        """Return the same installs with the paths of this workspace."""
        return [
            replace(
                each, folder=self._moved(each.folder), lock=each.lock and self._moved(each.lock)
            )
            for each in installs
        ]

    def _folders(self, installs: Sequence[Install]) -> list[Path]:
        return [each.folder for each in self.moved(installs)]

    def commands(self) -> Commands:
        """Return the commands of the install stage in this workspace."""
        return Commands(self._run, Stage.INSTALL, self._place, self._user)

    def close_to_others(self) -> None:
        """Remove other users' write access to the tree; the install must have ended."""
        close_workspace(self._place)

    def sealed(self, sets: DependencySets, key: str) -> DependencySet:
        """Seal the install's result as a dependency set; none of its processes may be running.

        Raise StageFailed(INSTALL_NOT_ITS_OWN) for a file that the install has only linked.
        """
        tree, inputs, locks = self._place.tree, self._inputs, self._locks
        try:
            return sets.seal(key, tree, inputs, maker=self._user, locks=locks)
        except PermissionError as error:
            detail = f"{error.strerror}: {error.filename}"
            raise StageFailed(Problem.INSTALL_NOT_ITS_OWN, detail=detail) from error

    def keep_store(self) -> None:
        """Save the downloads, if this is an install of the default branch."""
        source = self._run.source
        assert source is not None
        if not source.is_default_branch:
            return
        kept = self._place.folder / "store"
        for name in _STORES:
            path = self._place.home / name
            if (
                path.is_dir()
                and not path.is_symlink()
                and path.resolve().is_relative_to(self._place.home.resolve())
            ):
                (kept / name).parent.mkdir(parents=True, exist_ok=True)
                path.rename(kept / name)
        if kept.is_dir():
            self._stores.save(self._scope, kept)

    def close(self) -> None:
        """Remove the workspace."""
        remove(self._place.folder)

    @property
    def _scope(self) -> str:
        assert self._run.source is not None
        return scope_of(self._run.source.default_trust)

    def _restore_store(self) -> None:
        kept = self._place.folder / "store"
        if not self._stores.restore(self._scope, None, kept, self._copier()):
            return
        for name in _STORES:
            if (kept / name).is_dir():
                self._make_parents(self._place.home, name)
                (kept / name).rename(self._place.home / name)
        remove(kept)

    def _make_parents(self, folder: Path, name: str) -> None:
        for part in Path(name).parts[:-1]:
            folder /= part
            if not folder.is_dir():
                self._copier().make_folder(folder)

    def _moved(self, path: Path) -> Path:
        return self._place.tree / path.relative_to(self._run.workspace.tree)

    def _write(self, path: Path, content: bytes) -> None:
        target = self._place.tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod((self._run.workspace.tree / path).stat().st_mode & 0o777)

    def _copier(self) -> Copier:
        return Copier(self._user, on_folder=self._run.stop.raise_if_asked)


def _make_repository(folder: Path) -> None:
    """Create an empty git repository, identical for all commits: install hooks require one."""
    # Complete, because `git init`, run by hooks, would fail to create what is missing.
    for name in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (folder / name).mkdir(parents=True)
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / "config").write_text("[core]\n\trepositoryFormatVersion = 0\n\tbare = false\n")
