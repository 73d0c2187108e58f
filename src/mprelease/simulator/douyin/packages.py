"""The source tree that the tool sends, its sizes, and Douyin's limits for them.

The limits are those of the tool (tt-ide-cli 0.1.33, verifySubPackageSize); that the service has the
same ones is an assumption.
"""

import io
import posixpath
import zipfile
from collections.abc import Mapping
from typing import Annotated

from pydantic import AliasChoices, BaseModel, Field, ValidationError

from mprelease.domain.releases import Sizes
from mprelease.simulator.douyin.rejections import too_large, unusable

MIB = 1024 * 1024
MAX_FULL = 16 * MIB
MAX_MAIN = 4 * MIB
MAX_SUB = 2 * MIB
MAX_UNPACKED = 128 * MIB
"""The largest package that is unpacked, in bytes."""

_CONFIG = "project.config.json"


class _SubPackage(BaseModel):
    root: str


class _Contents(BaseModel):
    pages: list[str]
    packages: Annotated[
        list[_SubPackage], Field(validation_alias=AliasChoices("subPackages", "subpackages"))
    ] = []


class _Config(BaseModel):
    appid: str
    root: Annotated[str, Field(validation_alias="miniprogramRoot")] = ""


def unpacked(archive: bytes, app_id: str) -> Mapping[str, bytes]:
    """Return the files of an app's package by path; raise Rejected for a broken or strange one."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as source:
            entries = [entry for entry in source.infolist() if not entry.is_dir()]
            _demand_plain([entry.filename for entry in entries])
            if sum(entry.file_size for entry in entries) > MAX_UNPACKED:
                raise unusable("the package is too long when unpacked")
            files = {entry.filename: source.read(entry) for entry in entries}
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise unusable(f"the package is broken ({error})") from None
    if _config(files).appid != app_id:
        raise unusable(f"the package belongs to {_config(files).appid}")
    return files


def sizes_of(files: Mapping[str, bytes]) -> Sizes:
    """Add up bytes by package, without source maps; raise Rejected without app.json."""
    top = posixpath.normpath(_config(files).root or ".")
    roots = [posixpath.normpath(posixpath.join(top, one.root)) for one in _contents(files).packages]
    sizes = dict.fromkeys(roots, 0)
    main = 0
    for name, content in files.items():
        if name.endswith(".js.map"):
            continue
        root = next((root for root in roots if name.startswith(f"{root}/")), None)
        if root is None:
            main += len(content)
        else:
            sizes[root] += len(content)
    return Sizes(main + sum(sizes.values()), main, sizes)


def enforce_limits(sizes: Sizes) -> None:
    """Raise Rejected when a package, or all of them together, are too large."""
    limits = [(sizes.full, MAX_FULL)]
    if sizes.packages:
        limits += [(sizes.main, MAX_MAIN), *((size, MAX_SUB) for size in sizes.packages.values())]
    for size, limit in limits:
        if size > limit:
            raise too_large(size, limit)


def _config(files: Mapping[str, bytes]) -> _Config:
    try:
        return _Config.model_validate_json(files[_CONFIG])
    except (KeyError, ValidationError):
        raise unusable(f"{_CONFIG} is missing or unreadable") from None


def _contents(files: Mapping[str, bytes]) -> _Contents:
    name = posixpath.normpath(posixpath.join(_config(files).root, "app.json"))
    try:
        return _Contents.model_validate_json(files[name])
    except (KeyError, ValidationError):
        raise unusable(f"{name} is missing or unreadable") from None


def _demand_plain(names: list[str]) -> None:
    for name in names:
        if {"", ".", ".."}.intersection(name.split("/")) or "\\" in name:
            raise unusable(f"{name!r} is no plain name")
    if len(set(names)) < len(names):
        raise unusable("a name is there twice")
