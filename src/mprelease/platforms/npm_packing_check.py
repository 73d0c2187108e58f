"""Check the npm packages that a vendor's tool packs into a mini program.

Both tools that pack copy the folder that a package's manifest names, even outside of the project.
"""

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.platforms.mini_programs import UNREADABLE, as_tools_read
from mprelease.process import plain_files

_MODULES = "node_modules"
_MANIFEST = "package.json"
_FOLDER = "miniprogram"  # the key of the manifest for the folder to copy
# The target folder is named after the package's folder, from its last "@" on.
_LEADING_AWAY = {"", ".", ".."}


def require_packable(folder: Path) -> None:
    """Raise StageFailed(PROJECT_PATH_OUTSIDE) for a package that would be packed from elsewhere."""
    for package in _packages(folder):
        name = package.name
        if "@" in name and name.rpartition("@")[2] in _LEADING_AWAY:
            raise _outside(package.parent, folder, name)
        named = _named_folder(package / _MANIFEST, folder)
        if named and posixpath.normpath(named.lstrip("/")).split("/")[0] == "..":
            raise _outside(package / _MANIFEST, folder, named)


def _packages(folder: Path) -> Iterator[Path]:
    """Yield each folder below each node_modules, including scopes and nested packages."""
    for here, folders, _ in os.walk(folder):
        place = Path(here)
        if _MODULES in place.relative_to(folder).parts:
            yield from (place / name for name in folders)


def _named_folder(manifest: Path, folder: Path) -> str:
    # The tools follow links; none leads out of the folder (pipeline/staging.py).
    real = Path(os.path.realpath(manifest))
    text = plain_files.text(real)
    if text is None:
        if plain_files.is_plain_file(real):
            raise _outside(manifest, folder, _MANIFEST)
        return ""
    # There may be thousands of manifests; parse only those that may contain the key.
    if "miniprogram" not in text and "\\u" not in text:
        return ""
    try:
        named = as_tools_read(text).get(_FOLDER)
    except RecursionError:
        raise _outside(manifest, folder, _MANIFEST) from None
    except UNREADABLE:
        return ""  # The tool cannot parse it either.
    return named if isinstance(named, str) else ""


def _outside(file: Path, folder: Path, named: str) -> StageFailed:
    place = str(file.relative_to(folder))
    return StageFailed(Problem.PROJECT_PATH_OUTSIDE, path=named, detail=place)
