"""Helpers for the packages of all platforms: safe paths, sizes, the project's JSON."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import AliasChoices, BaseModel, Field, ValidationError

from mprelease.domain.releases import Sizes
from mprelease.simulator.http import InvalidRequest

MIB = 1024 * 1024
MAX_UNPACKED = 128 * MIB
"""The largest package that is unpacked, in bytes."""

VersionNumber = Annotated[str, Field(pattern=r"^(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}$")]
"""Three numbers without leading zeros, the format of Alipay and Douyin."""


class SubPackage(BaseModel):
    """One entry of the sub packages in `app.json`."""

    root: str


class AppConfig(BaseModel):
    """The sub packages in `app.json`, under either of the names that the tools accept."""

    sub_packages: Annotated[
        list[SubPackage], Field(validation_alias=AliasChoices("subPackages", "subpackages"))
    ] = []


M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class CompileError:
    """An error in a file; line and column are counted from 1."""

    file: str
    line: int
    column: int
    message: str


def require(condition: object, message: str) -> None:
    """Raise InvalidRequest with a message unless a condition holds."""
    if not condition:
        raise InvalidRequest(message)


def is_plain_path(path: str) -> bool:
    """Return whether a path is relative and cannot lead out of its folder."""
    return not {"", ".", ".."}.intersection(path.split("/"))


def parse_file(model: type[M], files: Mapping[str, bytes], name: str) -> M:
    """Parse a JSON file of a package; raise InvalidRequest if it is missing or not valid."""
    try:
        return model.model_validate_json(files[name])
    except (KeyError, ValidationError):
        raise InvalidRequest(f"{name} is missing or unreadable") from None


def sizes_by_package(files: Mapping[str, bytes], roots: Mapping[str, str]) -> Sizes:
    """Return the sizes of the main package and the sub packages in bytes, without source maps.

    `roots` names each sub package by its root: a folder that ends with "/", or a single file. A
    file belongs to the longest root that matches.
    """
    sizes = dict.fromkeys(roots.values(), 0)
    main = 0
    for path, content in files.items():
        if path.endswith(".js.map"):
            continue
        root = max((root for root in roots if _is_in(path, root)), key=len, default=None)
        if root is None:
            main += len(content)
        else:
            sizes[roots[root]] += len(content)
    return Sizes(main + sum(sizes.values()), main, sizes)


def _is_in(path: str, root: str) -> bool:
    return path.startswith(root) if root.endswith("/") else path == root


def json_errors(files: Mapping[str, bytes]) -> Iterator[CompileError]:
    """Yield an error for each JSON file of a project that cannot be parsed, except node_modules.

    The platforms' compilers are closed source, and check scripts and pages as well.
    """
    for name, content in sorted(files.items()):
        if name.endswith(".json") and "node_modules/" not in name:
            yield from _json_errors(name, content)


def _json_errors(name: str, content: bytes) -> Iterator[CompileError]:
    try:
        json.loads(content.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        yield CompileError(name, error.lineno, error.colno, error.msg)
    except UnicodeDecodeError:
        yield CompileError(name, 1, 1, "not UTF-8")
