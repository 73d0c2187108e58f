"""The key under which an install is kept: equal keys, equal node_modules."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mprelease.pipeline import manifests
from mprelease.pipeline.package_managers import Install, install_command, install_variables
from mprelease.process.plain_files import is_plain_file


@dataclass(frozen=True)
class Circumstances:
    """What decides, apart from the repository, what an install brings.

    `machine` is system, processor and C library; `npmrc` a hash of the project's private one;
    `age` names the period after which an install without a lock file is done anew.
    """

    node_version: str
    manager_version: str
    machine: str
    command: str
    npmrc: str
    age: str


def key(install: Install, circumstances: Circumstances) -> str:
    """Return the SHA-256 (hex) of everything that decides what the install brings.

    Of a package.json only what an installer reads counts, so that a new version number or build
    script costs no install.
    """
    around = circumstances
    parts = [around.node_version, around.manager_version, around.machine, around.command]
    parts += [around.npmrc, "" if install.lock else around.age, repr(install.manager)]
    parts += install_command(install, frozen=install.lock is not None)
    parts += [json.dumps(dict(install_variables(install)), sort_keys=True)]
    digest = hashlib.sha256(json.dumps(parts).encode())
    for path in sorted(set(_files(install))):
        content = _decisive(path) if path.name == "package.json" else path.read_bytes()
        digest.update(f"\0{path.relative_to(install.folder)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


_SETTINGS = frozenset(
    {"package.json", ".npmrc", ".yarnrc", ".yarnrc.yml", "pnpm-workspace.yaml"}
    | {".pnpmfile.cjs", "pnpmfile.js"},
)
# patch-package and pnpm keep patches in `patches`, yarn in `.yarn/patches`, beside its plug-ins.
_FOLDERS = frozenset({"patches", ".yarn"})
_NOT_ENTERED = frozenset({".git", "node_modules"})
_YARN_CACHE = (".yarn", "cache")

_DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
_FIELDS = frozenset(
    {*_DEPENDENCIES, "name", "workspaces", "overrides", "resolutions", "packageManager", "pnpm"}
    | {"allowScripts", "peerDependenciesMeta", "dependenciesMeta", "bundleDependencies", "bin"},
)
_HOOKS = frozenset({"preinstall", "install", "postinstall", "prepublish", "prepare"})


def _files(install: Install) -> Iterator[Path]:
    if install.lock:
        yield install.lock
    for path in _below(install.folder):
        inside = path.relative_to(install.folder).parts[:-1]
        if path.name in _SETTINGS or not _FOLDERS.isdisjoint(inside):
            yield path
        if path.name == "package.json":
            yield from _copied_folders(install.folder, path)


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if Path(place, name).parts[-2:] != _YARN_CACHE]
        folders[:] = [name for name in folders if name not in _NOT_ENTERED]
        paths = (Path(place, name) for name in names)
        yield from (path for path in paths if is_plain_file(path))


def _copied_folders(root: Path, path: Path) -> Iterator[Path]:
    # pnpm and yarn 1 copy what a `file:` dependency names, so that its content counts too.
    manifest = manifests.parsed(path)
    for dependencies in _sections(manifest):
        for wanted in dependencies.values():
            target = (path.parent / str(wanted).removeprefix("file:")).resolve()
            if str(wanted).startswith("file:") and target.is_relative_to(root.resolve()):
                yield from _below(root / target.relative_to(root.resolve()))


def _sections(manifest: Mapping[str, object]) -> Iterable[Mapping[str, object]]:
    return (manifests.section(manifest, name) for name in _DEPENDENCIES)


def _decisive(path: Path) -> bytes:
    manifest = manifests.parsed(path)
    content: dict[str, object] = {name: manifest[name] for name in _FIELDS & manifest.keys()}
    scripts = manifests.section(manifest, "scripts")
    content["scripts"] = {name: scripts[name] for name in _HOOKS & scripts.keys()}
    return json.dumps(content, sort_keys=True).encode()
