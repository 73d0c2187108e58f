"""The source tree that tt-ide-cli sends as a zip archive, its sizes, and Douyin's limits for them.

The limits are those of the tool (tt-ide-cli 0.1.33, verifySubPackageSize); it is an assumption that
the service has the same.
"""

import io
import posixpath
import zipfile
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, Field

from mprelease.domain.releases import Sizes
from mprelease.simulator.douyin.protocol import too_large
from mprelease.simulator.http import InvalidRequest
from mprelease.simulator.packages import (
    MAX_UNPACKED,
    MIB,
    AppConfig,
    is_plain_path,
    parse_file,
    require,
    sizes_by_package,
)

MAX_FULL = 16 * MIB
"""The limit of all packages together, in bytes."""

MAX_MAIN = 4 * MIB
"""The limit of the main package of an app with sub packages, in bytes."""

MAX_SUB = 2 * MIB
"""The limit of each sub package, in bytes."""


class _AppConfig(AppConfig):
    pages: list[str]


class _ProjectConfig(BaseModel):
    appid: str
    root: Annotated[str, Field(validation_alias="miniprogramRoot")] = ""


def unpack(archive: bytes, app_id: str) -> Mapping[str, bytes]:
    """Return the files of an app's package by path.

    Raise InvalidRequest for a broken package and for one of another app.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as source:
            entries = [entry for entry in source.infolist() if not entry.is_dir()]
            _require_plain_paths([entry.filename for entry in entries])
            size = sum(entry.file_size for entry in entries)
            require(size <= MAX_UNPACKED, "the package is too long when unpacked")
            files = {entry.filename: source.read(entry) for entry in entries}
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise InvalidRequest(f"the package is broken ({error})") from None
    owner = _project_config(files).appid
    require(owner == app_id, f"the package belongs to {owner}")
    return files


def sizes_of(files: Mapping[str, bytes]) -> Sizes:
    """Return the sizes by package; raise InvalidRequest without app.json."""
    top = posixpath.normpath(_project_config(files).root or ".")
    name = posixpath.normpath(posixpath.join(top, "app.json"))
    packages = parse_file(_AppConfig, files, name).sub_packages
    roots = [posixpath.normpath(posixpath.join(top, package.root)) for package in packages]
    return sizes_by_package(files, {f"{root}/": root for root in roots})


def enforce_limits(sizes: Sizes) -> None:
    """Raise Rejected when a package, or all of them together, are too large."""
    limits = [(sizes.full, MAX_FULL)]
    if sizes.packages:
        limits += [(sizes.main, MAX_MAIN), *((size, MAX_SUB) for size in sizes.packages.values())]
    for size, limit in limits:
        if size > limit:
            raise too_large(size, limit)


def _project_config(files: Mapping[str, bytes]) -> _ProjectConfig:
    return parse_file(_ProjectConfig, files, "project.config.json")


def _require_plain_paths(paths: list[str]) -> None:
    for path in paths:
        require(is_plain_path(path) and "\\" not in path, f"{path!r} is not a plain name")
    require(len(set(paths)) == len(paths), "a name is repeated")
