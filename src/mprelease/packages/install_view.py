"""The files of a repository that an install sees, which are the inputs of its cache key.

They are manifests without the fields that no install reads, lock files, settings of the package
managers, patches, plug-ins, and targets of `file:` dependencies. If code of the repository with
unknown inputs runs during the install, the install sees the whole committed tree.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from mprelease.packages import hooks, manifests, workspaces
from mprelease.packages.install_plan import Install
from mprelease.process.plain_files import is_plain_file

MODULES = "node_modules"


@dataclass(frozen=True)
class InstallView:
    """The files that an install sees, as paths relative to the tree.

    `manifests` are `reduced`; `folders` are created empty. With `whole_tree` the install sees the
    whole commit, nothing is listed, and `why` names the code that requires it.
    """

    files: frozenset[Path] = frozenset()
    manifests: frozenset[Path] = frozenset()
    folders: frozenset[Path] = frozenset()
    whole_tree: bool = False
    why: str = ""


@dataclass(frozen=True)
class InstallRequest:
    """The installs of a tree for which the view is computed.

    `command` is the app's own install command. `globs` are the configured inputs of that command
    and of the repository's hooks: patterns of paths relative to the tree, in which `*` also matches
    slashes; a folder that a pattern names exists, with the matching files only. `on_file` is called
    at least once per file, and may raise to abort.
    """

    tree: Path
    installs: Sequence[Install]
    command: str | None = None
    globs: tuple[str, ...] = ()
    on_file: Callable[[], None] = lambda: None


def view_of(request: InstallRequest) -> InstallView:
    """Return the files that the installs see."""
    seen = _Seen(request.tree, request.on_file)
    for install in request.installs:
        seen.add_install(install)
    seen.add_matching(request.globs, _known_inputs(request.tree, seen.manifests))
    if not request.globs and (why := _unknown_code(request, seen)):
        return InstallView(whole_tree=True, why=why)
    return InstallView(
        frozenset(seen.files),
        frozenset(seen.manifests - seen.files),
        frozenset(Path(each) for each in request.globs if _is_folder(request.tree, each)),
    )


def reduced(manifest: Mapping[str, object], *, is_root: bool) -> Mapping[str, object]:
    """Return a package.json without the fields that no install reads.

    The version of the root is dropped, because it changes with each release. Versions of workspace
    packages stay, because other packages may require them.
    """
    dropped = _DROPPED | ({"version"} if is_root else set())
    kept = {name: value for name, value in manifest.items() if name not in dropped}
    scripts = manifests.section(manifest, "scripts")
    run = {name: scripts[name] for name in scripts if name in hooks.NAMES}
    return {**kept, "scripts": run} if run else kept


def has_committed_modules(folder: Path) -> bool:
    """Return whether a freshly checked out tree has packages in a folder's node_modules."""
    modules = folder / MODULES
    if modules.is_symlink() or not modules.is_dir():
        return False
    names = (entry for entry in modules.iterdir() if not entry.name.startswith("."))
    return any(entry.is_dir() and any(entry.iterdir()) for entry in names)


def names_packages(folder: Path) -> bool:
    """Return whether a folder has dependencies to install, in its package.json or workspace."""
    manifest = manifests.parsed(folder / "package.json")
    return any(manifest.get(name) for name in (*_DEPENDENCIES, "workspaces")) or is_plain_file(
        folder / workspaces.PNPM
    )


_DROPPED = frozenset(
    {"scripts", "description", "keywords", "author", "contributors", "homepage", "bugs", "license"}
    | {"repository", "lint-staged", "eslintConfig", "prettier", "stylelint", "commitlint", "jest"}
)
_SETTINGS = frozenset(
    {".npmrc", ".yarnrc", ".yarnrc.yml", "pnpm-workspace.yaml", ".pnpmfile.cjs", ".pnpmfile.mjs"}
    | {"pnpmfile.js"}
)
# Settings in the form of code, which may load any other file.
_CODE = re.compile(r"\.?pnpmfile\.[cm]?js|prisma\.config\.\w+|\.?simple-git-hooks\.[cm]?js")
# patch-package and pnpm store patches in `patches`, yarn in `.yarn/patches`, beside its plug-ins,
# its program and its cache.
_FOLDERS = frozenset({"patches", ".yarn"})
_NOT_ENTERED = frozenset({".git", MODULES})
_DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
# Fields that replace packages by others, at any depth; "pnpm" holds settings of pnpm.
_REPLACEMENTS = ("overrides", "resolutions", "pnpm")
_REPLACEMENTS_OF_PNPM = ("overrides", "catalog", "catalogs", "patchedDependencies")
_LOCAL = re.compile(r"(?:file:|link:|portal:)(?P<path>[^#]+)|(?P<plain>\.{1,2}/[^#]+)")
_OTHER_FILE = re.compile(r"""\b(?:require|import)\b\s*+\(?\s*+['"]\.|\bfrom\s*['"]\.""")


