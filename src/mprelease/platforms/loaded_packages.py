"""Find the npm packages that a mini program's code loads, and those of them that are missing."""

import json
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from mprelease.domain.problems import Message
from mprelease.platforms.mini_programs import UNREADABLE
from mprelease.process import plain_files

MODULES = "node_modules"
PACKED = "miniprogram_npm"
"""The folder names in which platforms look for packages, in the code's folder and above it."""

_MANIFEST = "package.json"
_CODE = (".js", ".ts")
# Bytes. No platform accepts packages of this size; the limits bound the time of a scan.
_LARGEST_CODE = 4 * 2**20
_MOST_CODE = 64 * 2**20
_LOADED = re.compile(r"""(?<![\w.$])(?:require\s*\(\s*|from\s*|import\s*)(['"])([@\w][^'"\n]*)\1""")
# Lines that load nothing: comments, and type imports of TypeScript.
_IDLE = re.compile(r"^[ \t]*(?://|\*|import\s+type\b).*$", re.MULTILINE)


def dependencies_of(folder: Path) -> frozenset[str]:
    """Return the names in `dependencies` of a folder's package.json; none if it is not valid."""
    try:
        content = json.loads(plain_files.text(folder / _MANIFEST) or "{}")
        return frozenset(content.get("dependencies") or {})
    except UNREADABLE:
        return frozenset()


def has_manifest(root: Path) -> bool:
    """Return whether there is a package.json anywhere below a root, outside of packages."""
    return any(file.name == _MANIFEST for file in _files(root))


def missing(
    project: Path, root: Path, packages: Collection[str], folder_name: str
) -> tuple[str, ...]:
    """Return those of `packages` that code below `root` loads, but cannot find.

    They are searched in folders named `folder_name`, from each file's folder up to `project`. Only
    the first 64 MiB of code are scanned.
    """
    found, left = set[str](), _MOST_CODE
    seen = set[tuple[Path, str]]()
    for file in _files(root) if packages else ():
        left -= file.lstat().st_size
        if left < 0:
            break
        for wanted in _loaded(file):
            name = _package(wanted)
            if name not in packages or name in found or (file.parent, wanted) in seen:
                continue
            seen.add((file.parent, wanted))
            there = _is_there(file, wanted, name, project, folder_name)
            found |= set() if there or (root / wanted).exists() else {name}
    return tuple(sorted(found))


def bring_into(project: Path, root: Path) -> bool:
    """Move package.json and node_modules from a project into its root, if code there needs them.

    The vendors' tools pack packages of the root only. Return whether anything was moved.
    """
    manifest, modules = project / _MANIFEST, project / MODULES
    is_needed = (
        root != project
        and modules.is_dir()
        and not any((root / name).exists() for name in (_MANIFEST, MODULES))
        and missing(root, root, dependencies_of(project), PACKED)
    )
    if not is_needed:
        return False
    _repoint(modules, root)
    manifest.rename(root / _MANIFEST)
    modules.rename(root / MODULES)
    return True


def functions_left_out(project: Path, name: object) -> tuple[Message, ...]:
    """Return the warning that the folder `name` of cloud functions, if it exists, is not sent."""
    functions = str(name or "").strip("/")
    if not functions or ".." in functions.split("/") or not (project / functions).is_dir():
        return ()
    return (Message("warning.functions_left_out", {"folder": functions}),)


def _repoint(modules: Path, root: Path) -> None:
    """Adjust relative links of package folders for the move of `modules` into `root`."""
    scopes = [each for each in modules.iterdir() if each.name.startswith("@") and each.is_dir()]
    for folder in (modules, *(each for each in scopes if not each.is_symlink())):
        for link in [each for each in folder.iterdir() if each.is_symlink()]:
            target = Path(os.path.normpath(folder / link.readlink()))
            if not target.is_relative_to(modules):
                place = root / folder.relative_to(modules.parent)
                link.unlink()
                link.symlink_to(os.path.relpath(target, place))


def _files(root: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in {MODULES, PACKED}]
        yield from (Path(here, name) for name in files if name.endswith((*_CODE, ".json")))


def _loaded(file: Path) -> Iterator[str]:
    """Yield what a source file or a component's JSON loads by the name of a package."""
    # With ".." a warning would disclose which files exist elsewhere on this machine.
    return (name for name in _named(file) if ".." not in name.split("/"))


def _named(file: Path) -> Iterator[str]:
    text = plain_files.text(file, most=_LARGEST_CODE) or ""
    if file.suffix in _CODE:
        yield from (match[2] for match in _LOADED.finditer(_IDLE.sub("", text)))
    elif "usingComponents" in text:
        try:
            components = json.loads(text)["usingComponents"].values()
        except UNREADABLE:
            return
        yield from (each for each in components if isinstance(each, str) and each[:1] not in "./")


def _package(wanted: str) -> str:
    return "/".join(wanted.split("/")[: 2 if wanted.startswith("@") else 1])


def _is_there(file: Path, wanted: str, name: str, project: Path, folder_name: str) -> bool:
    if any((file.parent / f"{wanted}{suffix}").exists() for suffix in ("", ".js", ".ts", ".json")):
        return True
    places = [file.parent, *file.parent.parents]
    return any(
        (place / folder_name / name).exists() for place in places if place.is_relative_to(project)
    )
