"""Sizes of the main package and the sub packages, and WeChat's limits for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import AliasChoices, BaseModel, Field, ValidationError

from mprelease.domain.apps import ProjectType
from mprelease.domain.releases import Sizes
from mprelease.simulator.wechat.rejections import too_large, unusable

MAX_PACKAGE = 2 * 1024 * 1024
"""The limit of the main package and of each sub package, in bytes, of all but games."""

MAX_BIG_PACKAGE = 4 * 1024 * 1024
"""The same with `bigPackageSizeSupport`, as the tool's README has it: for previews alone."""

MAX_FULL = 20 * 1024 * 1024
"""The limit of all packages together, in bytes; its text is an assumption."""


@dataclass(frozen=True)
class _Limits:
    """How large the main package and each sub package may be, in bytes; None for any size."""

    main: int
    each: int | None


_USUAL = _Limits(MAX_PACKAGE, MAX_PACKAGE)
_BIG = _Limits(MAX_BIG_PACKAGE, MAX_BIG_PACKAGE)
# WeChat's guide to sub packages of games (基础能力/分包); a public report quotes the 4096 KB.
_LIMITS = {ProjectType.MINI_GAME: _Limits(4 * 1024 * 1024, None)}

# Measured: the tool packs a plugin below plugin/, whatever its folder is called in the project.
_CONTENTS = {
    ProjectType.MINI_PROGRAM: "app.json",
    ProjectType.MINI_GAME: "game.json",
    ProjectType.MINI_PROGRAM_PLUGIN: "plugin/plugin.json",
    ProjectType.MINI_GAME_PLUGIN: "plugin/plugin.json",
}


class _SubPackage(BaseModel):
    root: str


class _Contents(BaseModel):
    packages: Annotated[
        list[_SubPackage], Field(validation_alias=AliasChoices("subPackages", "subpackages"))
    ] = []


def sizes_of(files: Mapping[str, bytes], project_type: ProjectType) -> Sizes:
    """Add up bytes by package, without source maps; raise Rejected without app.json or the like."""
    sizes = dict.fromkeys(_roots(files, project_type), 0)
    main = 0
    for name, content in files.items():
        if name.endswith(".js.map"):
            continue
        root = max((root for root in sizes if _lies_in(f"/{name}", root)), key=len, default=None)
        if root is None:
            main += len(content)
        else:
            sizes[root] += len(content)
    return Sizes(main + sum(sizes.values()), main, sizes)


def enforce_limits(sizes: Sizes, project_type: ProjectType, *, big: bool = False) -> None:
    """Raise Rejected when a package, or all of them together, are too large."""
    limits = _LIMITS.get(project_type, _BIG if big else _USUAL)
    if sizes.main > limits.main:
        raise too_large("main package ", sizes.main, limits.main)
    for root, size in sizes.packages.items():
        if limits.each is not None and size > limits.each:
            raise too_large(f"subpackage {root} ", size, limits.each)
    if sizes.full > MAX_FULL:
        raise too_large("", sizes.full, MAX_FULL)


def _roots(files: Mapping[str, bytes], project_type: ProjectType) -> list[str]:
    name = _CONTENTS[project_type]
    try:
        contents = _Contents.model_validate_json(files[name])
    except (KeyError, ValidationError):
        raise unusable(f"{name} is missing or unreadable") from None
    return [_root(package.root.strip("/")) for package in contents.packages]


def _root(name: str) -> str:
    # A game's sub package may be a single file.
    return f"/{name}" if name.endswith(".js") else f"/{name}/"


def _lies_in(path: str, root: str) -> bool:
    return path.startswith(root) if root.endswith("/") else path == root