@dataclass
class _Seen:
    tree: Path
    on_file: Callable[[], None]
    files: set[Path] = field(default_factory=set)
    manifests: set[Path] = field(default_factory=set)
    _walked: set[Path] = field(default_factory=set)

    def add_install(self, install: Install) -> None:
        if install.lock:
            self._add(install.lock)
        for path in self._below(install.folder):
            inside = path.relative_to(install.folder).parts[:-1]
            if path.name == "package.json":
                self.manifests.add(path.relative_to(self.tree))
            elif self._is_read(path.name, inside):
                self._add(path)
        for path in (self.tree / each for each in sorted(self.manifests)):
            self.on_file()
            self._add_local_dependencies(path)
        self._add_everything(install.folder / MODULES)
        # yarn and pnpm also read settings in parent folders.
        for folder in (each for each in install.folder.parents if each.is_relative_to(self.tree)):
            for name in _SETTINGS:
                if is_plain_file(folder / name):
                    self._add(folder / name)

    def add_matching(self, globs: Sequence[str], of_folders: Mapping[Path, Sequence[str]]) -> None:
        """Add the files that match patterns of the tree or of one of its folders."""
        if not globs and not of_folders:
            return
        for path in self._below(self.tree):
            inside = path.relative_to(self.tree)
            # Only patterns of parent folders: a commit may have patterns in each of its folders.
            above = ((folder, of_folders.get(folder, ())) for folder in inside.parents)
            if _matches(inside, globs) or any(
                _matches(inside.relative_to(folder), patterns) for folder, patterns in above
            ):
                self._add(path)

    def _below(
        self,
        folder: Path,
        not_entered: AbstractSet[str] = _NOT_ENTERED,
        walked: AbstractSet[Path] = frozenset(),
    ) -> Iterator[Path]:
        for path in _below(folder, not_entered, walked):
            self.on_file()
            yield path

    def _is_read(self, name: str, folders: tuple[str, ...]) -> bool:
        return name in _SETTINGS or name.endswith(".patch") or not _FOLDERS.isdisjoint(folders)

    def _add(self, path: Path) -> None:
        self.files.add(path.relative_to(self.tree))

    def _add_everything(self, folder: Path) -> None:
        if folder.is_symlink() or not self._walked.isdisjoint({folder, *folder.parents}):
            return
        self._walked.add(folder)
        for path in self._below(folder, frozenset({".git"}), self._walked):
            self._add(path)
            if path.name == "package.json":
                self._add_local_dependencies(path)

    def _add_local_dependencies(self, manifest: Path) -> None:
        for path in _local_dependencies(manifest):
            target = _inside(self.tree, path)
            if target is None or target == self.tree:
                continue
            if is_plain_file(target):
                self._add(target)
            elif target.is_dir():
                self._add_everything(target)


def _is_folder(tree: Path, name: str) -> bool:
    return (tree / name).is_dir() and _inside(tree, tree / name) == tree / name


def _inside(tree: Path, path: Path) -> Path | None:
    """Resolve the links of a path in the tree; return None if it leaves the tree."""
    real, target = os.path.realpath(tree), Path(os.path.realpath(path))
    return tree / target.relative_to(real) if target.is_relative_to(real) else None


def _below(
    folder: Path, not_entered: AbstractSet[str], walked: AbstractSet[Path]
) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if name not in not_entered and not (walked and Path(place, name) in walked)
        ]
        yield from (path for path in (Path(place, name) for name in names) if is_plain_file(path))


def _local_dependencies(manifest: Path) -> Iterator[Path]:
    content = manifests.parsed(manifest)
    named = [content.get(name) for name in (*_DEPENDENCIES, *_REPLACEMENTS)]
    settings = manifests.parsed_yaml(manifest.with_name(workspaces.PNPM))
    named += [settings.get(name) for name in _REPLACEMENTS_OF_PNPM]
    for wanted in _texts(named):
        if match := _LOCAL.fullmatch(wanted):
            yield manifest.parent / (match["path"] or match["plain"])


def _texts(content: object) -> Iterator[str]:
    waiting, seen = [content], set[int]()
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict | list) and id(each) not in seen:
            # In YAML a list can contain itself, by an alias.
            seen.add(id(each))
            waiting.extend(each.values() if isinstance(each, dict) else each)


def _unknown_code(request: InstallRequest, seen: _Seen) -> str:
    """Return the first code with unknown inputs that runs in the install; empty if none."""
    if request.command and not hooks.only_installs(request.command):
        return request.command
    for path in sorted(seen.manifests):
        request.on_file()
        if unknown := hooks.unknown(manifests.parsed(request.tree / path)):
            return unknown
        if any((request.tree / path.parent).glob("*.gyp")):
            return "node-gyp"
    for path in sorted(seen.files):
        request.on_file()
        if _CODE.fullmatch(path.name) and _OTHER_FILE.search(manifests.text(request.tree / path)):
            return str(path)
    return ""


def _known_inputs(tree: Path, paths: Iterable[Path]) -> Mapping[Path, Sequence[str]]:
    """Return the patterns of the inputs of known hooks, by the folder of their package.json."""
    patterns = {path.parent: tuple(hooks.inputs(manifests.parsed(tree / path))) for path in paths}
    return {folder: tuple(dict.fromkeys(each)) for folder, each in patterns.items() if each}


def _matches(path: Path, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(path.as_posix(), pattern) for pattern in patterns)
