"""What an install sees of a repository, so that its result can be named by exactly that.

Manifests without the fields that no install reads, lock files, settings of the package managers,
patches, plug-ins, and what `file:` dependencies name. Where code of the repository runs during the
install, and nobody knows what it reads, the install sees the whole committed tree.
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
    """The files of a tree that an install sees, relative to the tree.

    `manifests` are seen without what no install reads (`reduced`), `folders` without what lies in
    them. `whole_tree` says that
    everything is seen as it was committed; then nothing is listed, and `why` names the code because
    of which that is so.
    """

    files: frozenset[Path] = frozenset()
    manifests: frozenset[Path] = frozenset()
    folders: frozenset[Path] = frozenset()
    whole_tree: bool = False
    why: str = ""


@dataclass(frozen=True)
class InstallRequest:
    """For which installs of a tree the view is wanted.

    `command` is the app's own install command, `globs` what that and the repository's hooks read,
    if somebody has said so: patterns of paths relative to the tree, in which `*` matches slashes. A
    folder that a pattern names is there, empty but for files that are named as well. `on_file` is
    called again and again meanwhile, and may raise to end the work.
    """

    tree: Path
    installs: Sequence[Install]
    command: str | None = None
    globs: tuple[str, ...] = ()
    on_file: Callable[[], None] = lambda: None


def view_of(question: InstallRequest) -> InstallView:
    """Return what the installs see."""
    seen = _Seen(question.tree, question.on_file)
    for install in question.installs:
        seen.add_install(install)
    seen.add_matching(question.globs, _known_inputs(question.tree, seen.manifests))
    if not question.globs and (why := _unknown_code(question, seen)):
        return InstallView(whole_tree=True, why=why)
    return InstallView(
        frozenset(seen.files),
        frozenset(seen.manifests - seen.files),
        frozenset(Path(each) for each in question.globs if _is_folder(question.tree, each)),
    )


def reduced(manifest: Mapping[str, object], *, is_root: bool) -> Mapping[str, object]:
    """Return a package.json without what no install reads.

    The version of the root goes: it changes with each release. Those of a workspace's packages
    stay: the others may ask for a certain one.
    """
    dropped = _DROPPED | ({"version"} if is_root else set())
    kept = {name: value for name, value in manifest.items() if name not in dropped}
    scripts = manifests.section(manifest, "scripts")
    run = {name: scripts[name] for name in scripts if name in hooks.NAMES}
    return {**kept, "scripts": run} if run else kept


def has_committed_modules(folder: Path) -> bool:
    """Tell whether a tree that is exactly its commit has packages in a folder's node_modules."""
    modules = folder / MODULES
    if modules.is_symlink() or not modules.is_dir():
        return False
    names = (entry for entry in modules.iterdir() if not entry.name.startswith("."))
    return any(entry.is_dir() and any(entry.iterdir()) for entry in names)


def names_packages(folder: Path) -> bool:
    """Tell whether a folder's package.json wants anything installed, itself or by its workspace."""
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
# Settings that are code, which may load any other file.
_CODE = re.compile(r"\.?pnpmfile\.[cm]?js|prisma\.config\.\w+|\.?simple-git-hooks\.[cm]?js")
# patch-package and pnpm keep patches in `patches`, yarn in `.yarn/patches`, beside its plug-ins,
# its own program and its cache.
_FOLDERS = frozenset({"patches", ".yarn"})
_NOT_ENTERED = frozenset({".git", MODULES})
_DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
# What may name other packages in place of those, at any depth; "pnpm" holds settings of pnpm.
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
        # yarn and pnpm look for their settings in the folders above, too.
        for folder in (each for each in install.folder.parents if each.is_relative_to(self.tree)):
            for name in _SETTINGS:
                if is_plain_file(folder / name):
                    self._add(folder / name)

    def add_matching(self, globs: Sequence[str], of_folders: Mapping[Path, Sequence[str]]) -> None:
        """Add what patterns of the tree, and those of some of its folders, name."""
        if not globs and not of_folders:
            return
        for path in self._below(self.tree):
            inside = path.relative_to(self.tree)
            # Only the folders above: a commit may have a pattern in each of its folders.
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
    """Return where a path of the tree leads by its links; None if out of the tree."""
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
        if found := _LOCAL.fullmatch(wanted):
            yield manifest.parent / (found["path"] or found["plain"])


def _texts(content: object) -> Iterator[str]:
    waiting, seen = [content], set[int]()
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict | list) and id(each) not in seen:
            # In YAML a list may hold itself.
            seen.add(id(each))
            waiting.extend(each.values() if isinstance(each, dict) else each)


def _unknown_code(question: InstallRequest, seen: _Seen) -> str:
    """Return which code of the repository runs in the install and may read anything."""
    if question.command and not hooks.only_installs(question.command):
        return question.command
    for path in sorted(seen.manifests):
        question.on_file()
        if unknown := hooks.unknown(manifests.parsed(question.tree / path)):
            return unknown
        if any((question.tree / path.parent).glob("*.gyp")):
            return "node-gyp"
    for path in sorted(seen.files):
        question.on_file()
        if _CODE.fullmatch(path.name) and _OTHER_FILE.search(manifests.text(question.tree / path)):
            return str(path)
    return ""


def _known_inputs(tree: Path, found: Iterable[Path]) -> Mapping[Path, Sequence[str]]:
    """Return patterns of what the known hooks read, by the folders that they belong to."""
    patterns = {path.parent: tuple(hooks.inputs(manifests.parsed(tree / path))) for path in found}
    return {folder: tuple(dict.fromkeys(each)) for folder, each in patterns.items() if each}


def _matches(path: Path, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(path.as_posix(), pattern) for pattern in patterns)
