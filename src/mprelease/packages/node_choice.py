"""Determine which Node an app is built with, from its setting and the files of its repository."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import nodesemver

from mprelease.domain.node_versions import has_long_term_support, numbers, range_of
from mprelease.packages import manifests


@dataclass(frozen=True)
class NodeRequest:
    """A wanted Node: `wanted` as it is written, its range of npm, and the setting or file.

    `range` is None if the text cannot be understood. With `is_setting` an administrator has set it
    for the app; otherwise a file of the repository has it.
    """

    wanted: str
    range: str | None
    source: str
    is_setting: bool = False


def requested(tree: Path, directory: str, setting: str | None) -> NodeRequest | None:
    """Return the first request for the app in `directory` of a tree; None if there is none.

    The app's setting comes first, then `.nvmrc`, `.node-version`, and three fields of package.json,
    each in the app's folder or the nearest one above it. `engines.node`, which package managers
    only recommend, is skipped if it cannot be understood.
    """
    if setting:
        return NodeRequest(setting, range_of(setting), "--node", is_setting=True)
    folders = [tree / directory, *(tree / directory).parents]
    inside = [folder for folder in folders if folder.is_relative_to(tree)]
    for source, read in _SOURCES.items():
        for wanted in (read(folder) for folder in inside):
            request = _request(wanted, source) if wanted else None
            if request and (request.range or source != _ENGINES):
                return request
    return None


def satisfies(version: str, wanted: str) -> bool:
    """Return whether a version is in a range of npm; False if one of them is unreadable."""
    try:
        return bool(nodesemver.satisfies(version, wanted, loose=True))
    except ValueError:
        return False


def best(versions: Iterable[str], wanted: str) -> str | None:
    """Return the newest version in a range, one with long-term support if there is any."""
    fitting = (version for version in versions if satisfies(version, wanted))
    return max(fitting, key=lambda each: (has_long_term_support(each), numbers(each)), default=None)


def _request(wanted: str, source: str) -> NodeRequest:
    return NodeRequest(wanted, range_of(wanted), source)


def _first_line(path: Path) -> str:
    lines = (line.partition("#")[0].strip() for line in manifests.text(path).splitlines())
    return next((line for line in lines if line), "")


def _volta(package: Mapping[str, object]) -> object:
    return manifests.section(package, "volta").get("node")


def _development(package: Mapping[str, object]) -> object:
    runtime = manifests.section(package, "devEngines").get("runtime")
    each = runtime if isinstance(runtime, list) else [runtime]
    found = (one for one in each if isinstance(one, dict) and one.get("name") == "node")
    return next((one.get("version") for one in found), None)


def _engines(package: Mapping[str, object]) -> object:
    return manifests.section(package, "engines").get("node")


def _in_package(read: Callable[[Mapping[str, object]], object]) -> Callable[[Path], str]:
    def text(folder: Path) -> str:
        value = read(manifests.parsed(folder / "package.json"))
        return str(value).strip() if isinstance(value, str | int) else ""

    return text


_ENGINES = "package.json: engines.node"
_SOURCES: Mapping[str, Callable[[Path], str]] = {
    ".nvmrc": lambda folder: _first_line(folder / ".nvmrc"),
    ".node-version": lambda folder: _first_line(folder / ".node-version"),
    "package.json: volta.node": _in_package(_volta),
    "package.json: devEngines": _in_package(_development),
    _ENGINES: _in_package(_engines),
}
