"""The key of a dependency set: a digest of all inputs of its install."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mprelease.packages import manifests
from mprelease.packages.install_plan import Install, install_command, install_variables
from mprelease.packages.install_view import InstallView, reduced

# To be changed when sets of the same inputs would differ from those of earlier versions.
_FORMAT = "1"


@dataclass(frozen=True)
class KeyInputs:
    """The inputs of an install besides the files of the repository.

    `machine` is system, processor and C library. `command` is the app's own install command, run in
    `command_folder` of the tree. `npmrc` is the project's private one, `variables` are passed
    through from the environment. `age` identifies the period in which an install without a lock
    file is reused, `installed_from` (ms since the epoch) is the app's setting, `tree_id` the id of
    git's tree object. `on_file` is called once per file, and may raise to abort.
    """

    node_version: str
    npm_version: str
    machine: str
    command: str
    npmrc: str
    variables: Mapping[str, str]
    age: str
    tree_id: str
    installed_from: int = 0
    command_folder: str = ""
    on_file: Callable[[], None] = lambda: None


def key(tree: Path, installs: Sequence[Install], view: InstallView, around: KeyInputs) -> str:
    """Return the SHA-256 (hex) of all inputs of the installs."""
    digest = hashlib.sha256()
    for part in (_FORMAT, *_key_inputs(installs, view, around), *_installs(tree, installs)):
        digest.update(f"{len(part)} {part}\0".encode(errors="surrogatepass"))
    for path in sorted(view.files | view.manifests):
        around.on_file()
        content = seen_content(tree, path, view, installs)
        is_program = bool((tree / path).stat().st_mode & 0o100)
        head = f"\0{path}\0{is_program}\0{len(content)}\0"
        digest.update(head.encode(errors="surrogatepass"))
        digest.update(content)
    return digest.hexdigest()


def seen_content(tree: Path, path: Path, view: InstallView, installs: Sequence[Install]) -> bytes:
    """Return the content of a file as the install sees it."""
    if path not in view.manifests:
        return (tree / path).read_bytes()
    is_root = any(tree / path.parent == install.folder for install in installs)
    manifest = reduced(manifests.parsed(tree / path), is_root=is_root)
    return json.dumps(manifest, indent=2, ensure_ascii=False).encode(errors="surrogatepass")


def _key_inputs(installs: Sequence[Install], view: InstallView, around: KeyInputs) -> Iterator[str]:
    yield from (around.node_version, around.npm_version, around.machine, around.command)
    # Apps of one workspace share its root, but run their commands in different folders.
    yield around.command_folder
    yield from (around.npmrc, json.dumps(dict(around.variables), sort_keys=True))
    yield str(around.installed_from)
    yield "" if all(install.lock for install in installs) else around.age
    yield around.tree_id if view.whole_tree else ""
    yield " ".join(sorted(map(str, view.folders)))


def _installs(tree: Path, installs: Sequence[Install]) -> Iterator[str]:
    for install in installs:
        yield str(install.folder.relative_to(tree))
        yield repr(install.manager)
        yield from install_command(install, frozen=install.is_frozen)
        yield json.dumps(dict(install_variables(install)), sort_keys=True)
