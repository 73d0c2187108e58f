"""The place in which one dependency set is installed: made for it, and gone afterwards."""

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
"""Where package managers keep what they have downloaded, in HOME."""


class InstallPlace:
    """A tree that holds what an install may see, and a HOME with what was downloaded before.

    The store that an install fills is kept only if it was one of the default branch: not every
    package manager verifies what it takes from there, and a set is named by what the install could
    see. All others begin with a copy of that store, and theirs goes.
    """

    def __init__(self, run: Run, key: str, user: int | None) -> None:
        """Make the place; `user` is the id under which the install runs."""
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
        """Put into the tree what the install sees, and into HOME what was downloaded before."""
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
        # A command of the app's own is run in its folder, of which the install may see nothing.
        for folder in (tree / self._run.job.app.build.directory, *self._folders(installs)):
            folder.mkdir(parents=True, exist_ok=True)
        _make_repository(tree / ".git")
        if self._user is not None:
            chown_tree(tree, self._user)
        self._bring_store()
        self._inputs = inputs_of(tree)
        # yarn >= 2 alone reads its lock file at each call: the next build needs what was written.
        folders = (each.folder for each in self.moved(installs) if yarn_berry.is_berry(each))
        self._locks = tuple(str((each / "yarn.lock").relative_to(tree)) for each in folders)

    def moved(self, installs: Sequence[Install]) -> list[Install]:
        """Return the same installs, in this place instead of the workspace."""
        return [
            replace(
                each, folder=self._moved(each.folder), lock=each.lock and self._moved(each.lock)
            )
            for each in installs
        ]

    def _folders(self, installs: Sequence[Install]) -> list[Path]:
        return [each.folder for each in self.moved(installs)]

    def commands(self) -> Commands:
        """Return how commands are run here."""
        return Commands(self._run, Stage.INSTALL, self._place, self._user)

    def close_to_others(self) -> None:
        """Let nobody but the install's user id change what it has made; it must have ended."""
        close_workspace(self._place)

    def sealed(self, sets: DependencySets, key: str) -> DependencySet:
        """Make a set of what the install has made; nothing of it may run any more.

        Raise StageFailed(INSTALL_NOT_ITS_OWN) for a file that was linked to its place.
        """
        tree, inputs, locks = self._place.tree, self._inputs, self._locks
        try:
            return sets.seal(key, tree, inputs, maker=self._user, locks=locks)
        except PermissionError as error:
            detail = f"{error.strerror}: {error.filename}"
            raise StageFailed(Problem.INSTALL_NOT_ITS_OWN, detail=detail) from error

    def keep_store(self) -> None:
        """Keep what was downloaded, if the default branch was installed."""
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
        """Remove the place."""
        remove(self._place.folder)

    @property
    def _scope(self) -> str:
        assert self._run.source is not None
        return scope_of(self._run.source.default_trust)

    def _bring_store(self) -> None:
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
    """Make an empty git repository, the same for every commit: hooks ask whether there is one."""
    # `git init`, which hooks call, would make what lacks in a folder that nobody may write to.
    for name in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (folder / name).mkdir(parents=True)
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / "config").write_text("[core]\n\trepositoryFormatVersion = 0\n\tbare = false\n")
