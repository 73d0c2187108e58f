"""Sizes of the main package and the sub packages, and WeChat's limits for them."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AliasChoices, BaseModel, Field, ValidationError

from mprelease.domain.apps import ProjectType
from mprelease.domain.releases import Sizes
from mprelease.simulator.wechat.rejections import too_large, unusable

MAX_PACKAGE = 2 * 1024 * 1024
"""The limit of the main package and of each sub package, in bytes."""

MAX_FULL = 20 * 1024 * 1024
"""The limit of all packages together, in bytes; its text is an assumption."""

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
        root = max((root for root in sizes if f"/{name}".startswith(root)), key=len, default=None)
        if root is None:
            main += len(content)
        else:
            sizes[root] += len(content)
    return Sizes(main + sum(sizes.values()), main, sizes)


def enforce_limits(sizes: Sizes) -> None:
    """Raise Rejected when a package, or all of them together, are too large."""
    if sizes.main > MAX_PACKAGE:
        raise too_large("main package ", sizes.main, MAX_PACKAGE)
    for root, size in sizes.packages.items():
        if size > MAX_PACKAGE:
            raise too_large(f"subpackage {root} ", size, MAX_PACKAGE)
    if sizes.full > MAX_FULL:
        raise too_large("", sizes.full, MAX_FULL)


def _roots(files: Mapping[str, bytes], project_type: ProjectType) -> list[str]:
    name = _CONTENTS[project_type]
    try:
        contents = _Contents.model_validate_json(files[name])
    except (KeyError, ValidationError):
        raise unusable(f"{name} is missing or unreadable") from None
    return [f"/{package.root.strip('/')}/" for package in contents.packages]
